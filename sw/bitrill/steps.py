"""What a step between an accumulator and the next quantizer is, and what chains of steps give.

A step gives its value exactly, or bounds of it as close as one asks for. `bitrill.real` has the
steps of straight lines, `bitrill.functions` the curved ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from .enclosure import Interval, product_of
from .exact import Real
from .outward import Bounds

X = TypeVar("X")

Apply: TypeAlias = Callable[[str, tuple[X, ...], Mapping[str, tuple[Real, ...]]], X]
"""Applies a function, by its name in ONNX, to values; its numbers are one, or one a channel."""


class Step(Protocol):
    """A real function of one number, one for each channel."""

    @property
    def is_monotone(self) -> bool:
        """Whether every channel rises or falls, never both."""
        ...

    @property
    def rises(self) -> bool:
        """Whether it keeps the order of numbers on every channel."""
        ...

    @property
    def curved(self) -> bool:
        """Whether it is anything but straight lines end to end."""
        ...

    @property
    def n_channels(self) -> int:
        """Number of channels it tells apart; 1 when all are alike."""
        ...

    @property
    def length(self) -> int:
        """Number of steps that it is made of, itself included."""
        ...

    def __call__(self, x: Real, channel: int) -> Real | None:
        """Return the value, exactly; None where it is known by its bounds only."""
        ...

    def enclose(self, x: Interval, channel: int, bits: int) -> Interval:
        """Return bounds of the values at all of ``x``, closer with more ``bits``."""
        ...

    def derivative(self, x: Interval, channel: int, bits: int) -> Interval | None:
        """Return bounds of the slopes at all of ``x``; None where there are none."""
        ...

    def floats(self, x: np.ndarray, channel: int) -> np.ndarray:
        """Return the values in float64, rounded."""
        ...

    def outward(self, x: Bounds) -> Bounds | None:
        """Return bounds of the values of ``[.., channels]`` in float64; None where it has none."""
        ...

    def in_onnx(self, x: X, apply: Apply[X]) -> X:
        """Return the same of ``x`` in functions that ONNX names, for the host."""
        ...

    def pick(self, channels: Sequence[int]) -> Step:
        """Return the same function for some channels, in the order in which these are listed."""
        ...


def value_of(steps: Sequence[Step], x: Real, channel: int) -> Real | None:
    """Return what a chain of steps gives of ``x``, exactly, or None where it is not known so."""
    value: Real | None = x
    for step in steps:
        value = None if value is None else step(value, channel)
    return value


def enclose(steps: Sequence[Step], x: Interval, channel: int, bits: int) -> Interval:
    """Return bounds of what a chain of steps gives at all of ``x``."""
    for step in steps:
        x = step.enclose(x, channel, bits)
    return x


def derivative_of(steps: Sequence[Step], x: Interval, channel: int, bits: int) -> Interval | None:
    """Return bounds of the slopes of a chain of steps at all of ``x``, by the chain rule."""
    total = (Fraction(1), Fraction(1))
    for step in steps:
        slope = step.derivative(x, channel, bits)
        if slope is None:
            return None
        total, x = product_of(total, slope), step.enclose(x, channel, bits)
    return total
