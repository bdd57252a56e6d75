"""What stands between integers in an imported network: real functions, one a channel, exact.

A quantized tensor is ``scale * integer + offset``. From an accumulator to the next quantizer a
model holds scales, biases, batch norm, ReLU, clips: a chain of `Step`s over exact reals, ended by
a `Quantizer`. `Activation` is that chain as a node; it exists at stage IMPORTED only, and
`bitrill.passes.thresholds` turns it into integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np

from .errors import SpecError
from .exact import Real, ceil, floor, sign
from .ir.operator import Imported
from .ir.types import IntType, Tensor

Channels: TypeAlias = tuple[Real, ...]
"""One number a channel, or a single one for all."""


def at(values: Channels, channel: int) -> Real:
    """The number of ``channel``."""
    return values[0] if len(values) == 1 else values[channel]


def zip_channels(f: Callable[..., Real], *values: Channels) -> Channels:
    """``f`` channel by channel, single values broadcast."""
    n = max(map(len, values))
    if any(len(v) not in (1, n) for v in values):
        raise SpecError(f"channels must agree, not {sorted({len(v) for v in values})}")
    return tuple(f(*(at(v, c) for v in values)) for c in range(n))


@dataclass(frozen=True)
class Affine:
    """``y = scale * x + offset``."""

    scale: Channels = (Fraction(1),)
    offset: Channels = (Fraction(0),)

    def __call__(self, x: Real, channel: int) -> Real:
        return at(self.scale, channel) * x + at(self.offset, channel)

    def then(self, outer: Affine) -> Affine:
        """``outer(self(x))`` as one."""
        return Affine(
            zip_channels(lambda s, t: s * t, self.scale, outer.scale),
            zip_channels(lambda o, t, p: o * t + p, self.offset, outer.scale, outer.offset),
        )


@dataclass(frozen=True)
class Clip:
    """``y = min(max(x, lo), hi)``; None is no bound. ReLU is ``Clip(0, None)``."""

    lo: Fraction | None
    hi: Fraction | None

    def __post_init__(self) -> None:
        if self.lo is not None and self.hi is not None and self.lo > self.hi:
            raise SpecError(f"a clip must have lo <= hi, not {self.lo}..{self.hi}")

    def __call__(self, x: Real, channel: int) -> Real:
        if self.lo is not None and sign(x - self.lo) < 0:
            return self.lo
        if self.hi is not None and sign(x - self.hi) > 0:
            return self.hi
        return x


@dataclass(frozen=True)
class Leaky:
    """``y = x`` where ``x >= 0``, else ``slope * x``: LeakyRelu and PRelu."""

    slope: Channels

    def __call__(self, x: Real, channel: int) -> Real:
        return x if sign(x) >= 0 else at(self.slope, channel) * x

    @property
    def is_monotone(self) -> bool:
        """Whether no slope is below 0, so that ``y`` never falls."""
        return all(sign(s) >= 0 for s in self.slope)


Step: TypeAlias = Affine | Clip | Leaky

Rounding = Literal["ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"]
"""QONNX's rounding modes; UP and DOWN are away from and towards zero, halves go by magnitude."""

ROUNDINGS: tuple[str, ...] = get_args(Rounding)


def round_real(x: Real, mode: Rounding) -> int:
    """``x`` to an integer, exactly, as QONNX's ``resolve_rounding_mode`` defines each mode."""
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
    return s * (below + (side > 0 or (side == 0 and below % 2 == 1)))


@dataclass(frozen=True)
class Quantizer:
    """``q = round(clamp(v, lo, hi))`` of ``v = x / scale + zero``; if bipolar, the sign of v.

    ``q`` is a value of ``type`` (when bipolar +1 for v >= 0, else -1); it stands for
    ``(q - zero) * scale``. If logarithmic, q is the nearest value by the logarithm: ``2**k`` from
    ``v >= 2**(k - 1/2)`` on, and 0 below all of these; zero is 0.
    """

    type: IntType
    scale: Channels = (Fraction(1),)
    zero: Channels = (Fraction(0),)
    rounding: Rounding = "ROUND"

    def __post_init__(self) -> None:
        if self.rounding not in ROUNDINGS:
            raise SpecError(
                f"rounding must be one of {', '.join(ROUNDINGS)}, not {self.rounding!r}"
            )
        if any(sign(s) == 0 for s in self.scale):
            raise SpecError("a quantizer's scale must not be zero")
        if not self.type.coding.addable and any(sign(z) for z in self.zero):
            raise SpecError("the zero point of a logarithmic quantizer must be 0")

    def __call__(self, x: Real, channel: int) -> int:
        v = x / at(self.scale, channel) + at(self.zero, channel)
        return self.type.coding.quantize(v, lambda r: round_real(r, self.rounding))

    @property
    def meaning(self) -> Affine:
        """The real number that ``q`` stands for."""
        return Affine(self.scale, zip_channels(lambda s, z: -s * z, self.scale, self.zero))


@dataclass(frozen=True)
class Function:
    """``quantizer(steps(x))``: from reals to the quantizer's integers, one function a channel."""

    steps: tuple[Step, ...]
    quantizer: Quantizer

    @property
    def n_channels(self) -> int:
        """Channels it tells apart; 1 when all are alike."""
        q = self.quantizer
        sizes = [len(q.scale), len(q.zero)]
        sizes += [
            n for s in self.steps if isinstance(s, Affine) for n in (len(s.scale), len(s.offset))
        ]
        sizes += [len(s.slope) for s in self.steps if isinstance(s, Leaky)]
        return max(sizes)

    @property
    def is_monotone(self) -> bool:
        """Whether every channel rises or falls, never both."""
        return all(s.is_monotone for s in self.steps if isinstance(s, Leaky))

    def __call__(self, x: Real | int, channel: int) -> int:
        """Exact."""
        value: Real = Fraction(x) if isinstance(x, int) else x
        for step in self.steps:
            value = step(value, channel)
        return self.quantizer(value, channel)


def append_step(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    """``steps`` and then ``step``; neighbouring affine steps become one."""
    if steps and isinstance(steps[-1], Affine) and isinstance(step, Affine):
        return (*steps[:-1], steps[-1].then(step))
    return (*steps, step)


@dataclass(frozen=True, kw_only=True, eq=False)
class Activation(Imported):
    """``y = function(x)`` per channel (innermost axis), exact and slow; stage IMPORTED only."""

    kind: ClassVar[str] = "activation"

    function: Function

    def validate(self) -> None:
        if self.function.n_channels not in (1, self.x.channels):
            raise SpecError(
                f"{self.name}: the function must have {self.x.channels} channels,"
                f" not {self.function.n_channels}"
            )

    def infer(self) -> Tensor:
        return Tensor(self.x.shape, self.function.quantizer.type)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        x = xs[0].astype(np.int64).reshape(-1, self.x.channels)
        y = np.empty_like(x)
        for c in range(self.x.channels):
            seen, where = np.unique(x[:, c], return_inverse=True)
            y[:, c] = self._values(seen, c)[where]
        return y.reshape(xs[0].shape)

    def _values(self, seen: np.ndarray, channel: int) -> np.ndarray:
        """The function of ascending ``seen``; where both ends of a part agree, so does it all."""
        y = np.empty(len(seen), np.int64)
        for end in {0, len(seen) - 1}:
            y[end] = self.function(int(seen[end]), channel)
        parts = [(0, len(seen) - 1)]
        while parts:
            first, last = parts.pop()
            if self.function.is_monotone and y[first] == y[last]:
                y[first:last] = y[first]
            elif last - first > 1:
                middle = (first + last) // 2
                y[middle] = self.function(int(seen[middle]), channel)
                parts += [(first, middle), (middle, last)]
        return y


def meaning_of(values: Sequence[int] | np.ndarray, affine: Affine) -> list[Real]:
    """The reals that integers of one vector of channels stand for."""
    return [affine(Fraction(int(v)), c) for c, v in enumerate(values)]
