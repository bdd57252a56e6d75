"""The operator `Shuffle`: channels in another order, as in ShuffleNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import SpecError
from ..ir.even_lanes import EvenLanes
from ..ir.operator import Cost, frozen_array
from ..ir.schedule import Rule, Schedule
from ..ir.structure import Structure
from ..ir.types import Tensor
from .convert import DEEP_LOAD


def group_order(channels: int, groups: int) -> np.ndarray:
    """The order of ShuffleNet's shuffle: ``[groups, n]`` transposed (Zhang et al. 2018)."""
    return np.arange(channels).reshape(groups, -1).T.ravel()


@dataclass(frozen=True, kw_only=True, eq=False)
class Shuffle(EvenLanes):
    """``y[.., c] = x[.., order[c]]``; ``order``: int64 ``[C]``, a permutation.

    ``pe`` elements a beat, a divisor of the channels. The beats of a pixel are collected. The edge
    that accepts the last one moves the whole pixel to the output register, which it leaves beat by
    beat while the next pixel comes in: ``out[k] >= in[k // B * B + B - 1] + 1``, B beats a pixel.
    """

    kind: ClassVar[str] = "shuffle"
    component = "bitrill_hw.ops.shuffle:ShuffleCore"
    takes_codes: ClassVar[bool] = True

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
