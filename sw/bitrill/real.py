"""Exact real functions on one channel: affine maps, clips, leaky slopes, and rounding.

A quantized tensor means ``scale * integer + offset``. Between a layer's accumulator and the next
quantizer a model applies scales, biases, batch norm, ReLU and clips; here each is a `Step` over
exact reals (`bitrill.functions` has the curved ones). `bitrill.ir.activation` ends a chain of them
with a quantizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from typing import Literal, TypeAlias, get_args

import numpy as np

from .enclosure import Interval, hull, product_of, sum_of
from .errors import SpecError
from .exact import Real, bracket, ceil, floor, sign, to_float
from .outward import Bounds, bounds_of, greatest, least, plus, points, times
from .steps import Apply, Step, X

Channels: TypeAlias = tuple[Real, ...]
"""One number for each channel, or a single number for all of them."""


def at(values: Channels, channel: int) -> Real:
    """Return the number of ``channel``."""
    return values[0] if len(values) == 1 else values[channel]


def compact(values: Sequence[Real]) -> Channels:
    """Return one number for each channel, or a single number where all are equal."""
    first = values[0]
    return (first,) if all(v is first or v == first for v in values) else tuple(values)


def pick(values: Channels, channels: Iterable[int]) -> Channels:
    """Return the numbers of some channels, in the order in which these are listed."""
    return values if len(values) == 1 else compact([values[c] for c in channels])


def zip_channels(f: Callable[..., Real], *values: Channels) -> Channels:
    """Apply ``f`` channel by channel; a single value stands for every channel."""
    n = max(map(len, values))
    if any(len(v) not in (1, n) for v in values):
        raise SpecError(f"channels must agree, not {sorted({len(v) for v in values})}")
    return tuple(f(*(at(v, c) for v in values)) for c in range(n))


@dataclass(frozen=True)
class Affine:
    """``y = scale * x + offset``."""

    scale: Channels = (Fraction(1),)
    offset: Channels = (Fraction(0),)

    is_monotone = True
    curved = False
    length = 1

    def __call__(self, x: Real, channel: int) -> Real:
        return at(self.scale, channel) * x + at(self.offset, channel)

    def enclose(self, x: Interval, channel: int, bits: int) -> Interval:
        """Bounds of its values."""
        scaled = product_of(bracket(at(self.scale, channel), bits), x)
        return sum_of(scaled, bracket(at(self.offset, channel), bits))

    def derivative(self, x: Interval, channel: int, bits: int) -> Interval:
        """Bounds of the scale."""
        return bracket(at(self.scale, channel), bits)

    def floats(self, x: np.ndarray, channel: int) -> np.ndarray:
        """In float64, rounded."""
        return to_float(at(self.scale, channel)) * x + to_float(at(self.offset, channel))

    def outward(self, x: Bounds) -> Bounds:
        """In float64, rounded outwards."""
        scale, offset = self.ends
        return plus(times(x, scale), offset)

    @cached_property
    def ends(self) -> tuple[Bounds, Bounds]:
        """Scale and offset in float64, rounded outwards."""
        return bounds_of(self.scale), bounds_of(self.offset)

    @property
    def n_channels(self) -> int:
        """Number of channels it tells apart; 1 when all are alike."""
        return max(len(self.scale), len(self.offset))

    @property
    def rises(self) -> bool:
        """Whether it never turns the order of numbers; a scale of 0 makes them equal."""
        return all(sign(s) >= 0 for s in self.scale)

    def then(self, outer: Affine) -> Affine:
        """``outer(self(x))`` as one map."""
        return Affine(
            zip_channels(lambda s, t: s * t, self.scale, outer.scale),
            zip_channels(lambda o, t, p: o * t + p, self.offset, outer.scale, outer.offset),
        )

    def in_onnx(self, x: X, apply: Apply[X]) -> X:
        """Apply ONNX's Mul and Add."""
        return apply("Add", (apply("Mul", (x,), {"value": self.scale}),), {"value": self.offset})

    def pick(self, channels: Sequence[int]) -> Affine:
        """The same map for some channels, in the order in which these are listed."""
        return Affine(pick(self.scale, channels), pick(self.offset, channels))


@dataclass(frozen=True)
class Clip:
    """``y = min(max(x, lo), hi)``; None is no bound. ReLU is ``Clip(0, None)``."""

    lo: Fraction | None
    hi: Fraction | None

    is_monotone = rises = True
    curved = False
    length = 1
    n_channels = 1

    def __post_init__(self) -> None:
        if self.lo is not None and self.hi is not None and self.lo > self.hi:
            raise SpecError(f"a clip must have lo <= hi, not {self.lo}..{self.hi}")

    def __call__(self, x: Real, channel: int) -> Real:
        if self.lo is not None and sign(x - self.lo) < 0:
            return self.lo
        if self.hi is not None and sign(x - self.hi) > 0:
            return self.hi
        return x

    def enclose(self, x: Interval, channel: int, bits: int) -> Interval:
        """Bounds of its values."""
        least = x if self.lo is None else (max(x[0], self.lo), max(x[1], self.lo))
        return least if self.hi is None else (min(least[0], self.hi), min(least[1], self.hi))

    def derivative(self, x: Interval, channel: int, bits: int) -> Interval:
        """0 where it clips, else 1."""
        inside = (self.lo is None or self.lo <= x[0]) and (self.hi is None or x[1] <= self.hi)
        outside = (self.lo is not None and x[1] <= self.lo) or (
            self.hi is not None and self.hi <= x[0]
        )
        return Fraction(inside), Fraction(not outside)

    def floats(self, x: np.ndarray, channel: int) -> np.ndarray:
        """In float64, rounded."""
        x = x if self.lo is None else np.maximum(x, to_float(self.lo))
        return x if self.hi is None else np.minimum(x, to_float(self.hi))

    def outward(self, x: Bounds) -> Bounds:
        """In float64, rounded outwards."""
        x = x if self.lo is None else greatest(x, bounds_of([self.lo]))
        return x if self.hi is None else least(x, bounds_of([self.hi]))

    def in_onnx(self, x: X, apply: Apply[X]) -> X:
        """Apply ONNX's Relu or Clip."""
        if self.hi is None and self.lo is not None and not self.lo:
            return apply("Relu", (x,), {})
        bounds = {"min": self.lo, "max": self.hi}
        return apply("Clip", (x,), {name: (b,) for name, b in bounds.items() if b is not None})

    def pick(self, channels: Sequence[int]) -> Clip:
        """The same clip: it does not depend on the channel."""
        return self


@dataclass(frozen=True)
class Leaky:
    """``y = x`` where ``x >= 0``, else ``slope * x``: LeakyRelu and PRelu."""

    slope: Channels

    curved = False
    length = 1

    def __call__(self, x: Real, channel: int) -> Real:
        return x if sign(x) >= 0 else at(self.slope, channel) * x

    def enclose(self, x: Interval, channel: int, bits: int) -> Interval:
        """Bounds of its values."""
        if x[0] >= 0:
            return x
        zero = Fraction(0)
        low = product_of(bracket(at(self.slope, channel), bits), (x[0], min(x[1], zero)))
        return low if x[1] < 0 else hull(low, (zero, x[1]))

    def derivative(self, x: Interval, channel: int, bits: int) -> Interval:
        """Bounds of the slope below 0, of 1 above, or of both."""
        one = (Fraction(1), Fraction(1))
        if x[0] >= 0:
            return one
        low = bracket(at(self.slope, channel), bits)
        return low if x[1] < 0 else hull(low, one)

    def floats(self, x: np.ndarray, channel: int) -> np.ndarray:
        """In float64, rounded."""
        return np.where(x >= 0, x, to_float(at(self.slope, channel)) * x)

    def outward(self, x: Bounds) -> Bounds | None:
        """In float64, rounded outwards; None where a slope is below 0."""
        if not self.is_monotone:
            return None
        low = times(x, bounds_of(self.slope))
        ends = [np.where(end >= 0, end, scaled) for end, scaled in zip(x, low, strict=True)]
        return points(ends[0]) if x[0] is x[1] and low[0] is low[1] else (ends[0], ends[1])

    @property
    def n_channels(self) -> int:
        """Number of channels it tells apart; 1 when all are alike."""
        return len(self.slope)

    @property
    def is_monotone(self) -> bool:
        """Whether no slope is below 0, so that ``y`` never falls."""
        return all(sign(s) >= 0 for s in self.slope)

    rises = is_monotone

    def in_onnx(self, x: X, apply: Apply[X]) -> X:
        """Apply ONNX's LeakyRelu, with a slope for each channel."""
        return apply("LeakyRelu", (x,), {"slope": self.slope})

    def pick(self, channels: Sequence[int]) -> Leaky:
        """The same function for some channels, in the order in which these are listed."""
        return Leaky(pick(self.slope, channels))


def append_step(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    """``steps`` and then ``step``; neighbouring affine maps become one."""
    if steps and isinstance(steps[-1], Affine) and isinstance(step, Affine):
        return (*steps[:-1], steps[-1].then(step))
    return (*steps, step)


def chain(first: tuple[Step, ...], second: tuple[Step, ...]) -> tuple[Step, ...]:
    """``first`` and then ``second``; neighbouring affine maps become one."""
    return reduce(append_step, second, first)


Rounding = Literal[
    "ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "HALF_ODD"
]
"""Rounding modes; UP and DOWN are away from and towards zero, halves go by magnitude.

All but HALF_ODD are QONNX's. It is what HALF_EVEN in front of an odd zero point is behind it.
"""

ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)[:-1]
"""QONNX's rounding modes."""

ROUNDING_NAMES: Mapping[str, Rounding] = {**{m: m for m in ROUNDINGS}, "ROUND_TO_ZERO": "DOWN"}
"""Rounding modes by the names that a file may give them; Brevitas writes the last one."""


def round_real(x: Real, mode: Rounding) -> int:
    """Round ``x`` to an integer, exactly, as QONNX's ``resolve_rounding_mode`` defines a mode."""
    if mode == "FLOOR":
        return floor(x)
    if mode == "CEIL":
        return ceil(x)
    s = -1 if sign(x) < 0 else 1
    a = x * s
    if mode == "UP":
        return s * ceil(a)
    if mode == "DOWN":
        return s * floor(a)
    if mode == "HALF_UP":
        return s * floor(a + Fraction(1, 2))
    if mode == "HALF_DOWN":
        return s * ceil(a - Fraction(1, 2))
    below = floor(a)
    side = sign(a - below - Fraction(1, 2))
    return s * (below + (side > 0 or (side == 0 and below % 2 == (mode != "HALF_ODD"))))
