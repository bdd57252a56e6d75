"""Computes how many frames a network can hold, and whether its output waits for a whole frame.

A design checks the length of each frame at its input and drops bad frames at its output. The queue
of verdicts between the two needs a slot for every frame inside, and a frame can be dropped only if
its first output beat waits for its last input beat.

Both answers follow from the schedules' rules read backwards: when an event has happened, so have
those that it had to wait for. With a FIFO of D slots between p and q, ``p[k]`` waited for
``q[k - D]``. Events are beats (``in``, ``out``) and internal firings (``step``) of an operator, see
`bitrill.ir.schedule`.
"""

from ..errors import StageError
from ..ir import INPUT, Graph, Operator, Stage, Stream, port


def frames_inside(graph: Graph) -> int:
    """Return the largest number of frames that can be inside the network at once.

    Such a frame has been accepted completely, and its output has not yet been taken completely. A
    frame's last input beat is accepted only after some output beat was taken, which is found by
    following the rules through every FIFO and operator. Only frames that end after that output beat
    can still be inside.
    """
    _must_be_folded(graph)
    happened = {INPUT: graph.reader(INPUT).beats_in - 1}  # last beat written into an edge's FIFO
    for node in graph.nodes:
        accepted = {port("in", k): happened[e] - graph.depths[e] for k, e in enumerate(node.inputs)}
        # each path proves that at least so many events have happened: take the largest number
        for k, edge in enumerate(node.outputs):
            happened[edge] = max(_implied(node, accepted, port("out", k)))
    # number of the last output beat taken; negative numbers are beats of earlier frames
    taken = happened[graph.output] - graph.depths[graph.output]
    return 1 - (taken + 1) // graph.producer(graph.output).beats_out


def whole_frame_first(graph: Graph) -> bool:
    """Return whether a frame's first output beat waits for its last input beat.

    It does so in any network with a dense layer.
    """
    _must_be_folded(graph)
    needed = {graph.output: 0}
    for node in reversed(graph.nodes):
        taken = {port("out", k): needed[e] for k, e in enumerate(node.outputs) if e in needed}
        for k, edge in enumerate(node.inputs):
            needed[edge] = max(_implied(node, taken, port("in", k)))
    return needed[INPUT] >= graph.reader(INPUT).beats_in - 1


def _implied(node: Operator, events: dict[Stream, int], goal: Stream) -> list[int]:
    """Return, for each event that a rule links to ``goal``, the last ``goal`` event it waited for.

    ``events``: the number of one event of each stream.
    """
    waited = [_waited_for(node, event, number, goal) for event, number in events.items()]
    known = [w for w in waited if w is not None]
    if not known:
        raise StageError(f"{node.name}: no rule of its schedule links {min(events)!r} to {goal!r}")
    return known


def _waited_for(node: Operator, event: Stream, number: int, goal: Stream) -> int | None:
    """Return the last ``goal`` event that event ``number`` of stream ``event`` waited for, if any.

    It waited directly or by way of a ``step``. Numbers count from the first event of one frame;
    those of earlier frames are negative.
    """
    schedule = node.schedule()
    sizes = schedule.sizes

    def direct(dst: Stream, k: int, src: Stream) -> int | None:
        rules = [r for r in schedule.rules if (r.dst, r.src) == (dst, src)]
        if not rules:
            return None
        frame, in_frame = divmod(k, sizes[dst])
        # an event has waited for what its predecessors waited for: those of the same frame, and
        # the last one of the frame before
        same_frame = max(int(r.index[: in_frame + 1].max()) for r in rules)
        frame_before = max(int(r.index.max()) for r in rules) - sizes[src]
        return max(same_frame, frame_before) + frame * sizes[src]

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
