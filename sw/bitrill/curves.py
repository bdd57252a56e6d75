"""Curved functions (not piecewise linear) by their names in ONNX: exact bounds, and float64.

A `RealFunction` never decreases. Its value is exact at the points where it is rational, such as
``tanh(0)``; everywhere else two rationals enclose it, as closely as asked for. (By the theorems of
Lindemann and, on E-functions, Siegel, ``exp``, ``erf`` and functions made of them are irrational at
every other algebraic number.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import erf as float_erf
from typing import TypeAlias

import numpy as np

from . import enclosure
from .enclosure import ONE, Interval, hull, point, product_of, square_of, sum_of
from .exact import Real, Surd, sign
from .steps import Apply, X

ZERO = Fraction(0)


Bounds: TypeAlias = Callable[[Fraction, int], Interval]
"""Returns an interval about ``2**-bits`` wide that holds a function's value, or its slope, at a
rational number."""


Floats: TypeAlias = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class RealFunction:
    """A function of one real number that never decreases; its slope is monotone on each side of 0.

    ``bounds`` and ``slope``: enclosures of value and slope at rational numbers. ``floats``: the
    values in float64, rounded, for guesses and for the host. ``exact``: the exact value, or None
    where that is not known. ``jumps``: whether it jumps at 0. ``above``: lower end of its domain,
    exclusive; None if it is defined everywhere. The host computes it with the ONNX operator that
    the first word of ``name`` names, applied to ``factor * x``.
    """

    name: str
    bounds: Bounds
    slope: Bounds
    floats: Floats
    exact: Callable[[Real], Real | None]
    jumps: bool = False
    above: Fraction | None = None
    factor: Fraction = ONE

    def in_onnx(self, x: X, apply: Apply[X]) -> X:
        """Return its value at ``x`` by ONNX operators, for the host."""
        name, _, _ = self.name.partition(" ")
        if self.factor != 1:
            x = apply("Mul", (x,), {"value": (self.factor,)})
        return apply(name.capitalize(), (x,), {})


def _sigmoid(x: Fraction, bits: int) -> Interval:
    lo, hi = enclosure.exp_minus(abs(x), bits)
    return (lo / (1 + lo), hi / (1 + hi)) if x < 0 else (1 / (1 + hi), 1 / (1 + lo))


def _tanh(x: Fraction, bits: int) -> Interval:
    lo, hi = enclosure.exp_minus(2 * abs(x), bits + 1)
    ends = (1 - hi) / (1 + hi), (1 - lo) / (1 + lo)
    return (-ends[1], -ends[0]) if x < 0 else ends


def _tanh_of_root(x: Fraction, bits: int) -> Interval:
    """``tanh(sqrt(2 / pi) * x)``."""
    inner = product_of(enclosure.root_over_pi(2, bits + x.numerator.bit_length()), (x, x))
    return hull(*(_tanh(end, bits) for end in inner))


def _softplus(x: Fraction, bits: int) -> Interval:
    """``log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))``."""
    lo, hi = enclosure.exp_minus(abs(x), bits + 2)
    ends = enclosure.log(1 + lo, bits + 2)[0], enclosure.log(1 + hi, bits + 2)[1]
    # log(1 + t) >= t / 2 for t in 0..1: the lower end stays above 0 however small exp(-|x|) is
    return sum_of(point(max(x, ZERO)), (max(ends[0], lo / 2), ends[1]))


def _softsign(x: Fraction, _: int) -> Interval:
    return point(x / (1 + abs(x)))


def _elu(x: Fraction, bits: int) -> Interval:
    if x >= 0:
        return x, x
    lo, hi = enclosure.exp_minus(-x, bits)
    return lo - 1, hi - 1


def _one_minus_square(inner: Bounds, scale: Callable[[int], Interval]) -> Bounds:
    """``scale * (1 - inner(x)**2)``: the slope of a hyperbolic tangent."""

    def slope(x: Fraction, bits: int) -> Interval:
        lo, hi = square_of(inner(x, bits))
        return product_of(scale(bits), (1 - hi, 1 - lo))

    return slope


def _sigmoid_slope(x: Fraction, bits: int) -> Interval:
    lo, hi = _sigmoid(-abs(x), bits)
    return lo * (1 - lo), hi * (1 - hi)


def _erf_slope(x: Fraction, bits: int) -> Interval:
    return product_of(enclosure.root_over_pi(4, bits), enclosure.exp_minus(x * x, bits))


def _at_zero(value: Fraction) -> Callable[[Real], Real | None]:
    """Return the exact value as a function of x; it is known only at 0."""
    return lambda x: None if isinstance(x, Surd) or x else value


def _logarithm(x: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(x, 0))


_float_erf = np.vectorize(float_erf, otypes=[np.float64])


FUNCTIONS = {
    f.name: f
    for f in (
        RealFunction(
            "sigmoid",
            _sigmoid,
            _sigmoid_slope,
            lambda x: np.exp(-np.logaddexp(0, -x)),
            _at_zero(Fraction(1, 2)),
        ),
        RealFunction(
            "tanh", _tanh, _one_minus_square(_tanh, lambda _: (ONE, ONE)), np.tanh, _at_zero(ZERO)
        ),
        RealFunction(
            "tanh of sqrt(2 / pi) times",
            _tanh_of_root,
            _one_minus_square(_tanh_of_root, lambda bits: enclosure.root_over_pi(2, bits)),
            lambda x: np.tanh(np.sqrt(2 / np.pi) * x),
            _at_zero(ZERO),
            factor=Fraction(math.sqrt(2 / math.pi)),
        ),
        RealFunction("erf", enclosure.erf, _erf_slope, _float_erf, _at_zero(ZERO)),
        RealFunction("exp", enclosure.exp, enclosure.exp, np.exp, _at_zero(ONE)),
        RealFunction(
            "log",
            enclosure.log,
            lambda x, _: (1 / x, 1 / x),
            _logarithm,
            lambda x: ZERO if x == 1 else None,
            above=ZERO,
        ),
        RealFunction("softplus", _softplus, _sigmoid, lambda x: np.logaddexp(0, x), lambda _: None),
        RealFunction(
            "softsign",
            _softsign,
            lambda x, _: point(1 / ((1 + abs(x)) * (1 + abs(x)))),
            lambda x: x / (1 + np.abs(x)),
            lambda x: None if isinstance(x, Surd) else x / (1 + abs(x)),
        ),
        RealFunction(
            "elu",
            _elu,
            lambda x, bits: (ONE, ONE) if x >= 0 else enclosure.exp_minus(-x, bits),
            lambda x: np.where(x >= 0, x, np.expm1(np.minimum(x, 0))),
            lambda x: x if sign(x) >= 0 else None,
        ),
        RealFunction(
            "sign",
            lambda x, _: point(Fraction(sign(x))),
            lambda _x, _: (ZERO, ZERO),
            np.sign,
            lambda x: Fraction(sign(x)),
            jumps=True,
        ),
    )
}
"""Functions by name; ``elu`` is ELU with alpha = 1."""
