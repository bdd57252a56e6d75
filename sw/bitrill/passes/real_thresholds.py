"""Finds where a real function reaches each level of its quantizer, exactly.

Between two quantizers, a channel's affine maps and clips are one clamped line,
``v = min(max(slope * x + offset, lo), hi)``, in units of the next quantizer's steps. Leaky slopes
give a few such lines end to end. The function is monotone, so it is enough to find the x at which
each level begins. That x is guessed in float64 and proven by exact decisions on both sides. A wrong
guess costs steps of a bisection, never a wrong answer. `curved` does so for other functions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import StageError
from ..exact import Real, common_denominator, floor, real, sign, to_float
from ..ir import Function, Quantizer
from ..real import Affine, Clip, Leaky, at

PLACES = 128
"""Binary places of the intervals by which most integers are decided."""


@dataclass(frozen=True)
class ClampedLine:
    """The function ``v = min(max(slope * x + offset, lo), hi)``; a bound of None is no bound."""

    slope: Real
    offset: Real
    lo: Real | None = None
    hi: Real | None = None

    def __call__(self, x: int | Fraction) -> Real:
        """Exact."""
        return self.clamp(self.slope * x + self.offset)

    def clamp(self, v: Real) -> Real:
        """``v`` within ``lo .. hi``."""
        if self.lo is not None and sign(v - self.lo) < 0:
            v = self.lo
        if self.hi is not None and sign(v - self.hi) > 0:
            v = self.hi
        return v

    def then_affine(self, scale: Real, offset: Real) -> ClampedLine:
        """``scale * self(x) + offset``."""
        ends = [None if e is None else scale * e + offset for e in (self.lo, self.hi)]
        if sign(scale) < 0:
            ends.reverse()
        return ClampedLine(scale * self.slope, scale * self.offset + offset, *ends)

    def then_clip(self, lo: Real | None, hi: Real | None) -> ClampedLine:
        """``min(max(self(x), lo), hi)``."""
        bounds = ClampedLine(real(1), real(0), lo, hi)
        return ClampedLine(
            self.slope,
            self.offset,
            lo if self.lo is None else bounds.clamp(self.lo),
            hi if self.hi is None else bounds.clamp(self.hi),
        )

    def then_leaky(self, slope: Real) -> tuple[tuple[Real | None, ClampedLine], ...]:
        """``self(x)`` where it is 0 or more, else ``slope * self(x)``; the parts of a `Curve`."""
        if self.lo is not None and sign(self.lo) >= 0:
            return ((None, self),)
        low = self.then_affine(slope, real(0))
        if self.hi is not None and sign(self.hi) < 0:
            return ((None, low),)
        if sign(self.slope) == 0:
            return ((None, self if sign(self.offset) >= 0 else low),)
        low = ClampedLine(
            low.slope, low.offset, None if self.lo is None else slope * self.lo, real(0)
        )
        high = ClampedLine(self.slope, self.offset, real(0), self.hi)
        joint = -self.offset / self.slope
        first, second = (low, high) if sign(self.slope) > 0 else (high, low)
        return ((None, first), (joint, second))


@dataclass(frozen=True)
class Curve:
    """Clamped lines end to end: ``parts`` are ``(start, line)``, ascending; the first has None."""

    parts: tuple[tuple[Real | None, ClampedLine], ...]

    def __call__(self, x: int | Fraction) -> Real:
        """Exact."""
        here = self.parts[0][1]
        for start, line in self.parts[1:]:
            if start is not None and sign(x - start) >= 0:
                here = line
        return here(x)

    @property
    def slope(self) -> Real:
        """A slope that is not 0, if there is one: they all have the same sign."""
        slopes = [line.slope for _, line in self.parts]
        return next((s for s in slopes if sign(s)), slopes[0])

    def each(self, f: Callable[[ClampedLine], ClampedLine]) -> Curve:
        """Apply ``f`` to every line."""
        return Curve(tuple((start, f(line)) for start, line in self.parts))

    def then_leaky(self, slope: Real) -> Curve:
        """``self(x)`` where it is 0 or more, else ``slope * self(x)``."""
        parts: list[tuple[Real | None, ClampedLine]] = []
        for k, (start, line) in enumerate(self.parts):
            end = self.parts[k + 1][0] if k + 1 < len(self.parts) else None
            for joint, part in line.then_leaky(slope):
                if joint is None or (start is not None and sign(joint - start) <= 0):
                    if parts and _same(parts[-1][0], start):
                        parts.pop()  # the part before is empty
                    parts.append((start, part))
                elif end is None or sign(joint - end) < 0:
                    parts.append((joint, part))
        return Curve(tuple(parts))


def _same(a: Real | None, b: Real | None) -> bool:
    return (a is None) is (b is None) and (a is None or b is None or sign(a - b) == 0)


def line_of(function: Function, channel: int) -> ClampedLine | Curve:
    """Return one channel of ``function`` up to the number that its quantizer rounds."""
    curve = Curve(((None, ClampedLine(real(1), real(0))),))
    for step in function.steps:
        if isinstance(step, Affine):
            scale, offset = at(step.scale, channel), at(step.offset, channel)
            curve = curve.each(lambda line, s=scale, o=offset: line.then_affine(s, o))
        elif isinstance(step, Clip):
            curve = curve.each(lambda line, c=step: line.then_clip(c.lo, c.hi))
        elif isinstance(step, Leaky):
            curve = curve.then_leaky(at(step.slope, channel))
        else:
            raise StageError(f"{step} is no straight line")
    q = function.quantizer
    scale, zero = 1 / at(q.scale, channel), at(q.zero, channel)
    curve = curve.each(lambda line: line.then_affine(scale, zero))
    ((_, first), *rest) = curve.parts
    return curve if rest else first


class LevelCounter:
    """Counts ``n(x)``: the number of a quantizer's N levels that one channel reaches at ``x``.

    If the function falls (``inverted``), n counts from the other end, so that it always rises.
    Decisions are exact; ``places`` are float64 guesses of the x at which n becomes 1, 2, .. N.
    """

    def __init__(self, line: ClampedLine | Curve, quantizer: Quantizer):
        self._line = line
        self._type = quantizer.type
        self._round = Quantizer(quantizer.type, rounding=quantizer.rounding)
        self.n_levels = quantizer.type.n_values - 1
        self.inverted = sign(line.slope) < 0
        self.constant = sign(line.slope) == 0
        v, reached = quantizer.boundaries
        self.places = self._guess(v)
        self._halves = [int(h) for h in 2 * v]
        self._reached = reached.tolist()
        self._at_halves = quantizer.halves
        self._ratio = _ratio(line) if isinstance(line, ClampedLine) else None
        if isinstance(line, ClampedLine):
            self._near = [floor(c * (1 << PLACES)) for c in (line.slope, line.offset)]
            self._least = 0 if line.lo is None else self._level(line.lo)
            self._most = self.n_levels if line.hi is None else self._level(line.hi)

    def _level(self, v: Real) -> int:
        return int(self._type.coding.rank(np.array(self._round(v, 0))))

    def decide(self, x: int | Fraction) -> int:
        """Return ``n(x)`` for a real x, exactly."""
        n = self._level(self._line(x))
        return self.n_levels - n if self.inverted else n

    def at_integer(self, x: int) -> int:
        """Return ``n(x)``, with integer arithmetic if an interval around v holds no boundary."""
        if isinstance(self._line, Curve) or not self._at_halves:
            return self.decide(x)
        if self._ratio is not None:
            return self._at_ratio(x, 1, *self._ratio)
        slope, offset = self._near
        v, error = slope * x + offset, abs(x) + 1
        half = (2 * (v - error)) >> PLACES  # boundaries are multiples of one half
        if half != (2 * (v + error)) >> PLACES:
            return self.decide(x)
        n = min(max(bisect_right(self._halves, half), self._least), self._most)
        return self.n_levels - n if self.inverted else n

    def at_float(self, x: float) -> int:
        """Return ``n(x)`` of a finite float64, with integer arithmetic if the line is rational."""
        if self._ratio is None or not self._at_halves:
            return self.decide(Fraction(x))
        return self._at_ratio(*x.as_integer_ratio(), *self._ratio)

    def _at_ratio(self, x: int, parts: int, slope: int, offset: int, divisor: int) -> int:
        """Return ``n(x / parts)`` where twice the line is ``(slope * x + offset) / divisor``."""
        half, rest = divmod(slope * x + offset * parts, divisor * parts)
        n = bisect_right(self._halves, half)
        if n and not rest and self._halves[n - 1] == half and not self._reached[n - 1]:
            n -= 1
        n = min(max(n, self._least), self._most)
        return self.n_levels - n if self.inverted else n

    def _guess(self, v: np.ndarray) -> np.ndarray:
        """Return guesses of the x at which the line takes the values ``v``."""
        if self.constant:
            return np.where(np.arange(self.n_levels) < self.decide(0), -np.inf, np.inf)
        if isinstance(self._line, ClampedLine):
            x = _places(self._line, v)
        else:
            ((_, first), *rest) = self._line.parts
            x = _places(first, v)
            for start, line in rest:
                joint = to_float(start) if start is not None else -np.inf
                here = _places(line, v)
                x = np.where(here >= joint, here, np.fmin(x, joint))
        return x[::-1] if self.inverted else x


def _ratio(line: ClampedLine) -> tuple[int, int, int] | None:
    """Return twice a line as integers ``(slope, offset, divisor)``; None where it is irrational."""
    if not isinstance(line.slope, Fraction) or not isinstance(line.offset, Fraction):
        return None
    d = common_denominator([line.slope, line.offset])
    return int(2 * d * line.slope), int(2 * d * line.offset), d


def _places(line: ClampedLine, v: np.ndarray) -> np.ndarray:
    """Return guesses of the x at which ``line`` takes the values ``v``; infinite if it does not."""
    slope, offset = to_float(line.slope), to_float(line.offset)
    with np.errstate(all="ignore"):
        x = (v - offset) / slope
    if line.lo is not None:
        x = np.where(v < to_float(line.lo), np.copysign(np.inf, -slope), x)
    if line.hi is not None:
        x = np.where(v > to_float(line.hi), np.copysign(np.inf, slope), x)
    return x


def smallest(reached: Callable[[int], bool], *, lo: int, hi: int, guess: int) -> int:
    """Return the smallest ``t`` in ``lo .. hi - 1`` with ``reached(t)``, or ``hi``.

    ``reached`` must stay true once it is. It is asked on both sides of ``guess``, then in steps
    that double, then by bisection.
    """
    t = min(max(guess, lo), hi)
    step = 1
    if t == hi or reached(t):
        above, below = t, t - 1
        while below >= lo and reached(below):
            above, below = below, below - step
            step *= 2
        below = max(below, lo - 1)
    else:
        below, above = t, t + 1
        while above < hi and not reached(above):
            below, above = above, above + step
            step *= 2
        above = min(above, hi)
    while above - below > 1:  # ``below`` is not reached (or lo - 1), ``above`` is (or hi)
        middle = (below + above) // 2
        if reached(middle):
            above = middle
        else:
            below = middle
    return above
