"""Tests of the operator `Shuffle`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Shuffle
from bitrill.timing.predict import predict
from ops.suite import OperatorSuite, alone

S = IntType(-4, 3)


def shuffle(order: Any, pe: int, *, pixels: tuple[int, ...] = (2, 2), type: IntType = S) -> Shuffle:
    return Shuffle(
        name="mix",
        inputs=("input",),
        operands=(Tensor((*pixels, len(order)), type),),
        order=np.array(order),
        impl=Impl(pe=pe, simd=pe),
    )


class TestShuffle(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "groups": shuffle([0, 2, 4, 1, 3, 5], 2),
            "a pixel a beat": shuffle([0, 3, 1, 4, 2, 5], 6, type=BIPOLAR),
            "an element a beat": shuffle([2, 0, 3, 1], 1),
            "no turning back": shuffle([1, 2, 0], 1, pixels=()),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames with a single element at its other extreme."""
        t, n = op.x.type, op.x.size
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)
        return one.reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, *x: Any) -> list:
        assert isinstance(op, Shuffle)
        if isinstance(x[0][0], list):
            return [self.oracle(op, inner) for inner in x[0]]
        return [x[0][c] for c in op.order.tolist()]

    def test_full_rate(self, op: Operator) -> None:
        assert predict(alone(op)).ii == op.beats_out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"order": np.array([0, 1, 1, 3])},
            r"mix: order must hold each of 0\.\.3 once, not \[0, 1, 1, 3\]",
        ),
        ({"order": np.array([0.5])}, "mix: order must hold integers, not float64"),
        (
            {"impl": Impl(pe=3, simd=3)},
            r"mix: PE must divide 4 channels, not 3 \(nearest: 2 or 4\)",
        ),
        ({"impl": Impl(pe=2, simd=1)}, r"mix: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        shuffle([2, 0, 3, 1], 2).replace(**changes)
