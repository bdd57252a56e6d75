"""Tests of the operator `Add`: golden model, hardware and schedule."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Add
from ops.suite import OperatorSuite

U, S = IntType(0, 5), IntType(-4, 3)


def add(
    types: tuple[IntType, ...], gains: tuple[int, ...], pe: int, shape: tuple[int, ...] = (4,)
) -> Add:
    return Add(
        name="sum",
        inputs=tuple(f"x{j}" for j in range(len(types))),
        operands=tuple(Tensor(shape, t) for t in types),
        gains=gains,
        impl=Impl(pe=pe, simd=pe),
    )


class TestAdd(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "plain": add((U, S), (1, 1), 2),
            "signs and shifts": add((S, U), (-1, 4), 1),
            "multipliers": add((S, U), (-3, 5), 4, (2, 2, 4)),
            "bipolar": add((BIPOLAR, BIPOLAR), (1, 3), 2),
            "never negative": add((U, IntType(2, 9)), (1, 2), 2),
            "always negative": add((IntType(-9, -2), U), (1, -1), 2),
            "three operands": add((S, BIPOLAR, U), (1, 2, -7), 2),
            "five operands": add((U, S, U, S, U), (1, 1, -1, 2, 1), 4),
        }

    def corners(self, op: Operator) -> tuple[np.ndarray, ...]:
        """Every combination of the operands' extremes, which reach both ends of the result."""
        ends = product(*((t.type.lo, t.type.hi) for t in op.operands))
        frames = [[np.full(op.x.shape, e) for e in combination] for combination in ends]
        return tuple(np.array(x) for x in zip(*frames, strict=True))

    def oracle(self, op: Operator, *x: Any) -> Any:
        assert isinstance(op, Add)
        if isinstance(x[0], list):
            return [self.oracle(op, *inner) for inner in zip(*x, strict=True)]
        total = 0
        for gain, v in zip(op.gains, x, strict=True):
            total += gain * v
        return total

    def test_the_range_is_reached_at_both_ends(self, op: Operator) -> None:
        y = op.eval(*self.corners(op))
        assert isinstance(y, np.ndarray)
        assert (y.min(), y.max()) == (op.y.type.lo, op.y.type.hi)


def test_latency_counts_the_tree() -> None:
    assert [add((U,) * n, (1,) * n, 1).latency for n in (2, 3, 4, 5)] == [2, 3, 3, 4]
    assert add((U, U), (1, 3), 1).latency == 3
    assert add((U, U), (1, -8), 1).latency == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"operands": (Tensor((4,), U), Tensor((2, 2), U))},
            "sum: operands must have equal shapes, not 4 and 2x2",
        ),
        (
            {"inputs": ("a",), "operands": (Tensor((4,), U),), "gains": (1,)},
            "sum: operands must be at least 2, not 1",
        ),
        ({"gains": (1,)}, "sum: gains must be 2, one an operand, not 1"),
        ({"gains": (0, 1)}, "sum: gains must be integers of at most 16 bits and not 0, not 0"),
        ({"gains": (1, 1 << 16)}, "gains must be integers of at most 16 bits and not 0, not 65536"),
        (
            {"impl": Impl(pe=3, simd=3)},
            r"sum: PE must divide 4 elements, not 3 \(nearest: 2 or 4\)",
        ),
        ({"impl": Impl(pe=2, simd=1)}, r"sum: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        add((U, S), (1, 1), 2).replace(**changes)
