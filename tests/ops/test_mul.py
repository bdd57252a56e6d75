"""Tests of the operator `Mul`: golden model, hardware and schedule."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Mul
from ops.suite import OperatorSuite

U, S, BIT = IntType(0, 5), IntType(-4, 3), IntType(0, 1)


def mul(
    one: IntType,
    other: IntType,
    pe: int,
    offsets: tuple[int, int] = (0, 0),
    shape: tuple[int, ...] = (4,),
    **impl: Any,
) -> Mul:
    return Mul(
        name="product",
        inputs=("x0", "x1"),
        operands=(Tensor(shape, one), Tensor(shape, other)),
        offsets=offsets,
        impl=Impl(pe=pe, simd=pe, **impl),
    )


class TestMul(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "mixed signs": mul(U, S, 2),
            "a map": mul(S, S, 4, shape=(2, 2, 4)),
            "unsigned": mul(U, IntType(2, 9), 1),
            "zero points": mul(U, IntType(0, 15), 2, (-3, -8)),
            "one zero point": mul(S, U, 1, (0, -2)),
            "gated": mul(BIT, S, 4),
            "gated by minus one": mul(U, IntType(-1, 0), 2),
            "turned": mul(S, BIPOLAR, 2),
            "both bipolar": mul(BIPOLAR, BIPOLAR, 4),
            "a moved bit": mul(BIPOLAR, U, 2, (1, 0)),
            "a bit beside a moved operand": mul(BIPOLAR, U, 2, (0, -2)),
            "slices": mul(U, S, 2, multiply="dsp", primitives="xc7"),
            "slices, zero points": mul(S, U, 2, (0, -2), multiply="dsp"),
        }

    def corners(self, op: Operator) -> tuple[np.ndarray, ...]:
        """Every combination of the operands' extremes and of what offsets make 0."""
        assert isinstance(op, Mul)
        ends = []
        for t, o in zip(op.operands, op.offsets, strict=True):
            values = {t.type.lo, t.type.hi, -o if t.type.holds(np.array(-o)) else t.type.lo}
            ends.append(sorted(values))
        frames = [[np.full(op.x.shape, e) for e in pair] for pair in product(*ends)]
        return tuple(np.array(x) for x in zip(*frames, strict=True))

    def oracle(self, op: Operator, *x: Any) -> Any:
        assert isinstance(op, Mul)
        if isinstance(x[0], list):
            return [self.oracle(op, *inner) for inner in zip(*x, strict=True)]
        return (x[0] + op.offsets[0]) * (x[1] + op.offsets[1])

    def test_the_range_is_reached_at_both_ends(self, op: Operator) -> None:
        y = op.eval(*self.corners(op))
        assert isinstance(y, np.ndarray)
        assert (y.min(), y.max()) == (op.y.type.lo, op.y.type.hi)


def test_latency_counts_offsets_and_the_slice() -> None:
    assert [mul(U, S, 1, o).latency for o in ((0, 0), (1, 0))] == [2, 3]
    assert mul(U, S, 1, (0, 1), multiply="dsp").latency == 4
    assert mul(BIPOLAR, BIPOLAR, 1).y.type == BIPOLAR


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"operands": (Tensor((4,), U), Tensor((2, 2), U))},
            "product: operands must have equal shapes, not 4 and 2x2",
        ),
        ({"inputs": ("a",), "operands": (Tensor((4,), U),)}, "product: operands must be 2, not 1"),
        ({"offsets": (1,)}, r"product: offsets must be 2 integers of at most 48 bits, not \(1,\)"),
        ({"offsets": (0, 1 << 48)}, "product: offsets must be 2 integers of at most 48 bits"),
        (
            {"operands": (Tensor((4,), IntType(0, 1 << 26)),) * 2},
            "product: accumulators and results must fit 48 bits",
        ),
        (
            {"operands": (Tensor((4,), BIT), Tensor((4,), U)), "impl": Impl(multiply="dsp")},
            "product: multiply 'dsp' takes integers of 2 to 25 and 2 to 18 bits, signs included,"
            r" not uint1\[0\.\.1\] and uint3\[0\.\.5\]",
        ),
        ({"impl": Impl(pe=2, simd=1)}, r"product: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        mul(U, S, 2).replace(**changes)
