"""Weights that share few values: the values, which one each weight has, tables of them.

Where a matrix has few different weights, its memory holds a code for each one, and a table in LUTs
gives the bits that are multiplied.
"""

from functools import cached_property, lru_cache

import numpy as np

from .lut_tables import TablePlan, table_plan
from .place_hash import hashed_values
from .prefix_code import WORD, PrefixCode, shortest_code

MOST = 256
"""Most values that weights share: a table of eight inputs takes four LUTs a bit."""


class SharedValues:
    """The different values of ``weights``, int64 ``[rows, cols]``."""

    def __init__(self, weights: np.ndarray):
        self._weights = weights

    @cached_property
    def values(self) -> np.ndarray:
        """Each value once, ascending."""
        return np.unique(self._weights)

    @property
    def few(self) -> bool:
        """Whether a table holds them all."""
        return len(self.values) <= MOST

    @property
    def index_bits(self) -> int:
        """Bits of the number of a value, at least one."""
        return max(1, (len(self.values) - 1).bit_length())

    @cached_property
    def indices(self) -> np.ndarray:
        """The number of each weight's value, int64 ``[rows, cols]``."""
        return np.searchsorted(self.values, self._weights)

    @cached_property
    def _counts(self) -> tuple[int, ...]:
        return tuple(np.bincount(self.indices.ravel()).tolist())

    def codes(self) -> list[PrefixCode]:
        """The shortest code for each length that the longest one may have, the shorter first."""
        return [shortest_code(self._counts, most) for most in range(self.index_bits, WORD + 1)]

    def code_bits(self, code: PrefixCode) -> int:
        """Bits of all weights in a prefix code."""
        return int(np.dot(code.lengths, self._counts))

    def tape_depth(self, code: PrefixCode, pe: int, simd: int) -> int:
        """Most words of `prefix_code.tape` that a lane of ``pe`` by ``simd`` has."""
        rows, cols = self._weights.shape
        lengths = code.lengths[self.indices].reshape(rows // pe, pe, cols // simd, simd)
        bits, last = lengths.sum((0, 2)), lengths[-1, :, -1]
        return int(((bits - last) // WORD).max()) + 1

    @cached_property
    def hashed(self) -> np.ndarray | None:
        """The value of each hash of a place (`place_hash`), if that says every weight."""
        return hashed_values(self._weights)


@lru_cache(maxsize=512)
def lookup_plan(inputs: int, table: bytes, outputs: int) -> TablePlan:
    """Return the LUTs of a table ``[2**inputs, outputs]`` of 0 and 1, given as bytes."""
    bits = np.frombuffer(table, np.uint8).reshape(1 << inputs, outputs).astype(np.int64)
    wires = np.arange(inputs)[None].repeat(outputs, axis=0)
    return table_plan(inputs, wires, bits.T)


def lookup(table: np.ndarray) -> TablePlan:
    """Return the LUTs of a table of 0 and 1, ``[2**inputs, outputs]``."""
    inputs = (len(table) - 1).bit_length()
    return lookup_plan(inputs, np.ascontiguousarray(table, np.uint8).tobytes(), table.shape[1])


def padded(planes: np.ndarray, inputs: int) -> np.ndarray:
    """Return the rows ``[n, bits]`` of a table, with repeated ones up to ``2**inputs`` rows.

    What a code that never occurs gives does not matter: the same as without its upper bits.
    """
    at = np.arange(1 << inputs)
    while (at >= len(planes)).any():
        top = 1 << (int(at.max())).bit_length() - 1
        at = np.where(at >= len(planes), at & top - 1, at)
    return planes[at]
