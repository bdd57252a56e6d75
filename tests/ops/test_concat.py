"""Tests of the operator `Concat`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Concat
from ops.suite import OperatorSuite

U, S = IntType(0, 5), IntType(-4, 3)


def concat(pe: int, *parts: tuple[int, IntType, int], pixels: tuple[int, ...] = (2, 2)) -> Concat:
    """``parts``: channels, type and gain of each operand."""
    return Concat(
        name="cat",
        inputs=tuple(f"x{j}" for j in range(len(parts))),
        operands=tuple(Tensor((*pixels, c), t) for c, t, _ in parts),
        gains=tuple(g for _, _, g in parts),
        impl=Impl(pe=pe, simd=pe),
    )


class TestConcat(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "equal": concat(2, (4, S, 1), (4, S, 1)),
            "more of the second": concat(2, (2, U, 1), (6, S, 1)),
            "gains": concat(1, (2, S, 3), (1, U, -2)),
            "bipolar": concat(2, (4, BIPOLAR, 1), (2, BIPOLAR, 1)),
            "bipolar and integers": concat(1, (2, BIPOLAR, 1), (1, U, 1)),
            "bipolar turned": concat(2, (2, BIPOLAR, -1), (2, BIPOLAR, 1)),
            "three, one pixel": concat(2, (2, S, 1), (4, U, 1), (2, S, 1), pixels=()),
        }

    def corners(self, op: Operator) -> tuple[np.ndarray, ...]:
        """One operand low, the others high, and the other way round."""
        frames = [
            [
                np.full(t.shape, t.type.lo if (k == j) == low else t.type.hi)
                for k, t in enumerate(op.operands)
            ]
            for j in range(len(op.operands))
            for low in (True, False)
        ]
        return tuple(np.array(x) for x in zip(*frames, strict=True))

    def oracle(self, op: Operator, *x: Any) -> Any:
        assert isinstance(op, Concat)
        if isinstance(x[0][0], list):
            return [self.oracle(op, *inner) for inner in zip(*x, strict=True)]
        return [gain * v for gain, vector in zip(op.gains, x, strict=True) for v in vector]


def test_types() -> None:
    assert concat(1, (2, BIPOLAR, 1), (1, BIPOLAR, 1)).y.type == BIPOLAR
    assert concat(1, (2, BIPOLAR, 1), (1, U, 1)).y.type == IntType(-1, 5)
    assert concat(1, (2, S, 3), (1, U, -2)).y.type == IntType(-12, 9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"operands": (Tensor((2, 2, 4), U), Tensor((2, 3, 4), U))},
            "cat: operands must agree in all but channels, not 2x2x4 and 2x3x4",
        ),
        ({"gains": (1, 1, 1)}, "cat: gains must be 2, one an operand, not 3"),
        (
            {"impl": Impl(pe=4, simd=4)},
            r"cat: PE must divide 2 common channels, not 4 \(nearest: 2\)",
        ),
        ({"impl": Impl(pe=2, simd=1)}, r"cat: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        concat(2, (4, U, 1), (6, S, 1)).replace(**changes)
