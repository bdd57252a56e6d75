"""The function from a layer's accumulator to the next quantizer's integers, as a graph's node.

Imported graphs hold it over exact reals, so that nothing is rounded before it must be;
`bitrill.passes.thresholding` turns it into integer thresholds, which hardware has.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import get_args

import numpy as np

from ..enclosure import Interval
from ..errors import SpecError, UnsupportedError
from ..exact import Real, bracket, sign
from ..outward import Bounds, points
from ..real import Affine, Channels, Rounding, at, pick, round_real, zip_channels
from ..steps import Step, derivative_of, enclose
from .boundaries import boundaries, holds_boundary
from .operator import Imported
from .types import IntType, Tensor

FEWEST_BITS = 40
"""Binary places by which most values of curved functions are decided; doubled where not."""

BLOCK = 1 << 16
"""Values that are decided at once, as many as caches hold."""

MOST_BITS = 1 << 13
"""Binary places after which a value is given up, and refused."""


@dataclass(frozen=True)
class Quantizer:
    """``q = round(clamp(v, lo, hi))`` with ``v = x / scale + zero``.

    ``q`` is a value of ``type`` and stands for ``(q - zero) * scale``. For a bipolar type q is +1
    where v >= 0, else -1. For a logarithmic type q is the power of two nearest by the logarithm:
    ``2**k`` from ``v >= 2**(k - 1/2)`` on, and 0 below all of these; its zero is 0.
    """

    type: IntType
    scale: Channels = (Fraction(1),)
    zero: Channels = (Fraction(0),)
    rounding: Rounding = "ROUND"

    def __post_init__(self) -> None:
        if self.rounding not in get_args(Rounding):
            raise SpecError(
                f"rounding must be one of {', '.join(get_args(Rounding))}, not {self.rounding!r}"
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
        """The map from ``q`` to the real number that it stands for."""
        return Affine(self.scale, zip_channels(lambda s, z: -s * z, self.scale, self.zero))

    @cached_property
    def boundaries(self) -> tuple[np.ndarray, np.ndarray]:
        """Reals at which ``v`` makes ``q`` the next value, and whether each does so itself.

        Ascending float64 and bool, one less than there are values; logarithmic ones are rounded.
        """
        lo, n = self.type.lo, self.type.n_values - 1
        own = self.type.coding.boundaries()
        if own is not None:
            return own, np.ones(n, bool)
        return boundaries(lo, n, self.rounding), holds_boundary(lo, n, self.rounding)

    @cached_property
    def halves(self) -> bool:
        """Whether all boundaries are multiples of one half, which float64 holds exactly."""
        v, _ = self.boundaries
        return bool((2 * v == np.rint(2 * v)).all())

    @cached_property
    def grid(self) -> Affine:
        """The map from x to ``v``."""
        return Affine(tuple(1 / s for s in self.scale), self.zero)

    def ranks(self, x: Bounds) -> np.ndarray:
        """Return how many values lie below ``q``, int64; -1 where the bounds do not tell."""
        v, reached = self.boundaries
        if not self.halves:
            return np.full(x[0].shape, -1)
        lo, hi = self.grid.outward(x)
        below, upto = np.searchsorted(v, lo, "left"), np.searchsorted(v, hi, "right")
        met = (upto == below + 1) & (lo == hi)
        if met.any():
            below = np.where(met, below + reached[np.minimum(below, len(v) - 1)], below)
        return np.where((lo <= hi) & (met | (upto == below)), below, -1)

    def within(self, x: Interval, channel: int) -> int | None:
        """Return the integer that all of ``x`` become, or None where there are several."""
        lo, hi = self(x[0], channel), self(x[1], channel)
        return lo if lo == hi else None


@dataclass(frozen=True)
class Function:
    """``quantizer(steps(x))``: reals to the quantizer's integers, one function for each channel."""

    steps: tuple[Step, ...]
    quantizer: Quantizer

    @property
    def n_channels(self) -> int:
        """Number of channels it tells apart; 1 when all are alike."""
        q = self.quantizer
        return max(len(q.scale), len(q.zero), *(s.n_channels for s in self.steps))

    @property
    def is_monotone(self) -> bool:
        """Whether every channel rises or falls, never both."""
        return all(s.is_monotone for s in self.steps)

    @property
    def is_curved(self) -> bool:
        """Whether a step is anything but straight lines end to end."""
        return any(s.curved for s in self.steps)

    def channel(self, channel: int) -> "Function":
        """The function of one channel."""
        q, one = self.quantizer, (channel,)
        quantizer = Quantizer(q.type, pick(q.scale, one), pick(q.zero, one), q.rounding)
        return Function(tuple(s.pick(one) for s in self.steps), quantizer)

    def __call__(self, x: Real | int, channel: int) -> int:
        value: Real = Fraction(x) if isinstance(x, int) else x
        for k, step in enumerate(self.steps):
            exact = step(value, channel)
            if exact is None:
                return self._refined(self.steps[k:], value, channel)
            value = exact
        return self.quantizer(value, channel)

    def ranks(self, x: np.ndarray) -> np.ndarray:
        """Return the `Quantizer.ranks` of integers ``[.., channels]`` by float64 alone."""
        held = not x.size or max(-int(x.min()), int(x.max())) <= 1 << 53
        bounds: Bounds | None = points(x.astype(np.float64)) if held else None
        for step in self.steps:
            bounds = None if bounds is None else step.outward(bounds)
        if bounds is None:
            return np.full(x.shape, -1)
        return self.quantizer.ranks(bounds)

    def _refined(self, steps: tuple[Step, ...], x: Real, channel: int) -> int:
        """Return the quantizer's integer from bounds that are drawn closer until they agree."""
        bits = FEWEST_BITS
        while bits <= MOST_BITS:
            bounds = enclose(steps, bracket(x, bits), channel, bits)
            q = self.quantizer.within(bounds, channel)
            if q is not None:
                return q
            bits *= 2
        raise UnsupportedError(
            f"an activation function comes so near to a boundary of its quantizer that {MOST_BITS}"
            " binary places do not tell on which side it lies"
        )

    def throughout(self, lo: int, hi: int, channel: int) -> int | None:
        """Return the integer that all of ``lo .. hi`` provably become, or None."""
        ends = Fraction(lo), Fraction(hi)
        return self.quantizer.within(enclose(self.steps, ends, channel, FEWEST_BITS), channel)

    def turns(self, lo: int, hi: int, channel: int) -> bool:
        """Whether it may both rise and fall within ``lo .. hi``."""
        ends = Fraction(lo), Fraction(hi)
        slope = derivative_of(self.steps, ends, channel, FEWEST_BITS)
        return slope is None or slope[0] < 0 < slope[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Activation(Imported):
    """``y = function(x)`` on each channel (innermost axis), exact; it has no hardware."""

    kind = "activation"

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
        rows = max(1, BLOCK // self.x.channels)
        for start in range(0, len(x), rows):
            y[start : start + rows] = self.function.ranks(x[start : start + rows])
        doubtful = y < 0
        y = self.function.quantizer.type.coding.nth(y)
        for c in np.flatnonzero(doubtful.any(0)):
            here = doubtful[:, c]
            seen, where = np.unique(x[here, c], return_inverse=True)
            y[here, c] = self._values(seen, int(c))[where]
        return y.reshape(xs[0].shape)

    def _values(self, seen: np.ndarray, channel: int) -> np.ndarray:
        """Apply the function to ascending integers; where it is constant, to the ends alone."""
        y = np.empty(len(seen), np.int64)
        for end in {0, len(seen) - 1}:
            y[end] = self.function(int(seen[end]), channel)
        parts = [(0, len(seen) - 1)]
        while parts:
            first, last = parts.pop()
            if (
                last - first > 1
                and y[first] == y[last]
                and self._is_flat(seen[first], seen[last], channel)
            ):
                y[first:last] = y[first]
            elif last - first > 1:
                middle = (first + last) // 2
                y[middle] = self.function(int(seen[middle]), channel)
                parts += [(first, middle), (middle, last)]
        return y

    def _is_flat(self, lo: np.int64, hi: np.int64, channel: int) -> bool:
        """Whether the function is constant between two integers at which it has one value."""
        f = self.function
        return f.is_monotone or f.throughout(int(lo), int(hi), channel) is not None
