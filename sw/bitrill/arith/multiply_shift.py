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
    x of its type. This is checked at both sides of every threshold, which suffices since both are
    monotone. The result is also None if ``out`` is not plain integers, and if the sum would need
    more than 48 bits.
    """
    if not out.coding.binary or thresholds.shape[1] < 1:
        return None
    rising = [_rising(t, f, x) for t, f in zip(thresholds, inverted, strict=True)]
    slopes = [_slopes(limits, lo, hi) for limits, lo, hi in rising]
    if any(above is not None and below >= above for below, above in slopes):
        return None
    for shift in range(WIDEST):
        known: list[tuple[int, int]] = []
        for channel, slope in zip(rising, slopes, strict=True):
            fit = _fit(*channel, *slope, shift)
            if fit is None:
                break
            known.append(fit)
        else:
            return _in_range(known, inverted, x, out, shift)
    return None


def _rising(limits: np.ndarray, falls: bool, x: IntType) -> tuple[np.ndarray, int, int]:
    """Return thresholds and range of x, or of -x if the function falls, so that it rises.

    A falling function is ``#{k : x < t[k]} = #{k : -x >= 1 - t[k]}``.
    """
    if falls:
        return 1 - limits[::-1], -x.hi, -x.lo
    return limits, x.lo, x.hi


def _slopes(limits: np.ndarray, lo: int, hi: int) -> tuple[Fraction, Fraction | None]:
    """Return the open interval of slopes that a channel admits; its lower end is at least -1.

    A reached threshold k and a missed one j demand ``slope * d > n`` with ``n = k - j`` and
    ``d = t[k] - t[j] + 1``. From one end a slope moves to the quotient of the pair that it breaks
    most, until it breaks none (Dinkelbach 1967); that pair follows from two sums over thresholds.
    """
    k = np.arange(1, len(limits) + 1)
    reached, missed = limits <= hi, limits > lo  # x can be at the threshold, and below it
    if not reached.any() or not missed.any():
        return Fraction(-1), None
    points = (limits[reached] + 1, k[reached]), (limits[missed], k[missed])
    below = _end(*points, Fraction(-1), side=1)
    first, last = points[0][0][0], points[1][0][-1]
    if below is None or first >= last:
        return (Fraction(0), Fraction(0)) if below is None else (below, None)
    steepest = Fraction(int(points[1][1][-1] - points[0][1][0]), int(last - first))
    above = _end(*points, steepest, side=-1)
    return (Fraction(0), Fraction(0)) if above is None else (below, above)


def _end(
    ahead: tuple[np.ndarray, np.ndarray],
    behind: tuple[np.ndarray, np.ndarray],
    slope: Fraction,
    *,
    side: int,
) -> Fraction | None:
    """Return the last slope that pairs of ``(place, number)`` with ``side * d > 0`` exclude.

    None if a slope that they exclude is excluded from the other side, too: none is left then.
    """
    while True:
        p, q = slope.numerator, slope.denominator
        top = int(np.argmax(_weighed(*ahead, p, q)))
        low = int(np.argmin(_weighed(*behind, p, q)))
        n = int(ahead[1][top]) - int(behind[1][low])
        d = int(ahead[0][top]) - int(behind[0][low])
        if n * q <= p * d:
            return slope
        if side * d <= 0:
            return None
        slope = Fraction(n, d)


def _weighed(place: np.ndarray, number: np.ndarray, p: int, q: int) -> np.ndarray:
    """Return ``q * number - p * place``, in int64 where that cannot overflow."""
    reach = int(np.abs(place).max()) * abs(p) + int(number.max()) * q
    exact = np.int64 if reach < 1 << 62 else object
    return number.astype(exact) * q - place.astype(exact) * p


def _fit(
    limits: np.ndarray, lo: int, hi: int, below: Fraction, above: Fraction | None, shift: int
) -> tuple[int, int] | None:
    """Return ``(gain, offset)`` of a channel in rising form at this shift, the smallest gain."""
    gain = max(0, (below.numerator << shift) // below.denominator + 1)
    if above is not None and gain * above.denominator >= above.numerator << shift:
        return None
    k = np.arange(1, len(limits) + 1)
    reached, missed = limits <= hi, limits > lo
    offset = 0
    if reached.any():
        offset = max(0, int(_weighed(limits[reached], k[reached], gain, 1 << shift).max()))
    if missed.any():
        offset = min(
            offset, int(_weighed(limits[missed] - 1, k[missed], gain, 1 << shift).min()) - 1
        )
    ends = np.concatenate([[lo, hi], limits - 1, limits])
    ends = ends[(ends >= lo) & (ends <= hi)]
    exact = np.int64 if gain * max(abs(lo), abs(hi)) + abs(offset) < 1 << 62 else object
    n = np.clip((ends.astype(exact) * gain + offset) >> shift, 0, len(limits))
    return (gain, offset) if (n == np.searchsorted(limits, ends, "right")).all() else None


def _in_range(
    fits: list[tuple[int, int]], inverted: np.ndarray, x: IntType, out: IntType, shift: int
) -> MultiplyShift | None:
    """Return the channels' gains and offsets together, None if a sum would have too many bits."""
    greatest = max(abs(x.lo), abs(x.hi))
    gains, offsets = [g for g, _ in fits], [a + (out.lo << shift) for _, a in fits]
    if (max(gains) * greatest + max(map(abs, offsets))).bit_length() >= WIDEST:
        return None
    gain = np.array(gains, np.int64)
    return MultiplyShift(np.where(inverted, -gain, gain), np.array(offsets, np.int64), shift)
