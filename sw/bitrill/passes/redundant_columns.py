"""Columns of a matrix that need no input of their own: constant ones, and copies of others."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..ir import Graph, IntType, Sink, Tensor
from ..ops import MatVec, Threshold
from ..ops.matvec import Matrix
from .channel_values import Values, column_ids
from .rebuild import readers


def absorbing(graph: Graph, edge: str, fixed: Collection[str]) -> bool:
    """Return whether a constant may be subtracted from a channel of ``edge`` and added again later.

    Thresholds and the output's offsets can add it again; operators that are `additive` pass it on.
    """
    for reader in readers(graph, edge):
        if isinstance(reader, Sink):
            if not reader.scale or reader.segments:
                return False
        elif reader.name in fixed:
            return False
        elif not isinstance(reader, Threshold):
            handed_on = reader.additive and all(t.type.coding.binary for t in reader.operands)
            if not handed_on or not all(absorbing(graph, e, fixed) for e in reader.outputs):
                return False
    return True


@dataclass(frozen=True, eq=False)
class Columns:
    """A matrix whose columns are joined.

    ``weights``: those that count, int64 ``[rows, cols]``: a copy's are 0, and added to those of the
    first of its kind. ``free``: columns whose input is constant and whose share can be moved, bool
    ``[cols]``; ``value``: the constants. ``bound``: all columns stay.
    """

    weights: np.ndarray
    free: np.ndarray
    value: np.ndarray
    bound: bool
    zeros: bool
    """Whether a weight of 0 means that the column is not read."""

    @staticmethod
    def of(node: Matrix, x: Values, graph: Graph, fixed: Collection[str]) -> "Columns":
        """Return the columns of a matrix that reads ``x``."""
        ids, value = column_ids(node, x)
        free = ids < 0
        bordered = isinstance(node, MatVec) and node.inside is not None
        if node.name in fixed or bordered:
            return Columns(node.weights, np.zeros_like(free), value, bound=True, zeros=False)
        if free.any() and not absorbing(graph, node.name, fixed):
            free = np.zeros_like(free)
        if node.distances:
            return Columns(node.weights, free, value, bound=False, zeros=False)
        assert isinstance(node, MatVec)
        t = node.weight_type
        zeros = t.coding.for_weights and t.holds(np.zeros(1, np.int64))
        return Columns(_joined(node, ids), free, value, bound=False, zeros=zeros)

    @property
    def reads_all(self) -> bool:
        """Whether no column can go."""
        every = np.ones(len(self.weights), bool)
        return bool(self.needed(every, np.zeros_like(self.free)).all())

    def needed(self, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Return which columns must have their values, bool ``[cols]``.

        ``rows``: those whose results count; ``kept``: columns that stay in any case.
        """
        if self.bound:
            return np.ones_like(self.free)
        if not self.zeros:
            return ~self.free & rows.any() | kept
        return (self.weights[rows] != 0).any(0) & ~self.free

    def select(
        self, node: Matrix, operand: Tensor, ins: np.ndarray, rows: np.ndarray, counted: np.ndarray
    ) -> tuple[Matrix, np.ndarray]:
        """Return a matrix of some rows and input channels, and the constants missing in its
        results.

        ``operand``: of the channels ``ins``; ``counted``: which of ``rows`` have values that are
        needed.
        """
        channels = node.x.channels
        stays = np.zeros(channels, bool)
        stays[ins] = True
        stays = np.tile(stays, node.cols // channels)
        moved = self.free if self.zeros else self.free & ~stays
        weights = self.weights[rows]
        if self.zeros:
            weights = np.where(counted[:, None] & ~moved, weights, 0)
        new = node.replace(operands=(operand,), weights=weights[:, stays])
        return new, np.where(counted, self._share(node, new, rows, moved), 0)

    def _share(self, node: Matrix, new: Matrix, rows: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Return the sum that the columns ``moved`` add to each row's result."""
        weights, value = self.weights[rows][:, moved], self.value[moved]
        if node.distances:
            return -np.abs(weights - value).sum(1)
        assert isinstance(node, MatVec)
        assert isinstance(new, MatVec)
        return (weights @ value - node.dot_offset[rows] + new.dot_offset) // node.dot_gain


def _joined(node: MatVec, ids: np.ndarray) -> np.ndarray:
    """Return the weights with those of equal columns in the first of them.

    They stay where they are if the sums are no weights of the type, or a memory of them would take
    more bits.
    """
    varying = np.flatnonzero(ids >= 0)
    _, first, which = np.unique(ids[varying], return_index=True, return_inverse=True)
    if len(first) == len(varying):
        return node.weights
    joined = np.zeros_like(node.weights)
    joined[:, ids < 0] = node.weights[:, ids < 0]
    np.add.at(joined.T, varying[first[which.reshape(-1)]], node.weights[:, varying].T)
    stay = np.ones(node.cols, bool)
    stay[varying] = False
    stay[varying[first]] = True
    fits = node.weight_type.holds(joined)
    before = _bits(node.weights, node) * node.cols
    return joined if fits and _bits(joined[:, stay], node) * stay.sum() <= before else node.weights


def _bits(weights: np.ndarray, node: MatVec) -> int:
    """Return the bits of a weight once its type is narrowed."""
    if not node.weight_type.coding.binary:
        return node.weight_type.bits
    if (np.abs(weights) == 1).all():
        return 1
    return IntType.for_range(lo=int(weights.min()), hi=int(weights.max())).bits
