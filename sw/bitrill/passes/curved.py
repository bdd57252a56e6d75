"""Finds where curved functions reach each level of their quantizer, exactly.

What is guessed in float64 is proven by bounds of the function on both sides. A wrong guess costs
steps of a bisection, never a wrong answer.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from ..exact import sign, to_float
from ..ir import Function, IntType
from ..real import Affine
from .real_thresholds import smallest

FEW = 8
"""Integers that are looked at one by one where a function is neither constant nor monotone."""

LARGEST = int(np.array(np.finfo(np.float64).max).view(np.int64))
"""Position of the largest finite float64 in the order of all of them."""


class CurvedCounter:
    """Counts the levels that a monotone function of one channel reaches.

    See `bitrill.passes.level_counters.Counter`.
    """

    def __init__(self, function: Function):
        self._function, self._type = function, function.quantizer.type
        self.n_levels = self._type.n_values - 1
        turns = [s.scale[0] for s in function.steps if isinstance(s, Affine)]
        signs = [sign(s) for s in (*turns, function.quantizer.scale[0])]
        self.constant = 0 in signs
        self.inverted = not self.constant and signs.count(-1) % 2 == 1
        if self.constant:
            self.places = np.where(np.arange(self.n_levels) < self.at_integer(0), -np.inf, np.inf)
        else:
            x = _bisect_floats(_reaching(function, rising=not self.inverted), self.n_levels)
            self.places = x[::-1] if self.inverted else x

    def decide(self, x: int | Fraction) -> int:
        """Return ``n(x)``, exactly."""
        n = _rank(self._function, x)
        return self.n_levels - n if self.inverted else n

    def at_integer(self, x: int) -> int:
        """Return ``n(x)``, exactly."""
        return self.decide(x)

    def at_float(self, x: float) -> int:
        """Return ``n(x)`` of a finite float64, exactly."""
        return self.decide(Fraction(x))


class Runs:
    """Return the runs: consecutive integers for which one channel of a function has the same value.

    Returns ``starts`` and ``values``, both ascending in x: run k begins at ``starts[k]``. The range
    is halved until each part is proven to be constant, rising or falling; on such a part each level
    is found by a guess and two decisions.
    """

    def __init__(self, function: Function, x: IntType):
        self._function = function
        self.starts: list[int] = []
        self.values: list[int] = []
        parts = [(x.lo, x.hi)]
        while parts:
            lo, hi = parts.pop()
            value = function.throughout(lo, hi, 0)
            if value is not None:
                self._add(lo, value)
            elif hi - lo < FEW:
                for v in range(lo, hi + 1):
                    self._add(v, function(v, 0))
            elif function.turns(lo, hi, 0):
                middle = (lo + hi) // 2
                parts += [(middle + 1, hi), (lo, middle)]
            else:
                self._levels(lo, hi)

    def at(self, x: np.ndarray) -> np.ndarray:
        """Return the values at integers ``x``."""
        return np.array(self.values)[np.searchsorted(self.starts, x, side="right") - 1]

    def _add(self, start: int, value: int) -> None:
        if not self.values or self.values[-1] != value:
            self.starts.append(start)
            self.values.append(value)

    def _levels(self, lo: int, hi: int) -> None:
        """Add the runs of a part on which the function rises, or falls."""
        f = self._function
        first, last = _rank(f, lo), _rank(f, hi)
        values = f.quantizer.type.values()
        self._add(lo, int(values[first]))
        if first == last:
            return
        up = 1 if last > first else -1
        guesses = _bisect_integers(_reaching(f, rising=up > 0), lo, hi, f.quantizer.type.n_values)
        for rank in range(first + up, last + up, up):
            guess = guesses[rank - 1 if up > 0 else rank]
            start = smallest(
                lambda t, rank=rank: (_rank(f, t) - rank) * up >= 0,
                lo=self.starts[-1],
                hi=hi + 1,
                guess=int(guess),
            )
            self._start(start, int(values[rank]))

    def _start(self, start: int, value: int) -> None:
        """Begin a run; one that ends where it began, since a level is skipped, is overwritten."""
        if self.starts[-1] == start:
            self.values[-1] = value
        else:
            self._add(start, value)


def _rank(function: Function, x: int | Fraction) -> int:
    """Return how many levels are reached at ``x``, exactly."""
    return int(function.quantizer.type.coding.rank(np.array(function(x, 0))))


def _reaching(function: Function, *, rising: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Return, for x of each level's boundary, whether the function is beyond it; in float64."""
    q = function.quantizer
    bounds, _ = q.boundaries
    scale, zero = to_float(q.scale[0]), to_float(q.zero[0])

    def reached(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            for step in function.steps:
                x = step.floats(x, 0)
            v = x / scale + zero
        return v >= bounds if rising else v < bounds

    return reached


def _bisect_integers(
    reached: Callable[[np.ndarray], np.ndarray], lo: int, hi: int, n: int
) -> np.ndarray:
    """Guess the least integers of ``lo .. hi + 1`` where ``reached``, for n - 1 levels."""
    below, above = np.full(n - 1, lo - 1), np.full(n - 1, hi + 1)
    while (above > below + 1).any():
        middle = (below + above) // 2
        there = reached(middle.astype(np.float64))
        above, below = np.where(there, middle, above), np.where(there, below, middle)
    return np.clip(above, lo, hi + 1)


def _bisect_floats(reached: Callable[[np.ndarray], np.ndarray], n: int) -> np.ndarray:
    """Guess the least float64 where ``reached``, for each of n levels."""
    below, above = np.full(n, -LARGEST - 1), np.full(n, LARGEST + 1)
    while (above > below + 1).any():
        middle = below // 2 + above // 2 + (below & above & 1)
        there = reached(_floats_of(middle))
        above, below = np.where(there, middle, above), np.where(there, below, middle)
    return np.where(above > LARGEST, np.inf, np.where(above < -LARGEST, -np.inf, _floats_of(above)))


def _floats_of(keys: np.ndarray) -> np.ndarray:
    """Return the float64 at positions in the order of all of them; position 0 is zero."""
    size = np.minimum(np.abs(keys), LARGEST).view(np.float64)
    return np.where(keys < 0, -size, size)
