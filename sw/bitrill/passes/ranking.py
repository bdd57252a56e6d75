"""The exact order of real scores over all channels and values, and whether integers keep it."""

from __future__ import annotations

from fractions import Fraction
from functools import cmp_to_key
from itertools import pairwise

import numpy as np

from ..exact import Real, floor, sign

KEPT = 64
"""Places at which candidates failed that are asked first."""

FINEST = 2200
"""Binary places at which scores that are not zero are seen: float64 ends at 1074."""


def magnitude(x: Real) -> Real:
    """``|x|``."""
    return x if sign(x) >= 0 else -x


def ascending(reals: list[Real]) -> list[int]:
    """Places of ``reals`` from the smallest on, exactly; among equals the first place first."""

    def compare(i: int, j: int) -> int:
        return sign(reals[i] - reals[j])

    return sorted(range(len(reals)), key=cmp_to_key(compare))


class Ranking:
    """All pairs (channel c, value v), ascending by ``scale[c] * v + offset[c]``, ties known.

    Sorted by 62-bit approximations; where these lie closer than their errors, exactly.
    """

    def __init__(self, scale: list[Real], offset: list[Real], values: np.ndarray):
        self._scale, self._offset = scale, offset
        n = len(values)
        channel = np.repeat(np.arange(len(scale)), n)
        value = np.tile(values.astype(np.int64), len(scale))
        near = self._approximate(channel, value)
        order = np.argsort(near, kind="stable")
        self._channel, self._value = channel[order], value[order]
        error = 2 * (int(np.abs(values).max()) + 2)
        self._rises = np.ones(max(len(order) - 1, 0), bool)
        self._settle(np.diff(near[order]) <= error)
        self._failed = np.zeros(0, np.int64)

    def _approximate(self, channel: np.ndarray, value: np.ndarray) -> np.ndarray:
        """int64: each score in units so small that all fit 62 bits, within ``|v| + 1`` units."""
        reach = int(np.abs(value).max())

        def size(bits: int) -> int:
            """Bits of the largest score in units of ``2**-bits``."""
            unit = Fraction(2) ** bits
            return max(
                floor(magnitude(s) * unit * reach) + floor(magnitude(o) * unit) + 2
                for s, o in zip(self._scale, self._offset, strict=True)
            ).bit_length()

        bits = 0
        while size(bits) < 40 and bits < FINEST:
            bits += 40
        bits += 61 - size(bits)
        s, o = (
            np.array([floor(v * Fraction(2) ** bits) for v in reals], np.int64)
            for reals in (self._scale, self._offset)
        )
        return s[channel] * value + o[channel]

    def _settle(self, close: np.ndarray) -> None:
        """Sort each run of close neighbours exactly, and mark those that tie."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], close, [False])).astype(np.int8)))
        for start, stop in edges.reshape(-1, 2):  # neighbours start .. stop - 1 are close
            run = list(
                zip(self._channel[start : stop + 1], self._value[start : stop + 1], strict=True)
            )
            reals = [self._scale[c] * int(v) + self._offset[c] for c, v in run]
            order = ascending(reals)
            self._channel[start : stop + 1] = [run[i][0] for i in order]
            self._value[start : stop + 1] = [run[i][1] for i in order]
            self._rises[start:stop] = [sign(reals[j] - reals[i]) > 0 for i, j in pairwise(order)]

    def holds(self, gain: np.ndarray, offset: np.ndarray) -> bool:
        """Whether ``gain[c] * v + offset[c]`` (int64) has this order and these ties."""
        if self._wrong(gain, offset, self._failed).size:
            return False
        wrong = self._wrong(gain, offset, np.arange(len(self._rises)))
        if wrong.size:
            self._failed = np.concatenate((wrong[:8], self._failed))[:KEPT]
        return not wrong.size

    def _wrong(self, gain: np.ndarray, offset: np.ndarray, where: np.ndarray) -> np.ndarray:
        lower, upper = (
            gain[self._channel[i]] * self._value[i] + offset[self._channel[i]]
            for i in (where, where + 1)
        )
        return where[(upper < lower) | ((upper > lower) != self._rises[where])]
