"""Picks the nodes of a graph that its output depends on."""

from ..ir import Operator, Sink
from ..ops import Split


def needed(nodes: list[Operator], sink: Sink) -> tuple[Operator, ...]:
    """Return the nodes that the output depends on, in order."""
    wanted, kept = {sink.edge}, []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    return tuple(kept[::-1])


def read(nodes: tuple[Operator, ...], sink: Sink) -> tuple[Operator, ...]:
    """Return ``nodes`` with crops for a split of which nothing reads some part.

    In hardware a part that nobody takes would hold up all others.
    """
    read = {sink.edge, *(e for n in nodes for e in n.inputs)}
    kept: list[Operator] = []
    for node in nodes:
        if isinstance(node, Split) and not read.issuperset(node.outputs):
            kept += [crop for crop in node.crops() if crop.name in read]
        else:
            kept.append(node)
    return tuple(kept)
