"""Curved activation functions (not piecewise linear): exact bounds of their values, and float64.

A `RealFunction` never decreases. Its value is exact at the points where it is rational, such as
``tanh(0)``; everywhere else two rationals enclose it, as closely as asked for. (By the theorems of
Lindemann and, on E-functions, Siegel, ``exp``, ``erf`` and functions made of them are irrational at
every other algebraic number.)

A *step* is one function of a chain from a layer's integer result to its real output (see
`bitrill.steps`). `Elementary` makes a `RealFunction` a step; `Combined` is the sum or product of
two chains. SiLU, GELU and the like are made of these: `bitrill.frontend.rules.activations`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import erf as float_erf
from typing import Literal, TypeAlias

import numpy as np

from . import enclosure
from .enclosure import ONE, Interval, hull, point, product_of, square_of, sum_of
from .errors import SpecError, UnsupportedError
from .exact import Real, Surd, sign
from .outward import Bounds as FloatBounds
from .steps import Apply, Step, X, derivative_of, enclose, value_of

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


@dataclass(frozen=True)
class Elementary:
    """``y = f(x)``, f one of `FUNCTIONS` by its ``name``, the same on every channel."""

    name: str

    is_monotone = rises = curved = True  # see `bitrill.steps.Step`
    n_channels = length = 1

    def __post_init__(self) -> None:
        if self.name not in FUNCTIONS:
            raise SpecError(f"a function must be one of {', '.join(FUNCTIONS)}, not {self.name!r}")

    @property
    def function(self) -> RealFunction:
        """The function with that name."""
        return FUNCTIONS[self.name]

    def __call__(self, x: Real, channel: int) -> Real | None:
        self._check(x)
        return self.function.exact(x)

    def enclose(self, x: Interval, channel: int, bits: int) -> Interval:
        """Bounds of its values: those at the ends, since it never decreases."""
        self._check(x[0])
        f = self.function.bounds
        low = f(x[0], bits)
        return low if x[0] == x[1] else (low[0], f(x[1], bits)[1])

    def derivative(self, x: Interval, channel: int, bits: int) -> Interval | None:
        """Bounds of its slopes; None if it jumps within ``x``."""
        inside = x[0] <= 0 <= x[1]
        if inside and self.function.jumps:
            return None
        places = [*x, ZERO] if inside else x
        return hull(*(self.function.slope(place, bits) for place in places))

    def floats(self, x: np.ndarray, channel: int) -> np.ndarray:
        """Its values in float64, rounded."""
        return self.function.floats(x)

    def outward(self, x: FloatBounds) -> FloatBounds | None:
        """Return None: numpy's functions come without proven error bounds."""

    def in_onnx(self, x: X, apply: Apply[X]) -> X:
        """Apply ONNX's function of that name."""
        return self.function.in_onnx(x, apply)

    def pick(self, channels: Sequence[int]) -> Elementary:
        """The same function: it does not depend on the channel."""
        return self

    def _check(self, x: Real) -> None:
        least = self.function.above
        if least is not None and sign(x - least) <= 0:
            raise UnsupportedError(
                f"{self.name} is defined only above {least}, and its input reaches {float(x):g}"
            )


@dataclass(frozen=True)
class Combined:
    """``y = first(x) + second(x)`` or ``first(x) * second(x)``, of two chains of steps."""

    how: Literal["add", "mul"]
    first: tuple[Step, ...]
    second: tuple[Step, ...]

    is_monotone = rises = False
    curved = True

    def __post_init__(self) -> None:
        if self.how not in ("add", "mul"):
            raise SpecError(f"chains must be combined by add or mul, not {self.how!r}")

    def __call__(self, x: Real, channel: int) -> Real | None:
        a, b = value_of(self.first, x, channel), value_of(self.second, x, channel)
        if a is None or b is None:
            return None
        return a + b if self.how == "add" else a * b

    def enclose(self, x: Interval, channel: int, bits: int) -> Interval:
        """Bounds of its values."""
        a = enclose(self.first, x, channel, bits)
        if self.how == "mul" and self.first == self.second:
            return square_of(a)
        b = enclose(self.second, x, channel, bits)
        return sum_of(a, b) if self.how == "add" else product_of(a, b)

    def derivative(self, x: Interval, channel: int, bits: int) -> Interval | None:
        """Bounds of its slopes, by the rules of sums and products."""
        a, b = (derivative_of(steps, x, channel, bits) for steps in (self.first, self.second))
        if a is None or b is None:
            return None
        if self.how == "add":
            return sum_of(a, b)
        u, v = (enclose(steps, x, channel, bits) for steps in (self.first, self.second))
        return sum_of(product_of(a, v), product_of(u, b))

    def floats(self, x: np.ndarray, channel: int) -> np.ndarray:
        """Its values in float64, rounded."""
        a, b = x, x
        for step in self.first:
            a = step.floats(a, channel)
        for step in self.second:
            b = step.floats(b, channel)
        return a + b if self.how == "add" else a * b

    def outward(self, x: FloatBounds) -> FloatBounds | None:
        """Return None, as its curved steps do."""

    def in_onnx(self, x: X, apply: Apply[X]) -> X:
        """Apply both chains, and ONNX's sum or product of them."""
        a, b = (
            reduce(lambda y, step: step.in_onnx(y, apply), steps, x)
            for steps in (self.first, self.second)
        )
        return apply("Add" if self.how == "add" else "Mul", (a, b), {})

    @property
    def n_channels(self) -> int:
        """Number of channels with functions of their own; 1 if all have the same."""
        return max([1, *(s.n_channels for s in (*self.first, *self.second))])

    @property
    def length(self) -> int:
        """Number of steps in it, itself included."""
        return 1 + sum(s.length for s in (*self.first, *self.second))

    def pick(self, channels: Sequence[int]) -> Combined:
        """The functions of some channels, in the order of ``channels``."""
        a, b = (tuple(s.pick(channels) for s in steps) for steps in (self.first, self.second))
        return Combined(self.how, a, b)
