"""Divides weights by their common factors; the reader takes the factor in.

Weights 2, 4, 8 become 1, 2, 4 behind thresholds half as large: narrower weights and accumulators.
"""

import dataclasses

import numpy as np

from ..ir import Graph, IntType
from ..ops import Depthwise, MatVec, Threshold
from .rebuild import can_remap, readers, rebuild


def take_factors(graph: Graph, node: MatVec | Depthwise) -> Graph:
    """Divide the rows of ``node`` by the common factors of their weights.

    In front of a threshold each row has a factor of its own, unless the matrix would then hold more
    different weights; else all rows share one. The one reader takes the factor g in:
    ``g * y >= t`` is ``y >= ceil(t / g)``, and a sink's scale is g times as large (one factor for
    all channels, since decisions compare integers).
    """
    if not node.weight_type.coding.binary or not can_remap(graph, node.name):
        return graph
    (reader,) = readers(graph, node.name)
    factors = _factors(node.weights, alike=not isinstance(reader, Threshold))
    if (factors == 1).all():
        return graph
    weights = node.weights // factors[:, None]
    narrow = IntType.for_range(lo=int(weights.min()), hi=int(weights.max()))
    divided = node.replace(weights=weights, weight_type=narrow)
    if isinstance(reader, Threshold):
        x = divided.y.type
        limits = np.clip(-(-reader.thresholds // factors[:, None]), x.lo, x.hi + 1)
        return rebuild(graph, divided, reader.replace(operands=(divided.y,), thresholds=limits))
    scale = tuple(int(factors[0]) * s for s in graph.sink.scale)
    return rebuild(graph, divided, dataclasses.replace(graph.sink, tensor=divided.y, scale=scale))


def _factors(weights: np.ndarray, *, alike: bool) -> np.ndarray:
    """Return the divisor of each row, int64 ``[rows]``."""
    rows = np.gcd.reduce(np.abs(weights), axis=1)
    rows = np.where(rows == 0, 1, rows)
    if not alike and len(np.unique(weights // rows[:, None])) <= len(np.unique(weights)):
        return rows
    return np.full(len(weights), max(1, np.gcd.reduce(np.abs(weights), axis=None)))
