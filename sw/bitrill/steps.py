"""Interface of a step, and the values of chains of steps.

A step is a real function between a layer's accumulator and the next quantizer, such as a scale, a
ReLU or a Sigmoid. It returns its value exactly, or bounds as close as asked for. `bitrill.real` has
the piecewise linear steps, `bitrill.functions` the curved ones.
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
"""Applies an ONNX operator, by name, to values; a parameter is one number, or one per channel."""


class Step(Protocol):
    """A real function of one number; channels may have different functions."""

    @property
    def is_monotone(self) -> bool:
        """Whether each channel's function never decreases, or never increases."""
        ...

    @property
    def rises(self) -> bool:
        """Whether no channel's function ever decreases: larger inputs give larger outputs."""
        ...

    @property
    def curved(self) -> bool:
        """Whether it is not piecewise linear."""
        ...

    @property
    def n_channels(self) -> int:
        """Number of channels with functions of their own; 1 if all have the same."""
        ...

    @property
    def length(self) -> int:
        """Number of steps in it, itself included."""
        ...

    def __call__(self, x: Real, channel: int) -> Real | None:
        """Return the exact value; None where only bounds are known."""
        ...

    def enclose(self, x: Interval, channel: int, bits: int) -> Interval:
        """Return bounds of the values on the interval ``x``; more ``bits``, closer bounds."""
        ...

    def derivative(self, x: Interval, channel: int, bits: int) -> Interval | None:
        """Return bounds of the slopes on the interval ``x``; None if it has none there."""
        ...

    def floats(self, x: np.ndarray, channel: int) -> np.ndarray:
        """Return the values in float64, rounded."""
        ...

    def outward(self, x: Bounds) -> Bounds | None:
        """Return proven float64 bounds of the values at ``[.., channels]``; None without proof."""
        ...

    def in_onnx(self, x: X, apply: Apply[X]) -> X:
        """Return its value at ``x`` by ONNX operators, for the host."""
        ...

    def pick(self, channels: Sequence[int]) -> Step:
        """Return the functions of some channels, in the order of ``channels``."""
        ...


def value_of(steps: Sequence[Step], x: Real, channel: int) -> Real | None:
    """Return the exact value of a chain of steps at ``x``; None where only bounds are known."""
    value: Real | None = x
    for step in steps:
        value = None if value is None else step(value, channel)
    return value


def enclose(steps: Sequence[Step], x: Interval, channel: int, bits: int) -> Interval:
    """Return bounds of the values of a chain of steps on the interval ``x``."""
    for step in steps:
        x = step.enclose(x, channel, bits)
    return x


def derivative_of(steps: Sequence[Step], x: Interval, channel: int, bits: int) -> Interval | None:
    """Return bounds of the slopes of a chain of steps on the interval ``x``, by the chain rule."""
    total = (Fraction(1), Fraction(1))
    for step in steps:
        slope = step.derivative(x, channel, bits)
        if slope is None:
            return None
        total, x = product_of(total, slope), step.enclose(x, channel, bits)
    return total
