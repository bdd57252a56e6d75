"""Frames in flight: what a check of frames at the input and a gate at the output need to know.

Both answers follow from the schedules' rules read backwards: when an event has happened, so have
those that it had to wait for. A FIFO of D slots between p and q says that ``p[k]`` waited for
``q[k - D]``.
"""

from __future__ import annotations

from ..errors import StageError
from ..ir.graph import INPUT, Graph, Stage
from ..ir.operator import Operator
from ..ir.schedule import Stream, port


def frames_inside(graph: Graph) -> int:
    """The most frames that can be complete at the input with output beats still to be taken.

    Acceptance of a frame's last input beat implies, back through every FIFO and operator, that
    some output beat was taken before; only frames that end after that beat can still be inside.
    """
    _must_be_folded(graph)
    happened = {INPUT: graph.reader(INPUT).beats_in - 1}  # beats written into the FIFO of an edge
    for node in graph.nodes:
        accepted = {port("in", k): happened[e] - graph.depths[e] for k, e in enumerate(node.inputs)}
        for k, edge in enumerate(node.outputs):  # what follows along any path is true
            happened[edge] = max(_implied(node, accepted, port("out", k)))
    taken = happened[graph.output] - graph.depths[graph.output]
    return 1 - (taken + 1) // graph.producer(graph.output).beats_out


def whole_frame_first(graph: Graph) -> bool:
    """Whether a frame's first output beat waits for its last input beat (dense layers do so)."""
    _must_be_folded(graph)
    needed = {graph.output: 0}
    for node in reversed(graph.nodes):
        taken = {port("out", k): needed[e] for k, e in enumerate(node.outputs) if e in needed}
        for k, edge in enumerate(node.inputs):
            needed[edge] = max(_implied(node, taken, port("in", k)))
    return needed[INPUT] >= graph.reader(INPUT).beats_in - 1


def _implied(node: Operator, events: dict[Stream, int], goal: Stream) -> list[int]:
    """For each of ``events`` that is tied to ``goal``: the last ``goal`` event before it."""
    found = [_waited_for(node, event, number, goal) for event, number in events.items()]
    known = [f for f in found if f is not None]
    if not known:
        raise StageError(f"{node.name}: no rule of its schedule ties {min(events)!r} to {goal!r}")
    return known


def _waited_for(node: Operator, event: Stream, number: int, goal: Stream) -> int | None:
    """The last ``goal`` event that must have happened when ``event`` of that number has, if any.

    Numbers count from the first event of one frame on; earlier frames' events are negative.
    """
    schedule = node.schedule()
    sizes = schedule.sizes

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
    return max((f for f in found if f is not None), default=None)


def _must_be_folded(graph: Graph) -> None:
    if graph.stage is not Stage.FOLDED:
        raise StageError(
            f"{graph.name}: frames in flight are known for folded graphs,"
            f" not {graph.stage.value} ones"
        )
