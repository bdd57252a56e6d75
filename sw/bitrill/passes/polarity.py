"""Turns falling activations into rising ones by negating the matrix rows that feed them."""

import numpy as np

from ..ir import Graph
from ..ops import MatVec, Threshold
from .rebuild import can_remap, readers, remap


def turn_polarity(graph: Graph) -> Graph:
    """Negate each row that feeds only a falling threshold, if its weights' type allows it.

    Comparators then need no inversion. A negated row of a popcount has the result ``cols - y``, of
    any other sum ``-y``. A layer is not changed if its accumulator would need one more bit.
    """
    for name in [n.name for n in graph.nodes]:
        node = graph[name]
        if isinstance(node, MatVec) and can_remap(graph, name):
            (reader,) = readers(graph, name)
            if isinstance(reader, Threshold) and reader.inverted.any():
                graph = _turn(graph, node, reader.inverted)
    return graph


def _turn(graph: Graph, node: MatVec, falling: np.ndarray) -> Graph:
    t = node.weight_type
    fits = (node.weights.min(1) >= -t.hi) & (node.weights.max(1) <= -t.lo)
    sign = np.where(falling & fits, -1, 1)
    shift = np.where((sign < 0) & node.popcount, node.cols, 0)
    turned = node.replace(weights=node.weights * sign[:, None])
    if turned.y.type.bits > node.y.type.bits:
        return graph
    return remap(graph, turned, sign, shift)
