"""Which channels of a graph's edges are constant, and which are equal for every input."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..ir import INPUT, Graph, Operator, Ranges
from ..ops import MatVec
from ..ops.matvec import Matrix


@dataclass(frozen=True, eq=False)
class Values:
    """The channels of an edge: their ranges, and ``ids``, equal where channels are always equal.

    ``ids``: int64 ``[C]``; below 0 for a constant, the same for the same constant everywhere.
    """

    ranges: Ranges
    ids: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """Return whether each channel has only one value, bool ``[C]``."""
        return self.ids < 0


def channel_values(graph: Graph, fixed: Collection[str]) -> dict[str, Values]:
    """Return the values of every edge's channels, by intervals from the input on.

    ``fixed``: nodes whose constants may become others; their results can be any of their types.
    """
    source = graph.source.tensor
    known = {INPUT: _numbered(Ranges.of(source), np.arange(source.channels), 0)}
    first = source.channels
    for node in graph.nodes:
        xs = tuple(known[e] for e in node.inputs)
        if node.name in fixed:
            ranges = tuple(map(Ranges.of, node.freed().results))
            keys = [np.arange(len(r.lo)) for r in ranges]
        else:
            ranges = node.ranges(*(x.ranges for x in xs))
            keys = _keys(node, xs)
        for edge, own, key in zip(node.outputs, ranges, keys, strict=True):
            known[edge] = _numbered(own, key, first)
            first += len(key)
    return known


def _numbered(ranges: Ranges, key: np.ndarray, first: int) -> Values:
    """Return the values of an edge whose channels are equal where ``key`` ``[C]`` or its rows are.

    New ids begin at ``first``.
    """
    rows = key.reshape(len(key), -1)
    ids = first + np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    v = ranges.lo
    return Values(ranges, np.where(ranges.constant, np.where(v < 0, 2 * v, -2 * v - 1), ids))


def _keys(node: Operator, xs: tuple[Values, ...]) -> list[np.ndarray]:
    """Return for each result the parameters that distinguish its channels, rows of int64 ``[C,
    n]``."""
    if isinstance(node, Matrix):
        return [_row_keys(node, xs[0])]
    wiring = node.wiring()
    if wiring is None:
        return [np.arange(t.channels) for t in node.results]
    ids = np.concatenate([x.ids for x in xs])
    return [
        ids[w.sources] if w.variants is None else np.column_stack([w.variants, ids[w.sources]])
        for w in wiring
    ]


def _row_keys(node: Matrix, x: Values) -> np.ndarray:
    """Return the weights of each row, those of equal inputs added, and its share of constants."""
    if not isinstance(node, MatVec) or node.inside is not None:
        return node.weights
    columns, value = column_ids(node, x)
    varying = columns >= 0
    _, which = np.unique(columns[varying], return_inverse=True)
    sums = np.zeros((node.rows, which.max(initial=-1) + 1), np.int64)
    np.add.at(sums.T, which.reshape(-1), node.weights[:, varying].T)
    shares = node.weights[:, ~varying] @ value[~varying] - node.dot_offset
    return np.column_stack([sums, shares])


def column_ends(node: Matrix, x: Values) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest value of each of a matrix' columns."""
    places = node.cols // len(x.ids)
    return np.tile(x.ranges.lo, places), np.tile(x.ranges.hi, places)


def column_ids(node: Matrix, x: Values) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of a matrix' columns, unlike at unlike places, and their lowest values."""
    places = node.cols // len(x.ids)
    ids = np.tile(x.ids, places)
    place = np.arange(places).repeat(len(x.ids))
    return np.where(ids < 0, ids, ids * places + place), np.tile(x.ranges.lo, places)
