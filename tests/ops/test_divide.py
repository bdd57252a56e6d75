"""Tests of the operator `Divide`: golden model, hardware and schedule."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import Impl, IntType, Operator, Tensor
from bitrill.ops import Divide
from ops.suite import OperatorSuite

PART, WHOLE = IntType(0, 7), IntType(1, 28)


def divide(
    part: IntType, whole: IntType, pe: int, levels: int = 15, shape: tuple[int, ...] = (4,)
) -> Divide:
    return Divide(
        name="share",
        inputs=("x0", "x1"),
        operands=(Tensor(shape, part), Tensor(shape, whole)),
        levels=levels,
        impl=Impl(pe=pe, simd=pe),
    )


class TestDivide(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "shares": divide(PART, WHOLE, 2),
            "a map": divide(PART, WHOLE, 4, 7, (2, 2, 4)),
            "a divisor of 0": divide(PART, IntType(0, 5), 1),
            "wide parts": divide(IntType(0, 255), IntType(100, 900), 2, 255),
            "narrow parts": divide(IntType(0, 1), IntType(0, 40), 2, 3),
            "one bit": divide(PART, WHOLE, 4, 1),
            "a part above the whole": divide(IntType(0, 60), IntType(0, 3), 2, 3),
        }

    def corners(self, op: Operator) -> tuple[np.ndarray, ...]:
        """Ends of both types, and whole numbers of steps, where the quotient changes."""
        assert isinstance(op, Divide)
        (a, b), n = (t.type for t in op.operands), op.levels
        pairs = list(product((a.lo, a.hi), (b.lo, b.hi, min(b.hi, b.lo + 1))))
        pairs += [(min(a.hi, -(-q * b.hi // n) + d), b.hi) for q in range(0, n, 3) for d in (0, -1)]
        frames = [[np.full(op.x.shape, v) for v in pair] for pair in pairs if pair[0] >= a.lo]
        return tuple(np.array(x) for x in zip(*frames, strict=True))

    def oracle(self, op: Operator, *x: Any) -> Any:
        assert isinstance(op, Divide)
        if isinstance(x[0], list):
            return [self.oracle(op, *inner) for inner in zip(*x, strict=True)]
        part, whole = x
        quotient = 0
        while quotient < op.levels and (quotient + 1) * whole <= op.levels * part:
            quotient += 1
        return quotient if whole else op.levels


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"operands": (Tensor((4,), PART), Tensor((2, 2), WHOLE))},
            "share: operands must have equal shapes, not 4 and 2x2",
        ),
        ({"inputs": ("a",), "operands": (Tensor((4,), PART),)}, "share: operands must be 2, not 1"),
        (
            {"operands": (Tensor((4,), IntType(-1, 3)), Tensor((4,), WHOLE))},
            "share: operands must never be negative, not int3",
        ),
        ({"levels": 6}, r"share: levels must be 2\*\*n - 1 for 1 to 16 bits, not 6"),
        ({"levels": (1 << 17) - 1}, "share: levels must be"),
        (
            {"levels": 65535, "operands": (Tensor((4,), IntType(0, 1 << 40)), Tensor((4,), WHOLE))},
            "share: its numerator must fit 48 bits, not 56",
        ),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        divide(PART, WHOLE, 2).replace(**changes)
