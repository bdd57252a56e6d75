"""Narrows the types of weights and activations to the values that can occur."""

import dataclasses

import numpy as np

from ..ir import BIPOLAR, Graph, IntType
from ..ops import Depthwise, MatVec, MaxPool, Pad, Threshold
from .rebuild import can_remap, readers, rebuild, remap


def narrow_widths(graph: Graph) -> Graph:
    """Give weights the smallest types, and drop levels of activations that are never reached.

    Nodes are taken from input to output, since the values of a layer depend on the layers before.
    Accumulators follow: a `MatVec` derives its range from weights and operand.
    """
    for name in [n.name for n in graph.nodes]:
        node = graph[name]
        if isinstance(node, MatVec | Depthwise):
            graph = take_factors(graph, node)
            node = graph[name]
        if isinstance(node, MatVec):
            graph = _narrow_weights(graph, node)
        elif isinstance(node, Depthwise) and node.weight_type.coding.binary:
            graph = _narrow_taps(graph, node)
        elif isinstance(node, Threshold) and node.out.coding.binary:
            graph = _drop_levels(graph, node)
        elif isinstance(node, Pad) and node.value < node.x.type.lo:
            graph = _raise_border(graph, node)
    return graph


def _narrow_taps(graph: Graph, node: Depthwise) -> Graph:
    w = node.weights
    narrow = IntType.for_range(lo=int(w.min()), hi=int(w.max()))
    if not node.x.type.coding.is_bipolar and np.all(np.abs(w) == 1):
        narrow = BIPOLAR
    return graph if narrow == node.weight_type else rebuild(graph, node.replace(weight_type=narrow))


def _raise_border(graph: Graph, node: Pad) -> Graph:
    """Raise a padding value below all of x's to the lowest value of x; maxima do not change.

    The condition is that every window has a pixel of x: a window that is entirely on the border
    would have the padding value as its maximum.
    """
    inside = node.replace(value=0).eval(np.ones((1, *node.x.shape), np.uint8))
    if all(isinstance(r, MaxPool) and r.eval(inside).all() for r in readers(graph, node.name)):
        return rebuild(graph, node.replace(value=node.x.type.lo))
    return graph


def _narrow_weights(graph: Graph, node: MatVec) -> Graph:
    if node.weight_type.coding.is_bipolar:
        return graph
    w = node.weights
    if np.all(np.abs(w) == 1):
        if not node.x.type.coding.is_bipolar:
            return rebuild(graph, node.replace(weight_type=BIPOLAR))
        if can_remap(graph, node.name):
            # w @ bits becomes a popcount: (w @ x + cols) / 2 = w @ bits + (cols - sum(w)) / 2
            popcount = node.replace(weight_type=BIPOLAR)
            shift = (node.cols - w.sum(1)) // 2
            return remap(graph, popcount, np.ones(node.rows, np.int64), shift)
    narrow = IntType.for_range(lo=int(w.min()), hi=int(w.max()))
    return graph if narrow == node.weight_type else rebuild(graph, node.replace(weight_type=narrow))


def _drop_levels(graph: Graph, node: Threshold) -> Graph:
    levels, x = node.levels, node.x.type
    first = (node.thresholds <= x.lo).sum(1)
    last = (node.thresholds <= x.hi).sum(1)
    lo = int(np.where(node.inverted, levels - last, first).min())
    hi = int(np.where(node.inverted, levels - first, last).max())
    if lo == hi:  # a constant result keeps one threshold, which is always or never reached
        lo, hi = (lo, hi + 1) if hi < levels else (lo - 1, hi)
    if (lo, hi) == (0, levels):
        return graph
    rising, falling = node.thresholds[:, lo:hi], node.thresholds[:, levels - hi : levels - lo]
    return rebuild(
        graph,
        node.replace(
            thresholds=np.where(node.inverted[:, None], falling, rising),
            out=IntType.for_range(lo=node.out.lo + lo, hi=node.out.lo + hi),
        ),
    )


def take_factors(graph: Graph, node: MatVec | Depthwise) -> Graph:
    """Divide the rows of ``node`` by the common factors of their weights.

    If the one reader is a threshold, each row has its own factor, unless the matrix would then hold
    more different weights; ``g * y >= t`` becomes ``y >= ceil(t / g)``. If it is the sink, all rows
    share one factor, since decisions compare integers, and the scale is g times as large.
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
