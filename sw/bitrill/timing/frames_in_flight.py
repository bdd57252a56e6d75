"""Frames in flight: how many frames a network can hold, and when it holds back its output.

The frame check at a design's input and the gate at its output are built from these answers. Both
follow from the schedules' rules read backwards: when an event has happened, so have those that it
had to wait for. With a FIFO of D slots between p and q, ``p[k]`` waited for ``q[k - D]``.
"""

from ..errors import StageError
from ..ir import INPUT, Graph, Operator, Stage, Stream, port


def frames_inside(graph: Graph) -> int:
    """Return the most frames that can be whole at the input, with output beats still to be taken.

    A frame's last input beat is accepted only after some output beat was taken: this follows back
    through every FIFO and operator. Only frames that end after that beat can still be inside.
    """
    _must_be_folded(graph)
    happened = {INPUT: graph.reader(INPUT).beats_in - 1}  # last beat written into an edge's FIFO
    for node in graph.nodes:
        accepted = {port("in", k): happened[e] - graph.depths[e] for k, e in enumerate(node.inputs)}
        for k, edge in enumerate(node.outputs):  # every path gives a true bound
            happened[edge] = max(_implied(node, accepted, port("out", k)))
    taken = happened[graph.output] - graph.depths[graph.output]
    return 1 - (taken + 1) // graph.producer(graph.output).beats_out


def whole_frame_first(graph: Graph) -> bool:
    """Return whether a frame's first output beat waits for its last input beat.

    It does so behind any dense layer.
    """
    _must_be_folded(graph)
    needed = {graph.output: 0}
    for node in reversed(graph.nodes):
        taken = {port("out", k): needed[e] for k, e in enumerate(node.outputs) if e in needed}
        for k, edge in enumerate(node.inputs):
            needed[edge] = max(_implied(node, taken, port("in", k)))
    return needed[INPUT] >= graph.reader(INPUT).beats_in - 1


def _implied(node: Operator, events: dict[Stream, int], goal: Stream) -> list[int]:
    """Return the last ``goal`` event before each of ``events`` that a rule ties to ``goal``."""
    waited = [_waited_for(node, event, number, goal) for event, number in events.items()]
    known = [w for w in waited if w is not None]
    if not known:
        raise StageError(f"{node.name}: no rule of its schedule ties {min(events)!r} to {goal!r}")
    return known


def _waited_for(node: Operator, event: Stream, number: int, goal: Stream) -> int | None:
    """Return the last ``goal`` event that ``event`` of that number waited for, if any.

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

    waited = [direct(event, number, goal)]
    step = direct(event, number, "step")
    if step is not None:
        waited.append(direct("step", step, goal))
    return max((w for w in waited if w is not None), default=None)


def _must_be_folded(graph: Graph) -> None:
    if graph.stage is not Stage.FOLDED:
        raise StageError(
            f"{graph.name}: frames in flight are known for folded graphs,"
            f" not {graph.stage.value} ones"
        )
