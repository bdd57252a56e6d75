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

from ..ir import IntType

SUM_BITS = 48
"""The widest sum before the shift: what a DSP block accumulates."""


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
    for shift in range(SUM_BITS):
        fits = [_fit(*channel, *s, shift) for channel, s in zip(rising, slopes, strict=True)]
        known = [f for f in fits if f is not None]
        if len(known) == len(fits):
            return _in_range(known, inverted, x, out, shift)
    return None


def _rising(limits: np.ndarray, falls: bool, x: IntType) -> tuple[list[int], int, int]:
    """Return thresholds and range of x, or of -x if the function falls, so that it rises.

    A falling function is ``#{k : x < t[k]} = #{k : -x >= 1 - t[k]}``.
    """
    if falls:
        return (1 - limits[::-1]).tolist(), -x.hi, -x.lo
    return limits.tolist(), x.lo, x.hi


def _slopes(limits: list[int], lo: int, hi: int) -> tuple[Fraction, Fraction | None]:
    """Return the open interval of slopes that a channel admits; its lower end is at least -1."""
    t = np.array(limits)
    k = np.arange(1, len(limits) + 1)
    reached, missed = t <= hi, t > lo  # x can be at the threshold, and below it
    n = (k[reached, None] - k[missed]).ravel()
    d = (t[reached, None] - t[missed] + 1).ravel()
    if np.any((d == 0) & (n >= 0)):
        return Fraction(0), Fraction(0)
    below, above = Fraction(-1), None
    # n has at most 17 bits and d 33: so different quotients differ as floats, and none is rounded
    # past another
    up, down = d > 0, d < 0
    if up.any():
        best = np.argmax(n[up] / d[up])
        below = max(below, Fraction(int(n[up][best]), int(d[up][best])))
    if down.any():
        best = np.argmin(n[down] / d[down])
        above = Fraction(int(n[down][best]), int(d[down][best]))
    return below, above


def _fit(
    limits: list[int], lo: int, hi: int, below: Fraction, above: Fraction | None, shift: int
) -> tuple[int, int] | None:
    """Return ``(gain, offset)`` of a channel in rising form at this shift, the smallest gain."""
    gain = max(0, (below.numerator << shift) // below.denominator + 1)
    if above is not None and gain * above.denominator >= above.numerator << shift:
        return None
    at = [(k << shift) - gain * t for k, t in enumerate(limits, 1) if t <= hi]
    under = [(k << shift) - gain * (t - 1) for k, t in enumerate(limits, 1) if t > lo]
    offset = 0
    if at and offset < max(at):
        offset = max(at)
    elif under and offset >= min(under):
        offset = min(under) - 1
    ends = {lo, hi, *(x for t in limits for x in (t - 1, t) if lo <= x <= hi)}
    for x in ends:
        n = min(max((gain * x + offset) >> shift, 0), len(limits))
        if n != sum(x >= t for t in limits):
            return None
    return gain, offset


def _in_range(
    fits: list[tuple[int, int]], inverted: np.ndarray, x: IntType, out: IntType, shift: int
) -> MultiplyShift | None:
    """Return the channels' gains and offsets together, None if a sum would have too many bits."""
    gain, offset = np.array(fits, np.int64).T
    greatest = max(abs(x.lo), abs(x.hi))
    offset = offset + (out.lo << shift)
    if (int(gain.max()) * greatest + int(np.abs(offset).max())).bit_length() >= SUM_BITS:
        return None
    return MultiplyShift(np.where(inverted, -gain, gain), offset, shift)
