"""Elementary functions of rational numbers, between two rationals as close as one asks for.

All arithmetic is on integers: a number at ``bits`` binary places is ``n * 2**-bits``, and every
rounding is outward, or counted. So a comparison that both ends decide alike is a proof.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import isqrt
from typing import TypeAlias

from .errors import UnsupportedError

Interval: TypeAlias = tuple[Fraction, Fraction]
"""Two ends, both included, lower first."""

LARGEST_EXPONENT = 1 << 14
"""Largest argument of an exponential that grows; ``exp`` of it has 24,000 bits."""

TAIL = 1 << 14
"""Exponent beyond which a tail of ``exp`` or ``erf`` is taken as at this one, for its lower end.

A tail is never 0. That tells on which side of a boundary its sum or product with other numbers
lies. No boundary differs from 0 by as little as ``exp(-TAIL)``, of 23,000 bits: float parameters
make boundaries of some hundreds or thousands.
"""

ONE = Fraction(1)


def point(x: Fraction) -> Interval:
    """Return the interval of one number."""
    return x, x


def hull(*intervals: Interval) -> Interval:
    """Return the smallest interval that holds all of them."""
    return min(lo for lo, _ in intervals), max(hi for _, hi in intervals)


def sum_of(a: Interval, b: Interval) -> Interval:
    """Return the interval of all sums."""
    return a[0] + b[0], a[1] + b[1]


def product_of(a: Interval, b: Interval) -> Interval:
    """Return the interval of all products."""
    if a[0] == a[1] and b[0] == b[1]:
        return point(a[0] * b[0])
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


def square_of(a: Interval) -> Interval:
    """Return the interval of all squares."""
    ends = sorted((a[0] * a[0], a[1] * a[1]))
    return (Fraction(0) if a[0] < 0 < a[1] else ends[0]), ends[1]


def exp_minus(x: Fraction, bits: int) -> Interval:
    """Return bounds of ``exp(-x)`` for ``x >= 0``, about ``2**-bits`` apart, the lower above 0.

    The alternating series of ``exp(-x / 2**h)`` is squared h times. Each term is wrong by at most
    two units of the last place, each square by twice the error before and two more.
    """
    if not x:
        return ONE, ONE
    if x.numerator << bits < x.denominator:  # the series' first terms are closer than its rounding
        return 1 - x, 1 - x + x * x / 2
    least = Fraction(1, 1 << (3 * min(int(x), TAIL) // 2 + 3))
    if x > bits:
        return least, Fraction(1, 1 << bits)
    halvings = int(x).bit_length() + 8
    places = bits + halvings + 12
    t = (x.numerator << (places - halvings)) // x.denominator
    total = term = 1 << places
    n = 0
    while term:
        n += 1
        term = (term * t >> places) // n
        total += -term if n % 2 else term
    error = 2 * n + 4
    for _ in range(halvings):
        total = total * total >> places
        error = 2 * error + 2
    lo, hi = total - error, min(total + error, 1 << places)
    return max(Fraction(lo, 1 << places), least), Fraction(hi, 1 << places)


def exp(x: Fraction, bits: int) -> Interval:
    """Return bounds of ``exp(x)``; for ``x > 0`` they are about ``2**-bits * exp(x)`` apart."""
    if x <= 0:
        return exp_minus(-x, bits)
    if x > LARGEST_EXPONENT:
        raise UnsupportedError(
            f"an exponential must be of numbers up to {LARGEST_EXPONENT}, not {int(x)}"
        )
    lo, hi = exp_minus(x, bits + 2 * int(x) + 4)
    return 1 / hi, 1 / lo


def log(x: Fraction, bits: int) -> Interval:
    """Return bounds of the natural logarithm of ``x > 0``, about ``2**-bits`` apart."""
    if x == 1:
        return Fraction(0), Fraction(0)
    k = x.numerator.bit_length() - x.denominator.bit_length()
    m = x / (1 << k) if k >= 0 else x * (1 << -k)
    places = bits + abs(k).bit_length() + 2
    return sum_of(_log_near_one(m, places), product_of(point(Fraction(k)), _log_of_two(places)))


@lru_cache(64)
def _log_of_two(bits: int) -> Interval:
    return _log_near_one(Fraction(2), bits)


def _log_near_one(m: Fraction, bits: int) -> Interval:
    """``2 * artanh(z)``, ``z = (m - 1) / (m + 1)``, for m in 1/2 .. 2, so that ``|z| <= 1/3``."""
    places = bits + 18
    z = abs(m - 1) / (m + 1)
    term = (z.numerator << places) // z.denominator
    square = term * term >> places
    total, n = 0, 1
    while term:
        total += term // n
        term, n = term * square >> places, n + 2
    error = 8 * n + 8  # each term is wrong by at most three units, the rest is below one
    lo, hi = Fraction(2 * total - error, 1 << places), Fraction(2 * total + error, 1 << places)
    return (-hi, -lo) if m < 1 else (lo, hi)


@lru_cache(64)
def pi(bits: int) -> Interval:
    """Return bounds of pi, by Machin's formula, about ``2**-bits`` apart."""
    places = bits + 16

    def arctan_of_inverse(d: int) -> int:
        term = (1 << places) // d
        total, n, turn = 0, 1, 1
        while term:
            total += turn * (term // n)
            term, n, turn = term // (d * d), n + 2, -turn
        return total

    total = 16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)
    error = 48 * places  # each of fewer than ``places`` terms is wrong by at most two units
    return Fraction(total - error, 1 << places), Fraction(total + error, 1 << places)


@lru_cache(64)
def root_over_pi(n: int, bits: int) -> Interval:
    """Return bounds of ``sqrt(n / pi)``."""
    lo, hi = pi(bits + 4)
    below, above = (n / end * (1 << 2 * bits) for end in (hi, lo))
    return Fraction(isqrt(int(below)), 1 << bits), Fraction(isqrt(int(above)) + 1, 1 << bits)


def erf(x: Fraction, bits: int) -> Interval:
    """Return bounds of ``erf(x) = 2 / sqrt(pi) * integral of exp(-t**2) from 0 to x``.

    ``erf(x) = 2 / sqrt(pi) * exp(-x**2) * sum(2**n x**(2n + 1) / (1 * 3 * .. (2n + 1)))``, of
    positive terms, summed once rounded down and once up. (Abramowitz and Stegun, 7.1.6.)
    """
    if x < 0:
        lo, hi = erf(-x, bits)
        return -hi, -lo
    square = x * x
    if square > bits:  # 2**-(3 * x**2 + 1) < 1 - erf(x) < exp(-x**2)
        tail = Fraction(1, 1 << int(3 * min(square, TAIL) + 2))
        return 1 - Fraction(1, 1 << bits), 1 - tail
    if x.numerator << bits < x.denominator:
        return product_of(root_over_pi(4, bits), (x - x * square / 3, x))
    places = bits + int(square * 3 / 2) + 20
    lo, hi = (_erf_series(x, places, up=up) for up in (0, 1))
    scale = product_of(root_over_pi(4, places), exp_minus(square, places))
    below, above = product_of(scale, (Fraction(lo, 1 << places), Fraction(hi, 1 << places)))
    return max(below, Fraction(0)), min(above, ONE)


def _erf_series(x: Fraction, places: int, *, up: int) -> int:
    """Return the series times ``2**places``, every step rounded down, or up."""

    def shifted(v: Fraction) -> int:
        return (v.numerator << places) // v.denominator + up

    term, factor = shifted(x), shifted(2 * x * x)
    total, n = term, 1
    while term > 1 or factor > n << (places - 1):
        n += 2
        term = (term * factor >> places) // n + up
        total += term
    return total + 2 * up  # each of the terms left out is less than half the one before
