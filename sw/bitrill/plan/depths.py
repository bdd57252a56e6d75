"""FIFO depths: the fewest slots that keep the rate which unlimited FIFOs would have."""

from __future__ import annotations

from ..ir.graph import Graph, Stage
from .timing import predict

FLOOR = 2
"""Slots that every FIFO has: fewer could not cut the ready path at full rate."""


def fifo_depths(graph: Graph) -> dict[str, int]:
    """Slots of each edge, by name, of a graph whose nodes are folded.

    No FIFO above the floor can lose one slot alone without lowering the rate: depths are lowered
    one edge at a time, widest edges first, and the rate is monotone in all of them.
    """
    lanes = {e: n.lanes_out for n in graph.nodes for e in n.outputs} | {
        e: n.lanes_in for n in reversed(graph.nodes) for e in n.inputs
    }
    edges = list(graph.edges)
    with_depths = lambda d: graph.replace(stage=Stage.FOLDED, depths=d)  # noqa: E731
    depths = dict.fromkeys(edges, FLOOR)
    ample = {e: FLOOR + 2 * graph.edges[e].size // lanes[e] for e in edges}
    best = predict(with_depths(ample)).ii
    if predict(with_depths(depths)).ii == best:
        return depths
    depths = ample
    for edge in sorted(edges, key=lambda e: -lanes[e] * graph.edges[e].type.bits):
        low, high = FLOOR, depths[edge]
        while low < high:
            middle = (low + high) // 2
            if predict(with_depths(depths | {edge: middle})).ii == best:
                high = middle
            else:
                low = middle + 1
        depths[edge] = high
    return depths
