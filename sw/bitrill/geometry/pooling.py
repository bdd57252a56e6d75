"""The base of the pooling operators, which compute a maximum or a sum over windows.

It has what they share: parameters, state, schedule and cost.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..ir import Buffered, IntType, Rule, Schedule, Structure, Tensor, Wiring, Work, channelwise
from .windows import Sizes, Sliding, sliding


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooling(Buffered, abstract=True):
    """One result for each channel and each window of ``kernel`` places, ``stride`` places apart.

    ``(H, W, C)`` gives ``(Ho, Wo, C)``, ``(L, C)`` gives ``(Lo, C)``; the kernel may be as large as
    the frame (global), windows may overlap or leave places out.

    Beats have ``simd`` elements on both sides; one is taken a cycle. Each beat is merged into the
    running results of all windows that it belongs to, first along the row, then down the columns. A
    running result is kept for each window that can be open between two places of an axis, at most
    ``ceil((k - 1) / s)``: along the row a word for each beat of a pixel, down the columns a word
    for each beat of a row of results. (A line buffer would keep whole rows of pixels and take a
    cycle a tap.) There are two pipeline stages; only beats at which a window ends in its row enter
    the second.
    """

    by_rows = True

    kernel: Sizes
    stride: Sizes

    def validate(self) -> None:
        _ = self.windows

    @cached_property
    def windows(self) -> Sliding:
        """The windows over x."""
        return sliding(self.name, self.x, kernel=self.kernel, stride=self.stride)

    @abstractmethod
    def merged(self, n: int) -> IntType:
        """Return the type of a result over ``n`` places."""

    @abstractmethod
    def merge_luts(self, slots: int, bits: int) -> dict[str, float]:
        """Counts of the logic that merges an element into ``slots`` results of ``bits`` bits, in
        one lane."""

    def infer(self) -> Tensor:
        w = self.windows
        return Tensor(w.shape(self.x, self.x.channels), self.merged(w.n_taps))

    def wiring(self) -> tuple[Wiring, ...]:
        return channelwise(self.x.channels)

    @property
    def pieces(self) -> int:
        """Beats per pixel."""
        return self.x.channels // self.folded.pe

    @property
    def open_windows(self) -> tuple[int, int]:
        """Largest number of windows that are open at once, along a column and along a row."""
        (kh, kw), (sh, sw) = self.windows.kernel, self.windows.stride
        return -(-(kh - 1) // sh), -(-(kw - 1) // sw)

    @property
    def state_bits(self) -> int:
        w, (down, along) = self.windows, self.open_windows
        row = along * self.merged(w.kernel[1]).bits
        column = down * w.out[1] * self.y.type.bits
        return self.x.channels * (row + column)

    def schedule(self) -> Schedule:
        """A step is a beat that enters the second stage."""
        w, pieces = self.windows, self.pieces
        (ho, wo), (kh, kw), (sh, sw) = w.out, w.kernel, w.stride
        piece = np.arange(pieces)
        ends = np.arange(wo) * sw + kw - 1
        rows = np.arange(w.height)[:, None] * w.width + ends
        entered = (rows.reshape(-1)[:, None] * pieces + piece).reshape(-1)  # input beats of steps
        down = (np.arange(ho) * sh + kh - 1)[:, None] * wo + np.arange(wo)
        given = (down.reshape(-1)[:, None] * pieces + piece).reshape(-1)
        # the beat before must have left a stage: at the next edge, or as the next stage moves
        above = np.searchsorted(entered, np.arange(self.beats_in)) - 1
        taken = np.searchsorted(given, np.arange(len(entered))) - 1
        rules = (
            Rule("step", "in", entered, 1),
            Rule("in", "step", above, 0),
            Rule("out", "step", given, 1),
            Rule("step", "out", taken, 0),
        )
        return Schedule(self.beats_in, len(entered), len(given), rules)

    def work(self) -> Work:
        """An addition or comparison for each element of each window; running results move."""
        kh, kw = self.windows.kernel
        merged = self.y.size * kh * kw * self.y.type.bits
        return Work(add_bits=merged) + super().work()

    def structure(self) -> Structure:
        s, w, pe = Structure(), self.windows, self.lanes_in
        down, along = self.open_windows
        narrow, wide = self.merged(w.kernel[1]).bits, self.y.type.bits
        s.counters(self.pieces, w.width, self.pieces, w.out[1], w.height, *w.kernel)
        s.flops(held=pe * (self.x.type.bits + narrow))
        row, column = (along, self.pieces, narrow), (down, self.pieces * w.out[1], wide)
        for slots, depth, bits in (row, column):
            if slots:
                s.running(depth, slots * pe * bits)
                s.luts(**{name: pe * n for name, n in self.merge_luts(slots, bits).items()})
        return s
