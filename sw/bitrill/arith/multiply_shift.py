"""Finds the smallest multiply-add-shift that equals a layer's thresholds, if there is one.

Let ``y = lo + #{k : x >= t[k]}`` and ``f(x) = (g * x + a) >> s``, clamped. f equals y if and only
if ``g * t[k] + a >= k * 2**s`` for each k = 1..N that x can reach, and
``g * (t[k] - 1) + a < k * 2**s`` for each k that x can miss (counted from lo). An offset ``a`` for
all of these exists if and only if ``(k - j) * 2**s < g * (t[k] - t[j] + 1)`` for each pair j, k. So
the possible slopes ``g / 2**s`` form an open interval with rational ends, and the smallest s is the
first for which an integer g lies within. If s works with g, then s + 1 works with 2g, so one shift
serves all channels.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..ir import WIDEST, IntType


@dataclass(frozen=True, eq=False)
class MultiplyShift:
    """``y = (gain[c] * x + offset[c]) >> shift``, clamped: int64 ``[C]`` each, one shift."""

    gain: np.ndarray
    offset: np.ndarray
    shift: int


def multiply_shift(
    thresholds: np.ndarray, inverted: np.ndarray, x: IntType, out: IntType
) -> MultiplyShift | None:
    """Return the parameters of the fewest bits that equal a MultiThreshold, None for uneven steps.

    ``thresholds``: ``[C, N]``, ascending; ``inverted``: ``[C]``. Both functions are equal for every
    x of its type. This is checked on both sides of every threshold, which suffices because both are
    monotone. The result is also None if ``out`` is not plain integers, or if the sum would need
    more than 48 bits.
    """
    if not out.coding.binary or thresholds.shape[1] < 1:
        return None
    steps = rising(thresholds, inverted, x)
    slopes = steps.slopes()
    if any(above is not None and below >= above for below, above in slopes):
        return None
    for shift in range(WIDEST):
        gains = _gains(slopes, shift)
        offsets = None if gains is None else steps.offsets(gains, shift)
        if gains is not None and offsets is not None:
            return _in_range(gains, offsets, inverted, x, out, shift)
    return None


@dataclass(frozen=True, eq=False)
class RisingSteps:
    """Thresholds in a form that rises: ``n = #{k : x >= limits[c, k]}``, x in ``lo[c] .. hi[c]``.

    ``limits``: int64 ``[C, N]``, ascending; ``lo``, ``hi``: int64 ``[C, 1]``.
    """

    limits: np.ndarray
    lo: np.ndarray
    hi: np.ndarray

    @cached_property
    def reached(self) -> np.ndarray:
        """Whether x can reach each threshold."""
        return self.limits <= self.hi

    @cached_property
    def missed(self) -> np.ndarray:
        """Whether x can be below each threshold."""
        return self.limits > self.lo

    @cached_property
    def numbers(self) -> np.ndarray:
        """1 .. N."""
        return np.arange(1, self.limits.shape[1] + 1)

    def slopes(self) -> list[tuple[Fraction, Fraction | None]]:
        """Return the open interval of slopes that each channel allows; it begins at -1 or above.

        A reached threshold k and a missed one j require ``slope * d > n`` with ``n = k - j`` and
        ``d = t[k] - t[j] + 1``. From one end, the slope moves to the quotient of the pair that it
        violates most, until it violates none (Dinkelbach 1967); two sums over the thresholds find
        that pair. If no slope is left, the interval is empty: ``(0, 0)``.
        """
        free = (Fraction(-1), None)
        allowed: list[tuple[Fraction, Fraction | None]] = [free] * len(self.limits)
        rows = np.flatnonzero(self.reached.any(1) & self.missed.any(1))
        below = self._ends(rows, [Fraction(-1)] * len(rows), side=1)
        first = self.reached[rows].argmax(1)
        last = self.missed.shape[1] - 1 - self.missed[rows, ::-1].argmax(1)
        n = last - first
        d = self.limits[rows, last] - self.limits[rows, first] - 1
        steep = d > 0
        starts = [Fraction(*v) for v in zip(n[steep].tolist(), d[steep].tolist(), strict=True)]
        above = iter(self._ends(rows[steep], starts, side=-1))
        for c, low, bounded in zip(rows.tolist(), below, steep.tolist(), strict=True):
            high = next(above) if bounded else None
            empty = low is None or (bounded and high is None)
            allowed[c] = (Fraction(0), Fraction(0)) if empty else (low or Fraction(0), high)
        return allowed

    def _ends(
        self, rows: np.ndarray, slopes: list[Fraction], *, side: int
    ) -> list[Fraction | None]:
        """Return, for each of ``rows``, the last slope that pairs with ``side * d > 0`` exclude.

        It is None for a channel without a slope: the pairs of the other side exclude the rest.
        """
        ends: list[Fraction | None] = list(slopes)
        at = np.arange(len(rows))
        p = np.array([s.numerator for s in slopes], np.int64)
        q = np.array([s.denominator for s in slopes], np.int64)
        while len(at):
            here = rows[at]
            limits = self.limits[here]
            top = _weighed(limits + 1, self.numbers, p[at], q[at], self.reached[here], -1).argmax(1)
            low = _weighed(limits, self.numbers, p[at], q[at], self.missed[here], 1).argmin(1)
            each = np.arange(len(at))
            n, d = top - low, limits[each, top] - limits[each, low] + 1
            broken = n * q[at] > p[at] * d
            lost = broken & (side * d <= 0)
            for i in at[lost].tolist():
                ends[i] = None
            going = broken & ~lost
            at, n, d = at[going], n[going], d[going]
            common = np.gcd(n, d) * np.sign(d)
            p[at], q[at] = n // common, d // common
            for i in at.tolist():
                ends[i] = Fraction(int(p[i]), int(q[i]))
        return ends

    def offsets(self, gains: np.ndarray, shift: int) -> np.ndarray | None:
        """Return each channel's offset for a gain and a shift, the one nearest to 0.

        None if a channel has none.
        """
        g, one = gains, np.full(len(gains), 1 << shift)
        least = _weighed(self.limits, self.numbers, g, one, self.reached, -1).max(1)
        most = _weighed(self.limits - 1, self.numbers, g, one, self.missed, 1).min(1) - 1
        offsets = np.minimum(np.maximum(least, 0), most)
        return None if (offsets < least).any() else offsets


def rising(thresholds: np.ndarray, inverted: np.ndarray, x: IntType) -> RisingSteps:
    """Return thresholds and ranges of x, or of -x where a channel falls.

    A falling function is ``#{k : x < t[k]} = #{k : -x >= 1 - t[k]}``.
    """
    falls = inverted[:, None]
    limits = np.where(falls, 1 - thresholds[:, ::-1], thresholds)
    return RisingSteps(limits, np.where(falls, -x.hi, x.lo), np.where(falls, -x.lo, x.hi))


def _weighed(
    place: np.ndarray, number: np.ndarray, p: np.ndarray, q: np.ndarray, there: np.ndarray, end: int
) -> np.ndarray:
    """Return ``q * number - p * place``; where ``there`` is false, a number beyond all others.

    ``place``, ``there``: ``[C, N]``; ``p``, ``q``: ``[C]``; ``end``: the sign of the number beyond
    all others. The result is int64 unless that could overflow.
    """
    reach = int(np.abs(place).max()) * int(np.abs(p).max()) + int(number[-1]) * int(q.max())
    exact = np.int64 if reach < 1 << 62 else object
    p, q = p.astype(exact)[:, None], q.astype(exact)[:, None]
    return np.where(there, number.astype(exact) * q - place.astype(exact) * p, end * (reach + 2))


def _gains(slopes: list[tuple[Fraction, Fraction | None]], shift: int) -> np.ndarray | None:
    """Return the smallest gains whose slopes are in the intervals; None if a channel has none."""
    gains = []
    for below, above in slopes:
        gain = max(0, (below.numerator << shift) // below.denominator + 1)
        if above is not None and gain * above.denominator >= above.numerator << shift:
            return None
        gains.append(gain)
    return np.array(gains, np.int64 if max(gains) < 1 << 62 else object)


def _in_range(
    gain: np.ndarray, offset: np.ndarray, inverted: np.ndarray, x: IntType, out: IntType, shift: int
) -> MultiplyShift | None:
    """Return the channels' gains and offsets together, None if a sum would have too many bits."""
    greatest = max(abs(x.lo), abs(x.hi))
    offsets = [a + (out.lo << shift) for a in offset.tolist()]
    if (int(gain.max()) * greatest + max(map(abs, offsets))).bit_length() >= WIDEST:
        return None
    gain = gain.astype(np.int64)
    return MultiplyShift(np.where(inverted, -gain, gain), np.array(offsets, np.int64), shift)
