"""Sorts real scores exactly over all channels and values, and finds integers in the same order.

For given integer gains, each two neighbours in the order give a lower bound for the difference of
two channels' offsets. Longest paths (Bellman 1958) solve this system of difference constraints, or
show that it has no solution.
"""

from fractions import Fraction
from functools import cmp_to_key
from itertools import pairwise

import numpy as np

from ..exact import Real, floor, sign

KEPT = 4096
"""Largest number of remembered constraints, which earlier gains broke; they are checked first."""

NONE = -(1 << 62)
"""Distance of two channels without a constraint between them."""

FINEST = 2200
"""Most binary places that approximations may need: float64 ends at 1074."""


def magnitude(x: Real) -> Real:
    """Return ``|x|``."""
    return x if sign(x) >= 0 else -x


def ascending(reals: list[Real]) -> list[int]:
    """Return the places of ``reals`` in exact ascending order; the first place among equals."""

    def compare(i: int, j: int) -> int:
        return sign(reals[i] - reals[j])

    return sorted(range(len(reals)), key=cmp_to_key(compare))


class Ranking:
    """Return pairs (channel c, value v) sorted by ``scale[c] * v + offset[c]``, and which tie.

    They are sorted by 62-bit approximations, and exactly if these differ by less than their errors.
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
        self._rises = np.ones(max(len(order) - 1, 0), np.int64)
        self._settle(np.diff(near[order]) <= error)
        self._constrain()

    def _approximate(self, channel: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Return each score in units with which all fit 62 bits, int64, within ``|v| + 1``."""
        reach = max(1, int(np.abs(value).max()))

        def size(bits: int) -> int:
            """Return the bits of the largest score in units of ``2**-bits``."""
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

    def _constrain(self) -> None:
        """Collect ``score[to] >= score[base] + rise`` for neighbours, both ways if they tie."""
        low, high = np.arange(len(self._rises)), np.arange(len(self._rises)) + 1
        tie = self._rises == 0
        base = np.concatenate((low, high[tie]))
        to = np.concatenate((high, low[tie]))
        rise = np.concatenate((self._rises, self._rises[tie]))
        group = self._channel[base] * len(self._scale) + self._channel[to]
        order = np.argsort(group, kind="stable")
        base, to = base[order], to[order]
        self._edges = np.stack(
            (
                self._channel[base],
                self._value[base],
                self._channel[to],
                self._value[to],
                rise[order],
            )
        )
        self._starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        self._asked = self._edges[:, :0]

    def offsets(self, gain: np.ndarray) -> np.ndarray | None:
        """Return the least offsets ``>= 0`` for which ``gain[c] * v + offset[c]`` has this order.

        gain, offsets: int64 for each channel. None if there are no such offsets.
        """
        if self._longest(*_distances(self._asked, gain)) is None:
            return None
        base, to, distance = _distances(self._edges, gain)
        first = np.maximum.reduceat(distance, self._starts)
        offsets = self._longest(base[self._starts], to[self._starts], first)
        if offsets is None:
            widths = np.diff(self._starts, append=len(distance))
            tight = np.flatnonzero(distance == np.repeat(first, widths))
            tight = tight[np.searchsorted(tight, self._starts)]
            self._asked = np.concatenate((self._edges[:, tight], self._asked), axis=1)[:, :KEPT]
        return offsets

    def _longest(self, base: np.ndarray, to: np.ndarray, distance: np.ndarray) -> np.ndarray | None:
        """Return the longest paths over ``to >= base + distance``, None if a cycle is positive."""
        n = len(self._scale)
        apart = np.full((n, n), NONE)
        np.maximum.at(apart, (base, to), distance)
        if (apart + apart.T > 0).any():
            return None  # most often two channels disagree already
        reached = np.zeros(n, np.int64)
        for _ in range(n + 1):
            further = np.maximum(reached, (reached[:, None] + apart).max(0))
            if np.array_equal(further, reached):
                return reached
            reached = further
        return None


def _distances(edges: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(base, to, d)``: the offset of ``to`` is at least the offset of ``base`` plus d."""
    base, low, to, high, rise = edges
    return base, to, gain[base] * low - gain[to] * high + rise
