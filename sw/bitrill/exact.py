"""Exact real numbers: rationals and sums of square roots of rationals, which can be compared.

Batch norm divides by a square root, and thresholds must not round it. A `Surd` is
``sum(q_i * sqrt(d_i))`` with rational ``q_i`` and positive integers ``d_i`` no two of which differ
by a square factor. Such roots are linearly independent over the rationals (Besicovitch 1940), so a
`Surd` is zero only if it has no terms. Its sign is decided by signs and squares up to two terms,
beyond that by intervals that are refined until they exclude zero.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import isqrt, lcm
from typing import TypeAlias

from .errors import UnsupportedError

DIGITS = 4096
"""Characters of a number that is read from text, and its largest decimal exponent."""


class Surd:
    """An irrational number; arithmetic gives a `Fraction` where the result is rational."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[tuple[int, Fraction], ...]):
        self.terms = terms  # ((radicand, coefficient), ...), ascending; made by `_make`

    def __add__(self, other: Real | int) -> Real:
        return _make([*self.terms, *_terms(other)])

    __radd__ = __add__

    def __neg__(self) -> Surd:
        return Surd(tuple((d, -q) for d, q in self.terms))

    def __sub__(self, other: Real | int) -> Real:
        return self + -other

    def __rsub__(self, other: Real | int) -> Real:
        return -self + other

    def __mul__(self, other: Real | int) -> Real:
        return _make([(d * e, q * r) for d, q in self.terms for e, r in _terms(other)])

    __rmul__ = __mul__

    def __truediv__(self, other: Real | int) -> Real:
        return self * reciprocal(other)

    def __rtruediv__(self, other: Real | int) -> Real:
        return reciprocal(self) * other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Surd) and sign(self - other) == 0

    def __hash__(self) -> int:
        return hash(frozenset((q > 0, q * q * d) for d, q in self.terms))  # however d is written

    def __lt__(self, other: Real | int) -> bool:
        return sign(self - other) < 0

    def __le__(self, other: Real | int) -> bool:
        return sign(self - other) <= 0

    def __gt__(self, other: Real | int) -> bool:
        return sign(self - other) > 0

    def __ge__(self, other: Real | int) -> bool:
        return sign(self - other) >= 0

    def __float__(self) -> float:
        """Return the nearest float64."""
        bits = 128
        while True:  # an irrational is never halfway between floats, so the ends meet
            lo, hi = (float(Fraction(b, 1 << bits)) for b in _bracket(self, bits))
            if lo == hi:
                return lo
            bits *= 2

    def __repr__(self) -> str:
        return " + ".join(str(q) if d == 1 else f"{q}*sqrt({d})" for d, q in self.terms)


Real: TypeAlias = Fraction | Surd

Json: TypeAlias = str | list[list[int | str]]
"""A number in a JSON file."""


def _terms(x: Real | int) -> tuple[tuple[int, Fraction], ...]:
    return x.terms if isinstance(x, Surd) else ((1, Fraction(x)),)


def _make(terms: list[tuple[int, Fraction]]) -> Real:
    """Add up ``q * sqrt(d)``; terms whose roots are rational multiples are merged."""
    merged: list[tuple[int, Fraction]] = []
    for d, q in terms:
        root = isqrt(d)
        if root * root == d:
            d, q = 1, q * root
        for i, (e, r) in enumerate(merged):
            product = d * e
            root = isqrt(product)
            if root * root == product:  # sqrt(d) = root / e * sqrt(e)
                merged[i] = (e, r + q * root / e)
                break
        else:
            merged.append((d, q))
    kept = sorted((d, q) for d, q in merged if q)
    if not kept:
        return Fraction(0)
    return kept[0][1] if len(kept) == 1 and kept[0][0] == 1 else Surd(tuple(kept))


def real(x: int | float | Fraction | Surd) -> Real:
    """Return the exact value of a finite number."""
    return x if isinstance(x, Surd) else Fraction(x)


def sqrt(x: Real) -> Real:
    """Return the square root of a rational of at least 0; of an irrational it is refused."""
    if isinstance(x, Surd):
        raise UnsupportedError("a square root of a square root must not occur between quantizers")
    if x < 0:
        raise UnsupportedError(f"a square root must be of a number >= 0, not {float(x)}")
    n, d = x.numerator, x.denominator
    radicand = n * d
    twos = ((radicand & -radicand).bit_length() - 1) // 2 if radicand else 0
    return _make([(radicand >> (2 * twos), Fraction(1 << twos, d))])


def reciprocal(x: Real | int) -> Real:
    """Return ``1 / x`` for at most two terms, by the conjugate."""
    if not isinstance(x, Surd):
        return 1 / Fraction(x)
    if len(x.terms) == 1:
        ((d, q),) = x.terms
        return _make([(d, 1 / (q * d))])
    if len(x.terms) == 2:
        (d, p), (e, q) = x.terms
        return _make([(d, p), (e, -q)]) * (1 / (p * p * d - q * q * e))
    raise UnsupportedError("division by a sum of three or more roots must not occur")


def sign(x: Real | int) -> int:
    """Return -1, 0 or 1, exactly."""
    if not isinstance(x, Surd):
        return (x > 0) - (x < 0)
    signs = {1 if q > 0 else -1 for _, q in x.terms}
    if len(signs) == 1:
        return signs.pop()
    if len(x.terms) == 2:
        (d, p), (e, q) = x.terms
        first = p * p * d > q * q * e
        return (1 if p > 0 else -1) if first else (1 if q > 0 else -1)
    bits = 64
    while True:
        lo, hi = _bracket(x, bits)
        if lo > 0 or hi < 0:
            return 1 if lo > 0 else -1
        bits *= 2


def _bracket(x: Surd, bits: int) -> tuple[int, int]:
    """Return integers ``lo <= x * 2**bits <= hi``, from roots to ``bits`` binary places."""
    lo = hi = 0
    for d, q in x.terms:
        n, m = q.numerator, q.denominator
        below = isqrt(d << (2 * bits))
        above = below if d == 1 else below + 1
        if n < 0:
            below, above = above, below
        lo += n * below // m
        hi -= -n * above // m
    return lo, hi


def bracket(x: Real, bits: int) -> tuple[Fraction, Fraction]:
    """Return rationals ``lo <= x <= hi``: x itself if it is rational, else of ``bits`` places."""
    if not isinstance(x, Surd):
        return x, x
    lo, hi = _bracket(x, bits)
    return Fraction(lo, 1 << bits), Fraction(hi, 1 << bits)


def floor(x: Real) -> int:
    """Return the largest integer not above ``x``."""
    if not isinstance(x, Surd):
        return x.numerator // x.denominator
    bits = 64
    while True:  # an irrational is no integer, so the ends meet
        lo, hi = (b >> bits for b in _bracket(x, bits))
        if lo == hi:
            return lo
        bits *= 2


def ceil(x: Real) -> int:
    """Return the smallest integer not below ``x``."""
    return -floor(-x)


def to_float(x: Real) -> float:
    """Return ``float(x)``, infinite if it is beyond float64."""
    try:
        return float(x)
    except OverflowError:
        return float("inf") * sign(x)


def common_denominator(values: list[Fraction]) -> int:
    """Return the smallest ``k > 0`` that makes each ``k * v`` an integer."""
    return lcm(*(v.denominator for v in values))


def to_json(x: Real) -> Json:
    """Return ``"p/q"``, or ``[[d, "p/q"], ...]`` for roots."""
    return [[d, str(q)] for d, q in x.terms] if isinstance(x, Surd) else str(x)


def from_json(value: Json) -> Real:
    """Return the number that `to_json` wrote."""
    if isinstance(value, str):
        return rational(value)
    return _make([(int(d), rational(str(q))) for d, q in value])


def rational(text: str) -> Fraction:
    """Return the number of a text such as ``1/255``, ``0.5`` or ``1e-3``.

    Raises `ValueError` where it is none, and where it has more than `DIGITS` digits when written
    out; `ZeroDivisionError` for a denominator of 0.
    """
    exponent = (
        re.search(r"e([-+]?\d+(_\d+)*)\s*$", text, re.IGNORECASE) if len(text) <= DIGITS else None
    )
    if len(text) > DIGITS or (exponent is not None and abs(int(exponent[1])) > DIGITS):
        raise ValueError(f"a number must have at most {DIGITS} digits")
    return Fraction(text)
