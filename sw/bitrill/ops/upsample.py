"""The operator `Upsample`: nearest-neighbour upsampling, as in decoders."""

from dataclasses import dataclass

import numpy as np

from ..ir import (
    Buffered,
    Impl,
    Rule,
    Schedule,
    Structure,
    Tensor,
    Wiring,
    bits_for,
    channelwise,
    turned_bits,
)
from .deconv import check_factors


@dataclass(frozen=True, kw_only=True, eq=False)
class Upsample(Buffered):
    """``y[i, j, c] = x[i // factors[0], j // factors[1], c]``; one axis: ``y[i, c]``.

    x: ``[H, W, C]`` or ``[L, C]``; ``factors``: one a spatial axis. (ONNX Resize, mode nearest,
    asymmetric and floor, with integer scales.)

    ``pe`` elements a beat, a divisor of the channels; one output beat a cycle. Beats wait in a
    buffer of ``capacity`` slots: a row if rows are repeated, else a pixel, and at least two. A beat
    is read again for each copy; its slot is free for another beat in the cycle after its last
    reading: ``step[k] >= in[its beat] + 1``, ``out[k] >= step[k] + 1``.
    """

    kind = "upsample"
    additive = True
    by_rows = True
    component = "bitrill_hw.ops.upsample:UpsampleCore"
    block_choice = True
    takes_codes = True

    factors: tuple[int, ...]

    def validate(self) -> None:
        check_factors(self, self.factors, "factor")

    def stored_bits(self, impl: Impl) -> int:
        return self.replace(impl=impl).state_bits

    def infer(self) -> Tensor:
        sizes = (n * f for n, f in zip(self.x.shape, self.factors, strict=False))
        return Tensor((*sizes, self.x.channels), self.x.type)

    def wiring(self) -> tuple[Wiring, ...]:
        return channelwise(self.x.channels)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        y = xs[0]
        for axis, factor in enumerate(self.factors, 1):
            y = y.repeat(factor, axis)
        return y

    @property
    def state_bits(self) -> int:
        return self.capacity * self.folded.pe * self.x.type.bits

    @property
    def copies(self) -> tuple[int, int]:
        """Number of copies of each row and of each pixel; a one-dimensional map is one row."""
        return (1, *self.factors) if len(self.factors) == 1 else self.factors  # type: ignore[return-value]

    @property
    def pixel(self) -> int:
        """Beats per pixel."""
        return self.x.channels // self.folded.pe

    @property
    def row(self) -> int:
        """Pixels per row of x."""
        return self.x.shape[-2]

    @property
    def capacity(self) -> int:
        """Slots of the buffer: the beats that are read again, but at least two, for full rate."""
        return max(2, self.pixel * (self.row if self.copies[0] > 1 else 1))

    def schedule(self) -> Schedule:
        down, across = self.copies
        n = self.beats_in
        beats = np.arange(n).reshape(-1, 1, self.row, 1, self.pixel)
        rows, _, row, _, pixel = beats.shape
        read = np.broadcast_to(beats, (rows, down, row, across, pixel)).ravel()
        steps = np.arange(len(read))
        last = np.zeros(n, np.int64)
        last[read] = steps  # steps ascend, so the last reading of each beat remains
        frame, beat = np.divmod(np.arange(n) - self.capacity, n)
        freed = last[beat] + frame * len(read)
        rules = (
            Rule("step", "in", read, 1),
            Rule("in", "step", freed, 1),
            Rule("out", "step", steps, 1),
            Rule("step", "out", steps - 1, 0),
        )
        return Schedule(n, len(read), len(read), rules)

    def structure(self) -> Structure:
        s, (down, across) = Structure(), self.copies
        width, depth, block = self.lanes_in * self.x.type.bits, self.capacity, self.folded.in_block
        s.ram(depth, width, block=block)
        s.counters(self.pixel, across, self.row, down, depth + 1, depth + 1)
        s.luts(address=4 * bits_for(depth), around=2 * turned_bits(depth))
        s.flops(held=4 * bits_for(depth) + (0 if block else width) + 1)
        return s
