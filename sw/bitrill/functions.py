"""Steps that are curved: one function of `bitrill.curves`, or the sum or product of two chains.

A *step* is one function of a chain from a layer's integer result to its real output (see
`bitrill.steps`). `Elementary` makes a `RealFunction` a step; `Combined` is the sum or product of
two chains. SiLU, GELU and the like are made of these: `bitrill.frontend.rules.activations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np

from .curves import FUNCTIONS, ZERO, RealFunction
from .enclosure import Interval, hull, product_of, square_of, sum_of
from .errors import SpecError, UnsupportedError
from .exact import Real, sign
from .outward import Bounds as FloatBounds
from .steps import Apply, Step, X, derivative_of, enclose, value_of


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
