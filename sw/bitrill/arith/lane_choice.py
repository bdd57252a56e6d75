"""Plan of the lanes of an N:M sparse matrix: which columns each multiplier chooses from.

A row is N:M sparse if each M neighbouring columns hold at most N weights other than 0 (Mishra et
al. 2021). Then N lanes multiply for M columns: lane j of a block takes one of the columns
``j .. j + M - N``, by an index that is stored beside its weight. Where all rows of a group leave
the same columns out, they share indices, and so the multiplexers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

BLOCKS = (2, 4, 8, 16)
"""Columns of a block that are tried; past 16 inputs a multiplexer takes nine LUTs a bit."""


@dataclass(frozen=True)
class LaneChoice:
    """``n`` lanes for each ``m`` columns; ``shared``: the rows of a group share their indices."""

    n: int
    m: int
    shared: bool

    @property
    def inputs(self) -> int:
        """Columns that a lane chooses from."""
        return self.m - self.n + 1

    @property
    def index_bits(self) -> int:
        """Bits of a lane's index."""
        return (self.m - self.n).bit_length()

    def places(self, nonzero: np.ndarray, pe: int) -> np.ndarray:
        """Column of each lane, int64 ``[rows, lanes]``, of ``nonzero``, bool ``[rows, columns]``.

        The columns of a block that are not 0 and, of the others, the first ones, ascending.
        """
        rows, cols = nonzero.shape
        groups = pe if self.shared else 1
        blocks = nonzero.reshape(rows // groups, groups, cols // self.m, self.m)
        wanted = np.logical_or.reduce(blocks, axis=1)
        order = np.argsort(~wanted, axis=-1, kind="stable")[..., : self.n]
        chosen = np.sort(order, axis=-1) + self.m * np.arange(cols // self.m)[:, None]
        return chosen.reshape(len(wanted), -1).repeat(groups, axis=0)

    def indices(self, places: np.ndarray) -> np.ndarray:
        """Index of each lane among its inputs, of `places`."""
        return places % self.m - np.arange(places.shape[1]) % self.n

    def inputs_of(self, lane: int) -> list[int]:
        """Columns of a beat that a lane chooses from, by its index."""
        block, j = divmod(lane, self.n)
        return [block * self.m + j + k for k in range(self.inputs)]


class LaneChoices:
    """The `LaneChoice` of a matrix at each folding; ``nonzero``: bool ``[rows, columns]``."""

    def __init__(self, nonzero: np.ndarray) -> None:
        self.nonzero = nonzero
        self._shared: dict[tuple[int, int], int] = {}

    @cached_property
    def _own(self) -> dict[int, int]:
        blocks = (m for m in BLOCKS if self.nonzero.shape[1] % m == 0)
        return {m: self._fewest(self.nonzero, m) for m in blocks}

    @staticmethod
    def _fewest(nonzero: np.ndarray, m: int) -> int:
        counts = nonzero.reshape(len(nonzero), -1, m).sum(-1)
        return max(1, int(counts.max()))

    @property
    def sparse(self) -> bool:
        """Whether each row leaves out a column of every block of some size."""
        return any(n < m for m, n in self._own.items())

    def at(self, pe: int, simd: int) -> Iterator[LaneChoice]:
        """Give every choice of lanes at a folding that leaves some out."""
        for m, n in self._own.items():
            if n == m or simd % m:
                continue
            yield LaneChoice(n, m, False)
            if (pe, m) not in self._shared:
                rows, cols = self.nonzero.shape
                groups = np.logical_or.reduce(self.nonzero.reshape(rows // pe, pe, cols), axis=1)
                self._shared[pe, m] = self._fewest(groups, m)
            if self._shared[pe, m] < m:
                yield LaneChoice(self._shared[pe, m], m, True)
