"""Hardware of `bitrill.ops.SumPool`: sums over windows."""

from __future__ import annotations

from amaranth import *
from bitrill.ir import IntType

from ..pipeline.pooling import PoolingCore


class SumPoolCore(PoolingCore):
    """A `PoolingCore` that adds; the accumulator's type holds every sum of a whole window."""

    def merge(self, a: Value, b: Value, t: IntType) -> Value:
        return (a + b)[: t.bits]
