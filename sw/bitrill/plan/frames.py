"""Frames in flight: what a check of frames at the input and a gate at the output need to know.

Both answers follow from the schedules' rules read backwards: when an event has happened, so have
those that it had to wait for. A FIFO of D slots between p and q says that ``p[k]`` waited for
``q[k - D]``.
"""

from __future__ import annotations

from ..errors import StageError
from ..ir.graph import INPUT, Graph, Stage
from ..ir.operator import Operator
from ..ir.schedule import Stream


def frames_inside(graph: Graph) -> int:
    """The most frames that can be complete at the input with output beats still to be taken.

    Acceptance of a frame's last input beat implies, back through every FIFO and operator, that
    some output beat was taken before; only frames that end after that beat can still be inside.
    """
    _must_be_folded(graph)
    happened = {INPUT: graph.nodes[0].beats_in - 1}  # beats written into the FIFO of an edge
    for node in graph.nodes:
        accepted = max(happened[e] - graph.depths[e] for e in node.inputs)
        happened[node.name] = _waited_for(node, "in", accepted, "out")
    taken = happened[graph.output] - graph.depths[graph.output]
    return 1 - (taken + 1) // graph[graph.output].beats_out


def whole_frame_first(graph: Graph) -> bool:
    """Whether a frame's first output beat waits for its last input beat (dense layers do so)."""
    _must_be_folded(graph)
    needed = {graph.output: 0}
    for node in reversed(graph.nodes):
        accepted = _waited_for(node, "out", needed[node.name], "in")
        needed |= {e: max(accepted, needed.get(e, accepted)) for e in node.inputs}
    return needed[INPUT] >= graph.nodes[0].beats_in - 1


def _waited_for(node: Operator, event: Stream, number: int, goal: Stream) -> int:
    """The last ``goal`` event that must have happened when ``event`` of that number has.

    Numbers count from the first event of one frame on; earlier frames' events are negative.
    """
    schedule = node.schedule()
    sizes = {"in": schedule.n_in, "step": schedule.n_step, "out": schedule.n_out}

    def direct(dst: Stream, k: int, src: Stream) -> int | None:
        rules = [r for r in schedule.rules if (r.dst, r.src) == (dst, src)]
        if not rules:
            return None
        frame, place = divmod(k, sizes[dst])
        own = max(int(r.index[: place + 1].max()) for r in rules)
        before = max(int(r.index.max()) for r in rules) - sizes[src]
        return max(own, before) + frame * sizes[src]

    found = [direct(event, number, goal)]
    step = direct(event, number, "step")
    if step is not None:
        found.append(direct("step", step, goal))
    known = [f for f in found if f is not None]
    if not known:
        raise StageError(f"{node.name}: no rule of its schedule ties {event!r} to {goal!r}")
    return max(known)


def _must_be_folded(graph: Graph) -> None:
    if graph.stage is not Stage.FOLDED:
        raise StageError(
            f"{graph.name}: frames in flight are known for folded graphs,"
            f" not {graph.stage.value} ones"
        )
