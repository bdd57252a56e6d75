"""Channels in another order: ShuffleNet's shuffle, and any other permutation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import SpecError
from ..ir.operator import Cost, Impl, Operator, frozen_array, must_divide
from ..ir.schedule import Rule, Schedule
from ..ir.types import Tensor


def group_order(channels: int, groups: int) -> np.ndarray:
    """The order of ShuffleNet's shuffle: ``[groups, n]`` transposed (Zhang et al. 2018)."""
    return np.arange(channels).reshape(groups, -1).T.ravel()


@dataclass(frozen=True, kw_only=True, eq=False)
class Shuffle(Operator):
    """``y[.., c] = x[.., order[c]]``; ``order``: int64 ``[C]``, a permutation.

    ``pe`` elements a beat, a divisor of the channels. A pixel is collected, and handed whole to
    the output register at the edge that accepts its last beat; it leaves beat by beat while the
    next one comes in. With B beats a pixel: ``out[k] >= in[k // B * B + B - 1] + 1``.
    """

    kind: ClassVar[str] = "shuffle"
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

    def validate_impl(self, impl: Impl) -> None:
        must_divide(name=self.name, what="PE", value=impl.pe, of="channels", total=self.x.channels)
        if impl.simd != impl.pe:
            raise SpecError(f"{self.name}: SIMD must equal PE ({impl.pe}), not {impl.simd}")

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
        """Beats of a pixel."""
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

    @property
    def lanes_in(self) -> int:
        return self.folded.pe

    @property
    def lanes_out(self) -> int:
        return self.folded.pe
