"""Tests of the operator `Convert`: golden model, hardware and schedule."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Convert
from ops.suite import OperatorSuite


def convert(size: int, lanes_in: int, lanes_out: int, type: IntType = BIPOLAR) -> Convert:
    return Convert(
        name="conv",
        inputs=("input",),
        operands=(Tensor((size,), type),),
        impl=Impl(simd=lanes_in, pe=lanes_out),
    )


class TestConvert(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        signed = IntType(-4, 3)
        return {
            "narrower": convert(24, 12, 3),
            "wider": convert(24, 2, 8, signed),
            "same": convert(24, 4, 4, signed),
            "one to all": convert(6, 1, 6, signed),
            "all to one": convert(6, 6, 1, signed),
            "no common divisor, narrower": convert(30, 5, 3),
            "no common divisor, wider": convert(30, 3, 5, signed),
            "common divisor, neither divides": convert(24, 4, 6),
            "two dimensions": convert(24, 8, 6).replace(operands=(Tensor((4, 6), signed),)),
            "other axes": convert(24, 6, 6, signed).replace(shape=(2, 3, 4)),
            "other axes and lanes": convert(24, 8, 3).replace(shape=(4, 2, 3)),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Each element alone at its extremes, so that a misplaced lane is noticed."""
        t, n = op.x.type, op.x.size
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)[:: max(1, n // 6)]
        return np.concatenate([one, t.lo + t.hi - one]).reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, x: list) -> list:
        return np.reshape(x, op.y.shape).tolist()


def test_other_axes_hold_as_many_elements() -> None:
    with pytest.raises(SpecError, match=r"conv: shape must hold 24 elements, not be \[5, 5\]"):
        convert(24, 6, 6).replace(shape=(5, 5))


@pytest.mark.parametrize(
    ("lanes_in", "lanes_out", "message"),
    [
        (5, 2, r"conv: input lanes must divide 12 elements, not 5 \(nearest: 4 or 6\)"),
        (4, 24, r"conv: output lanes must divide 12 elements, not 24 \(nearest: 12\)"),
        (0, 1, r"conv: input lanes must divide 12 elements, not 0 \(nearest: 1\)"),
    ],
)
def test_lanes_must_divide_the_frame(lanes_in: int, lanes_out: int, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        convert(12, lanes_in, lanes_out)


def test_a_converter_holds_no_more_than_it_needs() -> None:
    assert [convert(24, a, b).capacity for a, b in ((12, 3), (2, 8), (4, 6), (4, 4))] == [
        12,
        8,
        8,
        4,
    ]
