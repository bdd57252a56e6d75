"""Hardware of `bitrill.ops.MaxPool`: the maximum over windows."""

from __future__ import annotations

from amaranth import *
from bitrill.ir import IntType

from ..pipeline.pooling import PoolingCore
from ..pipeline.stream import elements


class MaxPoolCore(PoolingCore):
    """A `PoolingCore` that keeps the greater value; that of single bits is their OR."""

    def merge(self, a: Value, b: Value, t: IntType) -> Value:
        if t.bits == 1 and not t.signed:
            return a | b
        return Mux(elements(a, t)[0] > elements(b, t)[0], a, b)
