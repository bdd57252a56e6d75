"""Exact reals: against decimals of 200 digits, and where floats cannot tell."""

from __future__ import annotations

from decimal import Decimal, getcontext, localcontext
from fractions import Fraction
from math import isqrt, nextafter

import pytest
from bitrill import exact
from bitrill.errors import UnsupportedError
from bitrill.exact import Surd, ceil, floor, from_json, real, reciprocal, sign, sqrt, to_json
from hypothesis import given, settings
from hypothesis import strategies as st

F = Fraction
DIGITS = 200

rationals = st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=10**6)
radicands = st.fractions(min_value=0, max_value=10**6, max_denominator=10**4)
terms = st.lists(st.tuples(rationals, radicands), min_size=1, max_size=4)


def decimal(x: F) -> Decimal:
    return Decimal(x.numerator) / Decimal(x.denominator)


def oracle(parts: list[tuple[F, F]]) -> Decimal:
    return sum((decimal(q) * decimal(d).sqrt() for q, d in parts), Decimal(0))


def build(parts: list[tuple[F, F]]) -> exact.Real:
    total: exact.Real = F(0)
    for q, d in parts:
        total = total + q * sqrt(d)
    return total


@settings(max_examples=300, deadline=None, derandomize=True)
@given(terms)
def test_sign_floor_and_float_agree_with_two_hundred_digits(parts):
    with localcontext() as context:
        context.prec = DIGITS
        value, want = build(parts), oracle(parts)
        if not isinstance(value, Surd):  # a rational: the decimal is it, up to its last digits
            assert abs(decimal(F(value)) - want) < Decimal(10) ** -150
            return
        assert sign(value) == (1 if want > 0 else -1)
        assert floor(value) == int(want.to_integral_value("ROUND_FLOOR"))
        assert ceil(value) == int(want.to_integral_value("ROUND_CEILING"))
        assert float(value) == float(F(str(want)))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.tuples(rationals, rationals), st.sampled_from([2, 3, 1 << 30]), st.integers(0, 5))
def test_coarse_brackets_hold_the_number(coefficients, radicand, bits):
    p, q = coefficients
    value = p + (q or 1) * sqrt(F(radicand) + 1)
    if isinstance(value, Surd):
        lo, hi = exact._bracket(value, bits)
        assert sign(value * (1 << bits) - lo) >= 0  # two terms: decided without brackets
        assert sign(hi - value * (1 << bits)) >= 0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(terms, terms)
def test_arithmetic_agrees_with_two_hundred_digits(left, right):
    with localcontext() as context:
        context.prec = DIGITS
        a, b = build(left), build(right)
        x, y = oracle(left), oracle(right)
        for value, want in ((a + b, x + y), (a - b, x - y), (a * b, x * y), (-a, -x)):
            scaled = floor(value * 10**100)
            assert abs(Decimal(scaled) - want * Decimal(10) ** 100) < 2


def pell(n: int) -> tuple[int, int]:
    """The n-th ``p, q`` with ``p*p - 2*q*q = +-1``."""
    p, q = 1, 1
    for _ in range(n):
        p, q = p + 2 * q, p + q
    return p, q


@pytest.mark.parametrize("n", [10, 60, 300, 1000])
def test_order_of_root_two_and_its_best_fractions(n):
    p, q = pell(n)
    above = p * p - 2 * q * q == 1
    assert sign(F(p, q) - sqrt(F(2))) == (1 if above else -1)
    assert (sqrt(F(2)) < F(p, q)) is above
    assert (sqrt(F(2)) >= F(p, q)) is not above
    assert sign(q * sqrt(F(2)) - p) == (-1 if above else 1)
    assert floor(q * sqrt(F(2))) == isqrt(2 * q * q) == (p - 1 if above else p)


@pytest.mark.parametrize("exponent", [3, 20, 60, 200])
def test_three_roots_that_nearly_cancel(exponent):
    n = 10**exponent + 1
    close = sqrt(F(n - 1)) + sqrt(F(n + 1)) - 2 * sqrt(F(n))  # about -n**-1.5 / 4
    assert sign(close) == -1
    assert (floor(close), ceil(close)) == (-1, 0)
    assert -1 / F(n) < close < 0


def test_float_of_a_near_cancellation_is_the_nearest():
    p, q = pell(100)
    value = p - q * sqrt(F(2))
    near = float(value)
    assert near != 0
    below, above = F(nextafter(near, -1)), F(nextafter(near, 1))
    assert abs_(value - F(near)) < abs_(value - below)
    assert abs_(value - F(near)) < abs_(value - above)


def abs_(x):
    return x if sign(x) >= 0 else -x


def test_squares_and_like_roots_come_together():
    assert sqrt(F(9, 4)) == F(3, 2)
    assert sqrt(F(0)) == 0
    assert sqrt(F(8)) == 2 * sqrt(F(2))
    assert sqrt(F(18)) - sqrt(F(8)) == sqrt(F(2))
    assert sqrt(F(12)) * sqrt(F(3)) == 6
    assert sqrt(F(1, 2)) == sqrt(F(2)) / 2
    assert sqrt(F(2)) - sqrt(F(2)) == 0
    assert isinstance(sqrt(F(2)) - sqrt(F(2)), Fraction)
    assert sqrt(F(2)) != F(665857, 470832)
    assert hash(sqrt(F(8))) == hash(2 * sqrt(F(2)))


def test_both_signs_of_two_terms():
    assert sign(sqrt(F(2)) - 1) == 1
    assert sign(1 - sqrt(F(2))) == -1
    assert sign(3 - 2 * sqrt(F(2))) == 1
    assert sign(2 * sqrt(F(2)) - 3) == -1
    assert sign(sqrt(F(3)) - sqrt(F(2))) == 1
    assert sign(-sqrt(F(3)) - sqrt(F(2))) == -1
    assert [sign(v) for v in (F(-1, 9), F(0), F(1, 9), -2)] == [-1, 0, 1, -1]


def test_reciprocals():
    for x in (F(-3, 7), sqrt(F(2)), F(2, 3) - sqrt(F(5)), sqrt(F(3)) + 4 * sqrt(F(7))):
        assert x * reciprocal(x) == 1
        assert 1 / x * x == 1
    assert 6 / sqrt(F(3)) == 2 * sqrt(F(3))
    with pytest.raises(UnsupportedError, match="division by a sum of three or more roots must not"):
        reciprocal(1 + sqrt(F(2)) + sqrt(F(3)))


def test_refused_roots():
    with pytest.raises(UnsupportedError, match=r"must be of a number >= 0, not -0\.5"):
        sqrt(F(-1, 2))
    with pytest.raises(UnsupportedError, match="a square root of a square root must not occur"):
        sqrt(sqrt(F(2)))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(terms)
def test_json_gives_the_number_back(parts):
    value = build(parts)
    assert from_json(to_json(value)) == value


def test_floats_are_the_rationals_they_are():
    assert real(0.1) == F(3602879701896397, 36028797018963968)
    assert real(sqrt(F(2))) == sqrt(F(2))
    assert repr(1 + 2 * sqrt(F(3))) == "1 + 2*sqrt(3)"
    assert getcontext().prec == 28  # the oracle's precision stays its own
