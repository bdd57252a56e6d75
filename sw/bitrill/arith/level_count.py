"""The golden model of a MultiThreshold: 255 levels take as many steps as 3.

Evenly spaced thresholds become a multiplication, an addition and a rounding down in floating point.
The result is checked on both sides of every threshold. That is a proof for all x, because rounded
sums and products of a rising x never fall. Uneven thresholds, and small batches, use a search.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property

import numpy as np

from ..ir import IntType, rounded_line
from .multiply_shift import RisingSteps, rising

FEW = 128
"""Number of vectors, in one call or several, from which the line is worth computing."""


class LevelCount:
    """Counts levels: ``N - n if inverted[c] else n`` with ``n = #{k : x >= thresholds[c, k]}``.

    ``thresholds``: int64 ``[C, N]``, ascending, for x of type ``x``; ``inverted``: bool ``[C]``.
    """

    def __init__(self, thresholds: np.ndarray, inverted: np.ndarray, x: IntType):
        self._thresholds, self._inverted, self._x = thresholds, inverted, x
        # x.hi + 1 and the sums' last place must be float32 as well
        narrow = max(abs(x.lo), abs(x.hi)) < 1 << 23
        self._dtype = np.float32 if narrow else np.float64
        self._seen = 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the count for each of ``[.., C]``, float32."""
        channels, levels = self._thresholds.shape
        self._seen += x.size // channels
        if levels > 1 and self._seen >= FEW and self._line is not None:
            return rounded_line(x, *self._line, levels)
        n = (x >= self._table[0]).astype(np.float32) if levels == 1 else self._searched(x)
        return np.where(self._inverted, np.float32(levels) - n, n) if self._inverted.any() else n

    def _searched(self, x: np.ndarray) -> np.ndarray:
        """Count by a binary search, one bit of the count in each step."""
        channels = self._thresholds.shape[0]
        table, column = self._table.reshape(-1), np.arange(channels)
        n = np.zeros(x.shape, np.intp)
        step = (len(self._table) + 1) // 2
        while step:
            n += step * (x >= table[(n + (step - 1)) * channels + column])
            step //= 2
        return n.astype(np.float32)

    @cached_property
    def _table(self) -> np.ndarray:
        """Thresholds ``[2**b - 1, C]``; x never reaches those beyond N."""
        channels, levels = self._thresholds.shape
        table = np.full(((1 << levels.bit_length()) - 1, channels), np.inf, self._dtype)
        table[:levels] = self._thresholds.T
        return table

    @cached_property
    def _line(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Gains and offsets of one float dtype whose sum, rounded down, is the count; or None."""
        steps = rising(self._thresholds, self._inverted, self._x)
        slopes = steps.slopes()
        if any(above is not None and below >= above for below, above in slopes):
            return None
        ends = [(max(b, Fraction(0)), b + 1 if a is None else a) for b, a in slopes]
        gain = np.array([float(b + a) / 2 for b, a in ends])
        tried = (_proven(steps, gain, self._inverted, dtype) for dtype in (np.float32, np.float64))
        return next((line for line in tried if line is not None), None)


def _proven(
    steps: RisingSteps, gain: np.ndarray, inverted: np.ndarray, dtype: type
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return gains and offsets in ``dtype`` if every count is exact.

    The offset is halfway between the least and the greatest that the thresholds allow.
    """
    k, limits = steps.numbers, steps.limits
    if max(-int(steps.lo.min()), int(steps.hi.max())) >= 1 << np.finfo(dtype).nmant:
        return None
    gain = gain.astype(dtype)
    g = gain.astype(np.float64)[:, None]
    least = np.where(steps.reached, k - g * limits, -np.inf).max(1)
    most = np.where(steps.missed, k - g * (limits - 1), np.inf).min(1)
    least, most = (
        np.where(least > -np.inf, least, most - 1),
        np.where(most < np.inf, most, least + 1),
    )
    offset = ((least + most) / 2).astype(dtype)
    at, before = (
        places.astype(dtype) * gain[:, None] + offset[:, None] for places in (limits, limits - 1)
    )
    right = ((at >= k) | ~steps.reached) & ((before < k) | ~steps.missed)
    return (np.where(inverted, -gain, gain), offset) if right.all() else None
