"""Plan of the steps of a sparse folded matrix: which beats of x each group of rows needs.

A step multiplies ``simd`` columns, one beat of x, by ``pe`` rows. Where all of these weights are 0
the step adds nothing and is left out (Narang et al. 2017, block-sparse; Mao et al. 2017, regularity
of sparse structure). So each group of rows keeps a list of the beats that it reads, ascending.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ColumnSteps:
    """Beats that are read for each vector, group after group.

    ``beats``: int64 ``[steps]``, the beat of each step; ``counts``: int64 ``[groups]``, the number
    of steps of each group of rows, at least 1, since each row has a result.
    """

    beats: np.ndarray
    counts: np.ndarray

    @property
    def groups(self) -> np.ndarray:
        """The group of rows of each step, int64 ``[steps]``."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def last(self) -> np.ndarray:
        """Whether each step is the last of its group, bool ``[steps]``."""
        out = np.zeros(len(self.beats), bool)
        out[np.cumsum(self.counts) - 1] = True
        return out

    def words(self, bits: int) -> np.ndarray:
        """Words of the index memory, uint8 ``[steps, bits + 1]``: the beat, and whether it is the
        last of its group."""
        beats = (self.beats[:, None] >> np.arange(bits)) & 1
        return np.concatenate([beats, self.last[:, None]], axis=1).astype(np.uint8)

    def read(self, shape: tuple[int, int], pe: int, simd: int) -> np.ndarray:
        """Weights that some step multiplies, bool ``shape``, ``[rows, columns]``."""
        rows, cols = shape
        out = np.zeros((rows // pe, cols // simd), bool)
        out[self.groups, self.beats] = True
        return out.repeat(pe, axis=0).repeat(simd, axis=1)


class ColumnPlans:
    """The `ColumnSteps` of a matrix at every folding, each planned once.

    ``nonzero``: whether each weight is other than 0, bool ``[rows, columns]``.
    """

    def __init__(self, nonzero: np.ndarray) -> None:
        self._nonzero = nonzero
        self._beats: dict[int, np.ndarray] = {}
        self._steps: dict[tuple[int, int], ColumnSteps] = {}

    def at(self, pe: int, simd: int) -> ColumnSteps:
        """Return the fewest steps in groups of ``pe`` rows and beats of ``simd`` columns.

        Both must divide the matrix. A group of rows without any weight reads beat 0.
        """
        if (pe, simd) not in self._steps:
            rows, cols = self._nonzero.shape
            if simd not in self._beats:
                every = self._nonzero.reshape(rows, cols // simd, simd)
                self._beats[simd] = np.logical_or.reduce(every, axis=2)
            every = self._beats[simd].reshape(rows // pe, pe, cols // simd)
            read = np.logical_or.reduce(every, axis=1)
            read[~read.any(1), 0] = True
            self._steps[pe, simd] = ColumnSteps(np.nonzero(read)[1], read.sum(1))
        return self._steps[pe, simd]
