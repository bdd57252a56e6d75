"""Channels in another order: ShuffleNet's shuffle, and any other permutation."""

from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from ..ir import Cost, EvenLanes, Rule, Schedule, Structure, Tensor, frozen_array
from .convert import DEEP_LOAD


def group_order(channels: int, groups: int) -> np.ndarray:
    """The order of ShuffleNet's shuffle: ``[groups, n]`` transposed (Zhang et al. 2018)."""
    return np.arange(channels).reshape(groups, -1).T.ravel()


@dataclass(frozen=True, kw_only=True, eq=False)
class Shuffle(EvenLanes):
    """``y[.., c] = x[.., order[c]]``; ``order``: int64 ``[C]``, a permutation.

    ``pe`` elements a beat, a divisor of the channels. A pixel is collected, and handed whole to
    the output register at the edge that accepts its last beat; it leaves beat by beat while the
    next one comes in. With B beats a pixel: ``out[k] >= in[k // B * B + B - 1] + 1``.
    """

    kind = "shuffle"
    component = "bitrill_hw.ops.shuffle:ShuffleCore"
    takes_codes = True

    order: np.ndarray

    def validate(self) -> None:
        order = frozen_array(self.order, name=f"{self.name}: order", ndim=1)
        object.__setattr__(self, "order", order)
        if sorted(order.tolist()) != list(range(self.x.channels)):
            raise SpecError(
                f"{self.name}: order must hold each of 0..{self.x.channels - 1} once,"
                f" not {order.tolist()}"
            )

    def infer(self) -> Tensor:
        return self.x

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return xs[0][..., self.order]

    def cost(self) -> Cost:
        if self.impl is None:
            return Cost()
        held = 2 * self.x.channels - self.impl.pe
        return Cost(state_bits=held * self.x.type.bits, cycles=self.x.size // self.impl.pe)

    @property
    def pixel(self) -> int:
        """Beats per pixel."""
        return self.x.channels // self.folded.pe

    def schedule(self) -> Schedule:
        n, b = self.beats_in, self.pixel
        k = np.arange(n)
        start = k // b * b
        # only a pixel's last beat waits for the pixel before to have left
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
