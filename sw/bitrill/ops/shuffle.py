"""The operator `Shuffle`: channels in another order, as in ShuffleNet."""

from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from ..ir import Buffered, Rule, Schedule, Structure, Tensor, Wiring, freeze
from .convert import DEEP_LOAD


@dataclass(frozen=True, kw_only=True, eq=False)
class Shuffle(Buffered):
    """``y[.., c] = x[.., order[c]]``; ``order``: int64 ``[C]``, a permutation.

    ShuffleNet's order of G groups is ``[G, C / G]`` transposed (Zhang et al. 2018).

    ``pe`` elements a beat, a divisor of the channels. The beats of a pixel are collected. The edge
    that accepts the last one moves the whole pixel to the output register, which it leaves beat by
    beat while the next pixel comes in: ``out[k] >= in[k // B * B + B - 1] + 1``, B beats a pixel.
    """

    kind = "shuffle"
    additive = True
    by_rows = True
    component = "bitrill_hw.ops.shuffle:ShuffleCore"
    takes_codes = True

    order: np.ndarray

    def validate(self) -> None:
        order = freeze(self, "order", ndim=1)
        if sorted(order.tolist()) != list(range(self.x.channels)):
            raise SpecError(
                f"{self.name}: order must hold each of 0..{self.x.channels - 1} once,"
                f" not {order.tolist()}"
            )

    def infer(self) -> Tensor:
        return self.x

    def wiring(self) -> tuple[Wiring, ...]:
        return (Wiring(self.order[:, None]),)

    def select(
        self,
        operands: tuple[Tensor, ...],
        ins: tuple[np.ndarray, ...],
        outs: tuple[np.ndarray, ...],
    ) -> "Shuffle":
        order = np.searchsorted(ins[0], self.order[outs[0]])
        return self.replace(operands=operands, order=order)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return xs[0][..., self.order]

    @property
    def state_bits(self) -> int:
        return (2 * self.x.channels - self.folded.pe) * self.x.type.bits

    @property
    def pixel(self) -> int:
        """Beats per pixel."""
        return self.x.channels // self.folded.pe

    def schedule(self) -> Schedule:
        n, b = self.beats_in, self.pixel
        k = np.arange(n)
        start = k // b * b
        # a pixel's last beat waits until the pixel before has left; its other beats do not
        before = np.where(k % b == b - 1, start, start - b) - 1
        return Schedule(
            n, 0, n, (Rule("out", "in", start + b - 1, 1), Rule("in", "out", before, 0))
        )

    def structure(self) -> Structure:
        s, bits = Structure(), self.x.type.bits
        s.counters(self.pixel, self.pixel)
        held = self.x.channels * bits
        s.luts(held=held, deep=(self.pixel > DEEP_LOAD) * held)
        s.flops(held=(2 * self.x.channels - self.lanes_in) * bits)
        return s
