"""Float error bounds: exact numbers, with the possible results of any float32 computation of them.

`Value` is an enclosure ``lo <= exact <= hi`` (equal ends unless a root was taken) and a bound
``err``: every float32 evaluation, in any order of its sums, with or without fused multiply-add, is
within ``err`` of the exact number. Everything is a Fraction, so the bound itself is not rounded.
The model is Higham's (Accuracy and Stability of Numerical Algorithms, 2002, 2.2 and 3.1):
``fl(a op b) = (a op b)(1 + d) + e`` with ``|d| <= U``, ``|e| <= TINY``, and
``gamma(n) = nU / (1 - nU)`` for n consecutive roundings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

U = Fraction(1, 1 << 24)
"""Unit roundoff of float32, to nearest."""

TINY = Fraction(1, 1 << 126)
"""Smallest normal float32: largest loss by underflow, flushed to zero or not."""

POW_ROUNDINGS = 4
"""Roundings allowed for a library's ``pow`` and root, which need not be correctly rounded."""

NORM_ROUNDINGS = 16
"""Roundings allowed in a batch norm; the usual forms take seven (add, root, inverse, mul, ...)."""

_ROOT_BITS = 256


def gamma(n: int) -> Fraction:
    """Return the relative error of n consecutive roundings."""
    return n * U / (1 - n * U)


@dataclass(frozen=True)
class Value:
    """A number in ``lo..hi`` whose float32 evaluations have an error of at most ``err``.

    ``err`` is 0 for a number that all evaluations have as the same float.
    """

    lo: Fraction
    hi: Fraction
    err: Fraction = Fraction(0)

    @staticmethod
    def of(x: float | int | Fraction) -> Value:
        """Return x exactly; NaN and infinity raise ValueError or OverflowError."""
        exact = Fraction(x)
        return Value(exact, exact)

    @property
    def size(self) -> Fraction:
        """Largest absolute value that the exact number may have."""
        return max(abs(self.lo), abs(self.hi))

    @property
    def low(self) -> Fraction:
        """Smallest number that an evaluation may return."""
        return self.lo - self.err

    @property
    def high(self) -> Fraction:
        """Largest number that an evaluation may return."""
        return self.hi + self.err

    def may_be(self, x: float) -> bool:
        """Return whether a float32 evaluation may return x."""
        return self.low <= Fraction(x) <= self.high

    def __neg__(self) -> Value:
        return Value(-self.hi, -self.lo, self.err)

    def __abs__(self) -> Value:
        """Return the absolute value, which adds no rounding."""
        least = Fraction(0) if self.lo <= 0 <= self.hi else min(abs(self.lo), abs(self.hi))
        return Value(least, max(abs(self.lo), abs(self.hi)), self.err)

    def __add__(self, other: Value) -> Value:
        return _rounded(self.lo + other.lo, self.hi + other.hi, self.err + other.err)

    def __sub__(self, other: Value) -> Value:
        return self + -other

    def __mul__(self, other: Value) -> Value:
        return _rounded(*_product(self, other))

    def __truediv__(self, other: Value) -> Value:
        least = min(abs(other.lo), abs(other.hi))
        if other.low <= 0 <= other.high:
            raise ZeroDivisionError("a divisor may be zero")
        ends = [a / b for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
        err = (other.size * self.err + self.size * other.err) / (least * (least - other.err))
        return _rounded(min(ends), max(ends), err)

    def clip(self, lo: Fraction | None, hi: Fraction | None) -> Value:
        """Return ``min(max(x, lo), hi)``, which adds no rounding."""
        ends = [self.lo, self.hi]
        if lo is not None:
            ends = [max(e, lo) for e in ends]
        if hi is not None:
            ends = [min(e, hi) for e in ends]
        return Value(ends[0], ends[1], self.err)

    def sqrt(self) -> Value:
        """Return the square root of a number whose evaluations are all positive."""
        if self.low <= 0:
            raise ZeroDivisionError("a radicand may be zero or less")
        lo, hi = _root(self.lo), _root(self.hi) + Fraction(1, 1 << _ROOT_BITS)
        return _rounded(lo, hi, self.err / lo if lo else self.err, POW_ROUNDINGS)


def _rounded(lo: Fraction, hi: Fraction, err: Fraction, n: int = 1) -> Value:
    """Return the same exact number after n more roundings."""
    size = max(abs(lo), abs(hi)) + err
    return Value(lo, hi, err + gamma(n) * size + n * TINY)


def _product(a: Value, b: Value) -> tuple[Fraction, Fraction, Fraction]:
    """Return ends and error of a product before it is rounded."""
    err = a.size * b.err + b.size * a.err + a.err * b.err
    if a.lo == a.hi and b.lo == b.hi:
        return a.lo * b.lo, a.lo * b.lo, err
    ends = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    return min(ends), max(ends), err


def _root(x: Fraction) -> Fraction:
    """Return the root of x, rounded down to `_ROOT_BITS` binary places."""
    return Fraction(isqrt((x.numerator << (2 * _ROOT_BITS)) // x.denominator), 1 << _ROOT_BITS)


class _Sum:
    """Sum of products of Fractions: integers by denominator, so gcd runs only at the end."""

    def __init__(self) -> None:
        self._parts: dict[int, int] = {}

    def add(self, a: Fraction, b: Fraction) -> None:
        d = a.denominator * b.denominator
        self._parts[d] = self._parts.get(d, 0) + a.numerator * b.numerator

    def add_size(self, a: Fraction, b: Fraction) -> None:
        d = a.denominator * b.denominator
        self._parts[d] = self._parts.get(d, 0) + abs(a.numerator * b.numerator)

    @property
    def total(self) -> Fraction:
        """Sum of all terms."""
        return sum((Fraction(n, d) for d, n in self._parts.items()), Fraction(0))

    def is_grid(self, size: Fraction) -> bool:
        """Return whether all terms are multiples of a power of two, ``size`` below 2**24 of it."""
        finest = max(self._parts, default=1)
        return all(d & (d - 1) == 0 for d in self._parts) and size * finest < 1 << 24


def dot(terms: Iterable[tuple[Value, Value]], *, addends: Iterable[Value] = ()) -> Value:
    """Return ``sum(a * b) + sum(addends)`` in any order: n terms round at most n times each.

    If all terms are multiples of one power of two (for example, integers), and their sizes sum to
    less than 2**24 of it, no order of additions rounds at all.
    """
    lo, hi, err, size = _Sum(), _Sum(), _Sum(), _Sum()
    n = 0
    for a, b in (*terms, *((m, _ONE) for m in addends)):
        n += 1
        if a.lo is a.hi and b.lo is b.hi:
            lo.add(a.lo, b.lo)
            hi.add(a.lo, b.lo)
            size.add_size(a.lo, b.lo)
        else:
            low, high, _ = _product(a, b)
            lo.add(low, _ONE.lo)
            hi.add(high, _ONE.lo)
            size.add(max(abs(low), abs(high)), _ONE.lo)
        if a.err or b.err:
            err.add(a.size, b.err)
            err.add(b.size, a.err)
            err.add(a.err, b.err)
    low, high, carried = lo.total, hi.total, err.total
    if carried == 0 and low == high and lo.is_grid(size.total):
        return Value(low, low)
    return Value(low, high, carried + gamma(n) * (size.total + carried) + n * TINY)


_ONE = Value.of(1)


def maximum(values: Iterable[Value]) -> Value:
    """Return the largest value, which adds no rounding."""
    given = list(values)
    return Value(max(v.lo for v in given), max(v.hi for v in given), max(v.err for v in given))


def power(x: Value, exponent: float) -> Value:
    """Return ``x ** exponent`` for the exponents that norms use: 0.5, -0.5, 1, -1, 2."""
    if exponent == 0.5:
        return x.sqrt()
    if exponent == -0.5:
        return _widened(Value.of(1) / x.sqrt())
    if exponent in (1, -1):
        return _widened(x if exponent == 1 else Value.of(1) / x)
    if exponent == 2:
        return _widened(x * x)
    raise NotImplementedError(f"Pow with the exponent {exponent}")


def _widened(x: Value) -> Value:
    return _rounded(x.lo, x.hi, x.err, POW_ROUNDINGS)


def batch_norm(x: Value, scale: Value, bias: Value, mean: Value, var: Value, eps: float) -> Value:
    """Return ``(x - mean) / sqrt(var + eps) * scale + bias``, or its fused form ``x*a + b``.

    Both forms round numbers no larger than ``(|x| + |mean|) * |a|`` and ``|bias|``, each at most
    `NORM_ROUNDINGS` times; ``a = scale / sqrt(var + eps)``.
    """
    a = scale / (var + Value.of(eps)).sqrt()
    exact = (x - mean) * a + bias
    size = (x.size + x.err + mean.size) * (a.size + a.err) + bias.size
    err = x.err * a.size + gamma(NORM_ROUNDINGS) * size + NORM_ROUNDINGS * TINY
    return Value(exact.lo, exact.hi, max(err, exact.err))
