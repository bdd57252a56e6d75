"""The operator `SumPool`: sums over windows, for average pooling; the scale does the division."""

from dataclasses import dataclass

import numpy as np

from ..geometry.pooling import Pooling
from ..ir import IntType, Ranges, must_be_numbers


@dataclass(frozen=True, kw_only=True, eq=False)
class SumPool(Pooling):
    """``y`` is the sum of each window's x (see `Pooling`), an exact integer.

    An average is this sum with a scale divided by the number of places.
    """

    kind = "avgpool"
    additive = True
    component = "bitrill_hw.ops.avgpool:SumPoolCore"

    def validate(self) -> None:
        must_be_numbers(self)
        super().validate()

    def merged(self, n: int) -> IntType:
        return IntType.for_range(lo=n * self.x.type.lo, hi=n * self.x.type.hi)

    def merge_luts(self, slots: int, bits: int) -> dict[str, float]:
        return {"merge": slots * bits, "moves": (slots > 1) * slots * bits}

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        return (xs[0].times(self.windows.n_taps),)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        t = self.y.type
        exact = np.float32 if max(abs(t.lo), abs(t.hi)) <= 1 << 24 else np.int64
        sums = self.windows.merged(xs[0].astype(exact, copy=False), np.add)
        return sums.reshape(len(xs[0]), *self.y.shape)
