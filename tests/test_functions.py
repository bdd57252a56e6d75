"""Bounds of the curved functions hold mpmath's value of 60 digits, and are as close as asked."""

from __future__ import annotations

import random
from fractions import Fraction
from math import inf

import numpy as np
import pytest
from bitrill.curves import FUNCTIONS
from bitrill.enclosure import hull, pi
from bitrill.errors import SpecError, UnsupportedError
from bitrill.exact import sqrt
from bitrill.functions import Combined, Elementary
from bitrill.real import Affine, Clip, Leaky
from bitrill.steps import derivative_of, enclose, value_of

F = Fraction
mpmath = pytest.importorskip("mpmath")
mp = mpmath.mp.clone()
mp.dps = 60

ORACLES = {
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
    "tanh of sqrt(2 / pi) times": lambda x: mp.tanh(mp.sqrt(2 / mp.pi) * x),
    "erf": mp.erf,
    "exp": mp.exp,
    "log": mp.log,
    "softplus": lambda x: mp.log1p(mp.exp(x)) if x < 30 else x + mp.log1p(mp.exp(-x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "elu": lambda x: x if x >= 0 else mp.expm1(x),
    "sign": mp.sign,
}


def big(x: Fraction):
    return mp.mpf(x.numerator) / x.denominator


def places(name: str) -> list[Fraction]:
    """Small, large and middling numbers, the function's corners among them."""
    rng = random.Random(name)
    drawn = [rng.gauss(0, 3) for _ in range(20)] + [rng.uniform(-30, 30) for _ in range(10)]
    tiny = [1e-30, -1e-9, 1e-12, 90.0, -90.0, 2.0, -1.0, 0.5]
    xs = [F(x) for x in (*drawn, *tiny)] + [F(1, 3), F(-22, 7)]
    return [abs(x) for x in xs] if name == "log" else xs


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bounds_hold_the_value_and_close_in(name):
    f = FUNCTIONS[name]
    for x in places(name):
        want = ORACLES[name](big(x))
        for bits in (32, 75, 140):
            lo, hi = f.bounds(x, bits)
            slack = abs(want) * mp.mpf(10) ** -55  # of the oracle
            assert big(lo) - slack <= want <= big(hi) + slack, (name, x, bits)
            assert big(hi) - big(lo) <= mp.mpf(2) ** (2 - bits) * max(1, want), (name, x, bits)
        assert abs(float(f.floats(np.array([float(x)]))[0]) - want) <= 1e-12 * max(1, want)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes_hold_the_difference_quotient(name):
    """The mean slope between two numbers lies between bounds of the slopes there (mean values)."""
    for x in places(name):
        ends = (x, x + F(1, 1 << 20))
        got = Elementary(name).derivative(ends, 0, 64)
        a, b = (ORACLES[name](big(end)) for end in ends)
        mean = (b - a) * (1 << 20)
        assert got is None or big(got[0]) - mp.mpf(10) ** -14 <= mean <= big(got[1]) + 1e-14, x


def test_pi_and_what_is_known_exactly():
    assert big(pi(100)[0]) < mp.pi < big(pi(100)[1])
    zero = F(0)
    exact = {name: f.exact(zero) for name, f in FUNCTIONS.items() if name != "log"}
    assert exact == {
        "sigmoid": F(1, 2),
        "tanh": 0,
        "tanh of sqrt(2 / pi) times": 0,
        "erf": 0,
        "exp": 1,
        "softplus": None,
        "softsign": 0,
        "elu": 0,
        "sign": 0,
    }
    root = sqrt(F(2))
    assert FUNCTIONS["elu"].exact(root) is root
    assert [FUNCTIONS[n].exact(root) for n in ("sigmoid", "softsign")] == [None, None]
    assert (FUNCTIONS["log"].exact(F(1)), FUNCTIONS["sign"].exact(-root)) == (0, -1)


@pytest.mark.parametrize("x", [1000, -1000, 10**5, -(10**5)])
def test_no_value_ever_is_the_one_that_it_tends_to(x):
    """So a quantizer that rounds down tells 1 from just below 1, however near that is."""
    for name in ("sigmoid", "tanh"):
        lo, hi = FUNCTIONS[name].bounds(F(x), 40)
        assert -1 < lo <= hi < 1
        assert name == "tanh" or lo > 0


def chain_of(name: str):
    """Chains that hold every kind of step."""
    square = Combined("mul", (), ())
    return {
        "silu": (Combined("mul", (), (Elementary("sigmoid"),)),),
        "mish": (Combined("mul", (), (Elementary("softplus"), Elementary("tanh"))),),
        "cubic": (Combined("add", (Affine((F(-2),), (sqrt(F(3)),)),), (square, Leaky((F(1),)))),),
        "hard swish": (Combined("mul", (), (Affine((F(1, 6),), (F(1, 2),)), Clip(F(0), F(1)))),),
        "leaky": (Affine((F(3),), (F(-1),)), Leaky((-sqrt(F(2)),)), Clip(None, F(5))),
    }[name]


@pytest.mark.parametrize("name", ["silu", "mish", "cubic", "hard swish", "leaky"])
def test_bounds_over_ranges_hold_every_value_and_slope_between(name):
    steps, rng = chain_of(name), random.Random(7)
    for _ in range(40):
        lo = F(rng.uniform(-6, 6))
        ends = (lo, lo + F(rng.choice([1e-6, 0.1, 1, 3])))
        box = enclose(steps, ends, 0, 48)
        slope = derivative_of(steps, ends, 0, 48)
        assert slope is not None
        inner = [ends[0] + F(k, 5) * (ends[1] - ends[0]) for k in range(6)]
        points = [enclose(steps, (x, x), 0, 80) for x in inner]
        assert box[0] <= min(p[0] for p in points)
        assert hull(box, *points) == box
        for (x, p), (y, q) in zip(
            zip(inner, points, strict=True), zip(inner[1:], points[1:], strict=True), strict=False
        ):
            mean = (q[0] - p[0]) / (y - x)
            assert slope[0] - F(1, 1 << 30) <= mean <= slope[1] + F(1, 1 << 30)
        floats = np.array([float(x) for x in inner])
        for step in steps:
            floats = step.floats(floats, 0)
        assert np.allclose(floats, [float(p[0]) for p in points], rtol=1e-12, atol=1e-12)


def test_products_of_exact_numbers_stay_exact():
    square = Combined("mul", (), ())
    assert value_of((square,), sqrt(F(2)), 0) == 2
    assert value_of((Combined("mul", (), (Elementary("sigmoid"),)),), F(0), 0) == 0
    assert value_of((Combined("mul", (), (Elementary("sigmoid"),)),), F(1), 0) is None


def test_channels_are_picked_in_every_chain():
    per = Affine((F(1), F(2), F(3)))
    both = Combined("add", (per,), (Leaky((F(0), F(1), F(2))),))
    assert both.n_channels == 3
    assert both.pick([2])(F(-1), 0) == both(F(-1), 2)


def test_what_is_no_function_or_has_no_value():
    with pytest.raises(SpecError, match=r"must be one of sigmoid, tanh, .*, not 'sin'"):
        Elementary("sin")
    with pytest.raises(SpecError, match="combined by add or mul, not 'pow'"):
        Combined("pow", (), ())  # pyright: ignore[reportArgumentType]
    why = r"log is defined only above 0, and its input reaches -0\.333333"
    with pytest.raises(UnsupportedError, match=why):
        Elementary("log")(F(-1, 3), 0)
    with pytest.raises(UnsupportedError, match="an exponential must be of numbers up to 16384"):
        FUNCTIONS["exp"].bounds(F(1 << 15), 40)
    assert FUNCTIONS["exp"].floats(np.array([-inf]))[0] == 0
