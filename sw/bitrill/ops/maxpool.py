"""Maximum over windows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from ..geometry.pooling import Pooling
from ..ir.types import IntType


@dataclass(frozen=True, kw_only=True, eq=False)
class MaxPool(Pooling):
    """``y`` is the greatest x of each window (see `Pooling`); on one bit an OR.

    Padding is a `Pad` in front, with the lowest value of the type.
    """

    kind: ClassVar[str] = "maxpool"

    def merged(self, n: int) -> IntType:
        return self.x.type

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return reduce(np.maximum, self.windows.taps(xs[0])).reshape(len(xs[0]), *self.y.shape)
