"""The operator `Deconv`: zeros between pixels; a convolution behind it makes a transposed one."""

from dataclasses import dataclass
from math import prod

import numpy as np

from ..errors import SpecError
from ..ir import (
    Buffered,
    IntType,
    Operator,
    Ranges,
    Rule,
    Schedule,
    Structure,
    Tensor,
    Wiring,
    channelwise,
)


def check_factors(op: Operator, factors: tuple[int, ...], what: str) -> None:
    """Raise `SpecError` unless there is a factor for each axis of space, and one is above 1."""
    if len(op.x.shape) not in (2, 3):
        raise SpecError(f"{op.name}: x of {op.kind} must be [L, C] or [H, W, C], not {op.x.shape}")
    axes = len(op.x.shape) - 1
    if len(factors) != axes or min(factors) < 1:
        raise SpecError(f"{op.name}: {what}s must be {axes} of at least 1, not {list(factors)}")
    if prod(factors) == 1:
        raise SpecError(f"{op.name}: some {what} must be above 1")


@dataclass(frozen=True, kw_only=True, eq=False)
class Deconv(Buffered):
    """``y[i * s0, j * s1, c] = x[i, j, c]`` with ``strides`` (s0, s1), and 0 elsewhere.

    x: ``[H, W, C]`` or ``[L, C]``; y: ``[(H - 1) * s0 + 1, (W - 1) * s1 + 1, C]``, with the range
    of x and 0 (bipolar becomes the integers -1..1). A transposed convolution of stride s is a
    convolution of stride 1 with a turned kernel over this and its padding (Dumoulin and Visin
    2016).

    ``pe`` elements a beat, a divisor of the channels; one output beat a cycle, one stage. Zeros
    come without waiting for the next pixel. ``out[k] >= in[its beat] + 1``; a beat is accepted at
    the edge at which the one in front of it leaves.
    """

    kind = "deconv"
    component = "bitrill_hw.ops.deconv:DeconvCore"
    by_rows = True

    strides: tuple[int, ...]

    def validate(self) -> None:
        check_factors(self, self.strides, "stride")

    def infer(self) -> Tensor:
        sizes = ((n - 1) * s + 1 for n, s in zip(self.x.shape, self.strides, strict=False))
        t = self.x.type
        if t.coding.addable:
            t = IntType.for_range(lo=min(t.lo, 0), hi=max(t.hi, 0))
        return Tensor((*sizes, self.x.channels), t)

    def wiring(self) -> tuple[Wiring, ...]:
        return channelwise(self.x.channels)

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        return (xs[0].with_value(0),)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        y = np.zeros((len(xs[0]), *self.y.shape), xs[0].dtype)
        y[(slice(None), *(slice(None, None, s) for s in self.strides))] = xs[0]
        return y

    @property
    def state_bits(self) -> int:
        return self.folded.pe * self.y.type.bits

    @property
    def pixel(self) -> int:
        """Beats per pixel."""
        return self.x.channels // self.folded.pe

    def schedule(self) -> Schedule:
        shape = (*self.y.shape[:-1], self.pixel)
        real = np.zeros(shape, bool)
        real[tuple(slice(None, None, s) for s in self.strides)] = True
        places = np.flatnonzero(real)
        last = np.cumsum(real.ravel()) - 1  # the last real beat at or before each
        rules = (Rule("out", "in", last, 1), Rule("in", "out", places - 1, 0))
        return Schedule(len(places), 0, len(last), rules)

    def structure(self) -> Structure:
        s = Structure()
        sizes = [n for axis in zip(self.strides, self.x.shape[:-1], strict=True) for n in axis]
        s.counters(self.pixel, *sizes)
        # zeros reset the registers; a bipolar element becomes two bits, of which one is the same in
        # all lanes (it is no zero) and the other is the element's complement
        widened = self.y.type.bits > self.x.type.bits
        s.luts(width=widened * self.lanes_out)
        s.flops(held=self.lanes_out * self.x.type.bits + 1 + widened)
        return s
