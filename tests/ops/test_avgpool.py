"""Tests of the operator `SumPool`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, IntType, Operator
from bitrill.ops import SumPool
from ops.suite import OperatorSuite
from ops.test_maxpool import instances, maxpool, window_values
from ops.test_pad import spread

SHAPES = (
    "halves, one bit",
    "one bit, unsigned",
    "one bit, signed",
    "overlapping",
    "stride 1, far",
    "global",
    "global, all lanes",
    "nothing but a stride",
    "the rest swallowed",
    "one axis",
)
"""The hardware but for its adders is that of maxima."""


class TestAvgPool(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        wide = maxpool((2, 2, 1), (2, 2), (2, 2), 1, IntType(-(1 << 22), 1 << 22), of=SumPool)
        some = {name: op for name, op in instances(SumPool).items() if name in SHAPES}
        assert len(some) == len(SHAPES)
        return some | {"wide": wide}

    def frames(self, op: Operator) -> np.ndarray:
        if op.x.type.n_values < 1 << 20:
            return np.asarray(super().frames(op))
        noise = np.random.default_rng(3).integers(op.x.type.lo, op.x.type.hi, (6, *op.x.shape))
        return np.concatenate([self.corners(op), noise])

    def corners(self, op: Operator) -> np.ndarray:
        """Frames that also reach both ends of the result's range."""
        ends = [np.full((1, *op.x.shape), v) for v in (op.x.type.lo, op.x.type.hi)]
        return np.concatenate([spread(op, 2), *ends])

    def oracle(self, op: Operator, *xs: Any) -> list:
        assert isinstance(op, SumPool)

        def sums(vectors: list) -> list:
            return [sum(channel) for channel in zip(*vectors, strict=True)]

        windows = window_values(op, xs[0])
        if len(op.kernel) == 1:
            return [sums(w) for w in windows]
        return [[sums(w) for w in row] for row in windows]


def test_the_type_holds_every_sum() -> None:
    def result(type: IntType) -> IntType:
        return maxpool((4, 4, 1), (3, 2), (1, 1), 1, type, of=SumPool).y.type

    assert result(IntType(-4, 3)) == IntType(-24, 18)
    assert result(BIPOLAR) == IntType(-6, 6)
    assert result(IntType(2, 5)) == IntType(12, 30)


def test_a_narrow_dtype_does_not_wrap() -> None:
    op = maxpool((1, 2, 1), (1, 2), (1, 1), 1, IntType(0, 255), of=SumPool)
    assert op.eval(np.full((1, 1, 2, 1), 255, np.uint8)).tolist() == [[[[510.0]]]]


def test_sums_beyond_floats_are_exact() -> None:
    op = maxpool((2, 1, 1), (2, 1), (1, 1), 1, IntType(0, 1 << 24), of=SumPool)
    x = np.array([[[[1 << 24]], [[1]]]])
    assert op.eval(x).tolist() == [[[[(1 << 24) + 1]]]]
