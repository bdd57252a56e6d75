"""Tests of the operator `Requantize`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Requantize
from ops.suite import OperatorSuite

U, S = IntType(0, 40), IntType(-30, 25)


def requantize(
    x: IntType,
    out: IntType,
    pe: int,
    gain: Any,
    offset: Any,
    shift: int,
    *,
    pixels: tuple[int, ...] = (),
    memory: Any = "distributed",
    multiply: Any = "lut",
) -> Requantize:
    return Requantize(
        name="act",
        inputs=("input",),
        operands=(Tensor((*pixels, len(gain)), x),),
        gain=np.array(gain),
        offset=np.array(offset),
        shift=shift,
        out=out,
        impl=Impl(pe=pe, simd=pe, memory=memory, multiply=multiply),
    )


class TestRequantize(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "of unsigned": requantize(U, IntType(0, 15), 2, [5, 3, 7, 1], [0, 9, 2, 4], 3),
            "rising and falling": requantize(
                S, IntType(-4, 3), 1, [3, -5, 0, -1], [8, -100, 7, 3], 4, memory="block"
            ),
            "no shift": requantize(S, IntType(-8, 7), 4, [1, -1, 2, 3], [0, 1, -2, 5], 0),
            "equal channels, pixels": requantize(
                S, IntType(0, 7), 2, [3, 3], [-9, -9], 2, pixels=(2, 2)
            ),
            "of bipolar": requantize(BIPOLAR, IntType(-1, 2), 2, [3, -7], [2, 1], 2),
            "never clamped": requantize(U, IntType(0, 63), 1, [1], [0], 0, pixels=(2,)),
            "always above": requantize(U, IntType(-9, -3), 1, [1], [0], 1, pixels=(2,)),
            "slices": requantize(
                S, IntType(-4, 3), 2, [3, -5, 0, -1], [8, -100, 7, 3], 4, multiply="dsp"
            ),
            "slices, constants": requantize(
                U, IntType(0, 15), 2, [5, 3], [0, 9], 3, pixels=(2,), multiply="dsp"
            ),
            "slices, block memory": requantize(
                S, IntType(0, 7), 1, [3, 2], [-9, 9], 2, memory="block", multiply="dsp"
            ),
            "two slices": requantize(
                S,
                IntType(-4, 3),
                2,
                [30 << 17, -(1 << 20) - 5, 0, -1],
                [(1 << 21) - 1, -(1 << 22) - 1, 7, 0],
                23,
                multiply="dsp",
            ),
            "two slices, constants": requantize(
                U, IntType(0, 15), 2, [(5 << 16) + 1, 3 << 17], [0, -(1 << 19)], 17, multiply="dsp"
            ),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Every value of every channel."""
        return np.stack([np.full(op.x.shape, v) for v in op.x.type.values()])

    def oracle(self, op: Operator, *x: Any) -> list:
        assert isinstance(op, Requantize)
        if isinstance(x[0][0], list):
            return [self.oracle(op, inner) for inner in x[0]]
        out = []
        for v, gain, offset in zip(x[0], op.gain.tolist(), op.offset.tolist(), strict=True):
            y = (gain * v + offset) // 2**op.shift
            out.append(sorted((op.out.lo, y, op.out.hi))[1])
        return out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gain": np.ones(3, int)}, "act: gain must have 4 entries, not 3"),
        ({"offset": np.ones(5, int)}, "act: offset must have 4 entries, not 5"),
        ({"gain": np.full(4, 0.5)}, "act: gain must hold integers, not float64"),
        ({"out": BIPOLAR}, "act: the result must be integers, not bipolar"),
        ({"shift": 48}, r"act: shift must be in 0\.\.47, not 48"),
        ({"shift": -1}, r"act: shift must be in 0\.\.47, not -1"),
        ({"offset": np.full(4, 1 << 47)}, "act: the sum must fit 48 bits, not 49"),
        ({"impl": Impl(pe=3, simd=3)}, r"act: PE must divide 4 channels, not 3"),
        (
            {"impl": Impl(pe=2, simd=2, multiply="dsp"), "gain": np.full(4, 1 << 17)},
            "act: multiply 'dsp' takes integers of at most 25 bits and gains of at most 18, or of"
            " 35 where sums are shifted by 17 and more, signs included, not uint6.* of 7 bits,"
            " gains of 19 and a shift of 3",
        ),
        ({"impl": Impl(pe=2, simd=1)}, r"act: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        requantize(U, IntType(0, 15), 2, [5, 3, 7, 1], [0, 9, 2, 4], 3).replace(**changes)
