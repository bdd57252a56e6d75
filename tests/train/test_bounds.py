"""The float error bound: no float32 evaluation leaves it, and it is no wider than it must be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.train.bounds import TINY, U, Value, batch_norm, dot, gamma, maximum, power

F = np.float32
SEEDS = range(40)


def draw(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw floats of all magnitudes and both signs, with pairs that nearly cancel."""
    x = (rng.standard_normal(n) * 10.0 ** rng.integers(-6, 7, n)).astype(F)
    x[1::3] = -x[0 : len(x[1::3]) * 3 : 3] * F(1 + 2**-20)
    return x


def of(x: np.floating | float) -> Value:
    return Value.of(float(x))


@pytest.mark.parametrize("seed", SEEDS)
def test_arithmetic_stays_within(seed: int):
    a, b, c = draw(np.random.default_rng(seed), 3)
    c = c if c else F(1)
    va, vb, vc = of(a), of(b), of(c)
    assert (va + vb).may_be(float(F(a + b)))
    assert (va - vb).may_be(float(F(a - b)))
    assert (va * vb).may_be(float(F(a * b)))
    assert (va / vc).may_be(float(F(a / c)))
    assert ((va * vb + vc) / vc).may_be(float(F(F(F(a * b) + c) / c)))
    assert ((va - vb) * (va + vb)).may_be(float(F(F(a - b) * F(a + b))))
    assert of(abs(c)).sqrt().may_be(float(np.sqrt(abs(c))))


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_stay_within_in_any_order(seed: int):
    rng = np.random.default_rng(seed)
    a, b = draw(rng, 200), draw(rng, 200)
    value = dot((of(x), of(y)) for x, y in zip(a, b, strict=True))
    assert value.lo == sum(
        Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True)
    )
    products = a * b
    for order in (np.arange(200), np.arange(200)[::-1], rng.permutation(200)):
        running = F(0)
        for p in products[order]:
            running = F(running + p)
        assert value.may_be(float(running))
    assert value.may_be(float(a @ b))
    assert value.may_be(float(products.sum()))
    fused = F(0)
    for x, y in zip(a, b, strict=True):
        fused = F(float(x) * float(y) + float(fused))
    assert value.may_be(float(fused))


@pytest.mark.parametrize("seed", SEEDS)
def test_norms_stay_within_in_either_form(seed: int):
    rng = np.random.default_rng(seed)
    x, w, b, mean = draw(rng, 4)
    var, eps = F(abs(draw(rng, 1)[0])), F(1e-5)
    value = batch_norm(of(x), of(w), of(b), of(mean), of(var), float(eps))
    inverse = F(1) / np.sqrt(F(var + eps))
    alpha = F(w * inverse)
    assert value.may_be(float(F(F(F(F(x - mean) * inverse) * w) + b)))
    assert value.may_be(float(F(F(x * alpha) + F(b - F(mean * alpha)))))
    assert value.may_be(float(F(F(F(x - mean) / np.sqrt(F(var + eps))) * w) + b))


def test_rounding_does_happen_so_the_bound_is_needed():
    third = of(F(1) / F(3))
    value = third * Value.of(3)
    assert float(F(F(1) / F(3)) * F(3)) == 1
    assert value.lo != 1
    assert value.may_be(1.0)
    assert not Value(value.lo, value.hi).may_be(1.0)


def test_the_bound_is_narrow():
    value = of(F(0.1)) + of(F(0.2))
    assert value.err <= U * Fraction(31, 100) * (1 + 2 * U) + TINY
    assert not value.may_be(float(np.nextafter(F(0.3), F(1))) + 1e-7)


def test_integers_sum_without_error():
    terms = [(Value.of(k % 7 - 3), Value.of(1 - 2 * (k % 2))) for k in range(1000)]
    assert dot(terms).err == 0
    assert dot(terms, addends=[Value.of(0.5)]).err == 0
    assert dot([*terms, (Value.of(1 << 23), Value.of(1))]).err == 0
    assert dot([*terms, (Value.of(1 << 24), Value.of(1))]).err > 0
    assert dot([*terms, (Value.of(Fraction(1, 3)), Value.of(1))]).err > 0
    assert dot([*terms, (Value(Fraction(1), Fraction(1), U), Value.of(1))]).err > U


def test_an_error_that_is_there_is_carried():
    shaky = Value(Fraction(1), Fraction(1), Fraction(1, 100))
    for value in (shaky + Value.of(1), -shaky, shaky * Value.of(1), shaky / Value.of(1)):
        assert value.err >= Fraction(1, 100)
    assert (Value.of(1) / shaky).err >= Fraction(1, 100)
    for pair in ((shaky, Value.of(3)), (Value.of(3), shaky)):
        assert dot([pair]).err >= (pair[0] * pair[1]).err >= Fraction(3, 100)
    assert dot([], addends=[shaky]).err >= Fraction(1, 100)
    assert (Value.of(3) / shaky).err >= Fraction(3, 100)
    assert maximum([shaky, Value.of(0)]).err == Fraction(1, 100)
    assert shaky.clip(Fraction(0), None).err == Fraction(1, 100)
    assert shaky.sqrt().err >= Fraction(1, 200)
    assert shaky.clip(Fraction(2), Fraction(3)).lo == 2
    assert Value.of(4).clip(Fraction(2), Fraction(3)).hi == 3


def test_roots_are_enclosed():
    value = Value.of(2).sqrt()
    assert value.lo**2 < 2 < value.hi**2
    assert value.hi - value.lo < Fraction(1, 1 << 200)
    assert Value.of(Fraction(9, 4)).sqrt().lo == Fraction(3, 2)


@pytest.mark.parametrize("exponent", [0.5, -0.5, 1, -1, 2])
def test_powers_stay_within(exponent: float):
    for x in (0.1, 1.0, 3.0, 12345.678):
        value = power(of(F(x)), exponent)
        assert value.may_be(float(np.power(F(x), F(exponent))))
        assert value.err <= gamma(12) * value.size + 12 * TINY


def test_what_it_does_not_know_is_refused():
    with pytest.raises(NotImplementedError, match=r"Pow with the exponent 0\.3"):
        power(Value.of(2), 0.3)
    with pytest.raises(ZeroDivisionError, match="a divisor may be zero"):
        Value.of(1) / Value(Fraction(1), Fraction(1), Fraction(2))
    with pytest.raises(ZeroDivisionError, match="a radicand may be zero or less"):
        Value.of(-1).sqrt()
    for bad in (float("nan"), float("inf")):
        with pytest.raises((ValueError, OverflowError)):
            Value.of(bad)
