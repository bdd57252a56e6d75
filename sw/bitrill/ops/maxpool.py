"""The operator `MaxPool`: the maximum over windows."""

from dataclasses import dataclass

import numpy as np

from ..geometry.pooling import Pooling
from ..ir import IntType


@dataclass(frozen=True, kw_only=True, eq=False)
class MaxPool(Pooling):
    """``y`` is the greatest x of each window (see `Pooling`); with one bit, an OR.

    Padding is a `Pad` in front, with the lowest value of the type.
    """

    kind = "maxpool"
    additive = True
    component = "bitrill_hw.ops.maxpool:MaxPoolCore"

    def merged(self, n: int) -> IntType:
        return self.x.type

    def merge_luts(self, slots: int, bits: int) -> dict[str, float]:
        if bits == 1:  # the greatest of single bits is their OR, in the LUT that moves them
            return {"either": slots}
        # the greater of two numbers of two bits takes a LUT a bit; wider ones are compared
        return {
            "merge": slots * bits,
            "greater": slots * (bits - 2),
            "moves": (slots > 1) * slots * bits,
        }

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return self.windows.merged(xs[0], np.maximum).reshape(len(xs[0]), *self.y.shape)
