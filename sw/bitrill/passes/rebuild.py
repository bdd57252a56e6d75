"""Replaces a node of a graph; adapts its readers to a new type, or to negated, shifted values."""

import dataclasses

import numpy as np

from ..errors import StageError
from ..exact import Real, real
from ..ir import INPUT, Graph, Operator, Sink, Tensor
from ..ops import Threshold
from ..real import at, compact


def readers(graph: Graph, edge: str) -> list[Operator | Sink]:
    """Return the nodes that read an edge, and the sink if it reads it."""
    nodes: list[Operator | Sink] = [n for n in graph.nodes if edge in n.inputs]
    return [*nodes, graph.sink] if graph.output == edge else nodes


def rebuild(graph: Graph, changed: Operator | Sink, *others: Operator | Sink) -> Graph:
    """Replace the nodes of the same names, and update the operand types of all nodes after them.

    Thresholds outside the new ranges are moved to their ends.
    """
    new = {n.name: n for n in (changed, *others) if isinstance(n, Operator)}
    sinks = [n for n in (changed, *others) if isinstance(n, Sink)]
    edges = {INPUT: graph.source.tensor}
    nodes = []
    for old in graph.nodes:
        node = with_operands(new.get(old.name, old), tuple(edges[e] for e in old.inputs))
        nodes.append(node)
        edges |= zip(node.outputs, node.results, strict=True)
    sink = sinks[0] if sinks else graph.sink
    sink = dataclasses.replace(sink, tensor=edges[sink.edge])
    return graph.replace(nodes=tuple(nodes), sink=sink)


def with_operands(node: Operator, operands: tuple[Tensor, ...]) -> Operator:
    """Return ``node`` for operands of other types that hold the same values."""
    if operands == node.operands:
        return node
    return node.on(operands)


def can_remap(graph: Graph, edge: str) -> bool:
    """Whether `remap` applies: the edge has one reader, a threshold or a scaled sink."""
    match readers(graph, edge):
        case [Threshold()]:
            return True
        case [Sink() as sink]:
            return bool(sink.scale)
    return False


def remap(graph: Graph, node: Operator, sign: np.ndarray, shift: np.ndarray) -> Graph:
    """Replace the node of that name by one that computes ``x' = sign * x + shift`` instead of x.

    ``sign``: +-1 for each channel; ``shift``: for each channel, both int64. The edge's only reader
    reverses the change. A threshold's limits move (``x >= t`` is ``x' >= t + shift``, or for sign
    -1 ``not x' >= shift - t + 1``); a sink's scale and offset change.
    """
    (reader,) = readers(graph, node.name)
    if isinstance(reader, Threshold):
        t = reader.thresholds
        turned = (1 - t)[:, ::-1]
        t = np.where(sign[:, None] < 0, turned, t) + shift[:, None]
        x = node.y.type
        reader = reader.replace(
            operands=(node.y,),
            thresholds=np.clip(t, x.lo, x.hi + 1),
            inverted=reader.inverted ^ (sign < 0),
        )
        return rebuild(graph, node, reader)
    if not isinstance(reader, Sink):
        raise StageError(
            f"{node.name}: its reader must be a threshold or the sink, not {reader.kind}"
        )
    scale: list[Real] = [real(int(s)) * at(reader.scale, c) for c, s in enumerate(sign)]
    offset = [at(reader.offset, c) - s * int(shift[c]) for c, s in enumerate(scale)]
    sink = dataclasses.replace(reader, tensor=node.y, scale=compact(scale), offset=compact(offset))
    return rebuild(graph, node, sink)
