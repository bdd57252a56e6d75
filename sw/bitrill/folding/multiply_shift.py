"""The smallest multiply-add-shift that is a layer's thresholds, if there is one.

With ``y = lo + #{k : x >= t[k]}`` and ``f(x) = (g * x + a) >> s``, clamped, f equals y exactly if
for each k = 1..N that x can reach, or miss: ``g * t[k] + a >= k * 2**s`` and
``g * (t[k] - 1) + a < k * 2**s`` (counted from lo). An offset ``a`` between all of these exists
exactly if for each pair j, k of them ``(k - j) * 2**s < g * (t[k] - t[j] + 1)``. So the slopes
``g / 2**s`` that do form an open interval with rational ends, and the smallest s is the first at
which an integer g lies within. A larger s never fails where a smaller one does not (2g), so one
shift serves all channels.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np

from ..ir.types import IntType
from ..ops.requantize import SUM_BITS, Requantize
from ..ops.threshold import Threshold


@lru_cache(maxsize=256)
def known_requantizer(op: Threshold) -> Requantize | None:
    """`requantizer`, of the same object once; None also for one threshold a channel."""
    return requantizer(op) if op.levels > 1 else None


def requantizer(op: Threshold) -> Requantize | None:
    """``op`` (not folded) as a `Requantize` of the fewest bits, or None if its steps are uneven.

    The result equals ``op`` for every x of its type: checked at both sides of every threshold,
    which suffices, as both rise (or fall) throughout. None also for bipolar results, and where
    the sum would need more than 48 bits.
    """
    if not op.out.coding.binary or op.levels < 1:
        return None
    rising = [_rising(t, f, op.x.type) for t, f in zip(op.thresholds, op.inverted, strict=True)]
    slopes = [_slopes(limits, lo, hi) for limits, lo, hi in rising]
    if any(above is not None and below >= above for below, above in slopes):
        return None
    for shift in range(SUM_BITS):
        found = [_fit(*channel, *s, shift) for channel, s in zip(rising, slopes, strict=True)]
        known = [f for f in found if f is not None]
        if len(known) == len(found):
            return _made(op, known, shift)
    return None


def _rising(limits: np.ndarray, falls: bool, x: IntType) -> tuple[list[int], int, int]:
    """Thresholds and ends of x; of -x where the function falls, so that it rises in that.

    A falling one is ``#{k : x < t[k]} = #{k : -x >= 1 - t[k]}``.
    """
    if falls:
        return (1 - limits[::-1]).tolist(), -x.hi, -x.lo
    return limits.tolist(), x.lo, x.hi


def _slopes(limits: list[int], lo: int, hi: int) -> tuple[Fraction, Fraction | None]:
    """The open interval of slopes that a channel admits; its lower end is at least -1 (none)."""
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
    """``(gain, offset)`` of a channel in rising form at this shift, the smallest gain first."""
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


def _made(op: Threshold, found: list[tuple[int, int]], shift: int) -> Requantize | None:
    gain, offset = np.array(found, np.int64).T
    x = max(abs(op.x.type.lo), abs(op.x.type.hi))
    offset = offset + (op.out.lo << shift)
    if (int(gain.max()) * x + int(np.abs(offset).max())).bit_length() >= SUM_BITS:
        return None
    return Requantize(
        name=op.name,
        inputs=op.inputs,
        operands=op.operands,
        gain=np.where(op.inverted, -gain, gain),
        offset=offset,
        shift=shift,
        out=op.out,
    )
