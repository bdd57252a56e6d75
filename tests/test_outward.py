"""Bounds in float64 hold the exact results, and are these where float64 can write them."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter

import numpy as np
import pytest
from bitrill.exact import sqrt
from bitrill.outward import Bounds, bounds_of, greatest, least, plus, points, times
from hypothesis import given, settings
from hypothesis import strategies as st

finite = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(1 << 20), 1 << 20).map(lambda n: n / 1024),
    st.sampled_from([0.0, -0.0, 5e-324, 2.0**-540, 1e308, 0.1, 1 / 3]),
)


def of(*values: float) -> Bounds:
    return points(np.array(values))


def holds(ends: Bounds, value: Fraction) -> bool:
    lo, hi = (float(end[0]) for end in ends)
    return (lo == -inf or Fraction(lo) <= value) and (hi == inf or value <= Fraction(hi))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(finite, finite, finite)
def test_sums_and_products_lie_within(a: float, b: float, c: float) -> None:
    x, y, z = Fraction(a), Fraction(b), Fraction(c)
    assert holds(times(of(a), of(b)), x * y)
    assert holds(plus(of(a), of(b)), x + y)
    lo, hi = min(a, c), max(a, c)
    between = (np.array([lo]), np.array([hi]))
    for end in (x, z):
        assert holds(times(between, of(b)), end * y)
        assert holds(plus(between, of(b)), end + y)
        assert holds(least(between, of(b)), min(end, y))
        assert holds(greatest(between, of(b)), max(end, y))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(-(1 << 26), 1 << 26), st.integers(-(1 << 26), 1 << 26), st.integers(-40, 40))
def test_what_float64_can_write_stays_a_number(a: int, b: int, shift: int) -> None:
    x, y = of(a * 2.0**shift), of(b / 2.0**20)
    for ends in (times(x, y), plus(of(a), y)):
        assert ends[0] is ends[1]
    assert Fraction(float(times(x, y)[0][0])) == Fraction(a * b) * Fraction(2) ** (shift - 20)


@pytest.mark.parametrize(("a", "b"), [(0.1, 0.1), (1 / 3, 3.0), (1e-200, 1e-200), (1e200, 1e200)])
def test_what_it_cannot_write_is_widened(a: float, b: float) -> None:
    lo, hi = times(of(a), of(b))
    assert lo < hi


def test_a_sum_of_too_many_bits_is_widened() -> None:
    lo, hi = plus(of(1.0), of(2.0**-60))
    assert (lo[0], hi[0]) == (nextafter(1, 0), nextafter(1, 2))


def test_an_infinite_end_times_zero_is_zero() -> None:
    ends = times((np.array([-inf]), np.array([1.0])), of(0.0))
    assert holds(ends, Fraction(0))
    assert not np.isnan(ends).any()


def test_bounds_of_reals() -> None:
    assert bounds_of([Fraction(3, 8), Fraction(-2)])[0].tolist() == [0.375, -2.0]
    lo, hi = bounds_of([sqrt(Fraction(2)), Fraction(1, 3), Fraction(10) ** 400, Fraction(1, 2)])
    for k, value in enumerate((Fraction(1, 3), Fraction(10) ** 400), 1):
        assert holds((lo[k:], hi[k:]), value)
    assert Fraction(float(lo[0])) ** 2 < 2 < Fraction(float(hi[0])) ** 2
    assert lo[3] == hi[3] == 0.5
