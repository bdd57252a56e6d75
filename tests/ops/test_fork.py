"""Tests of the operator `Fork`: golden model, hardware and schedule."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Fork
from ops.suite import OperatorSuite

S = IntType(-4, 3)


def fork(shape: tuple[int, ...], pe: int, copies: int = 2, type: IntType = S) -> Fork:
    return Fork(
        name="fork",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        copies=copies,
        impl=Impl(pe=pe, simd=pe),
    )


class TestFork(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "two copies": fork((12,), 2),
            "three copies of pixels": fork((2, 3, 4), 4, 3),
            "a beat a frame, bipolar": fork((5,), 5, 4, BIPOLAR),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames with a single element at its other extreme."""
        t, n = op.x.type, op.x.size
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)[:: max(1, n // 6)]
        return np.concatenate([one, t.lo + t.hi - one]).reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, *x: list) -> tuple:
        assert isinstance(op, Fork)
        return x * op.copies


def test_results_are_named_after_the_node() -> None:
    assert fork((4,), 2, 3).outputs == ("fork", "fork_1", "fork_2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"copies": 1}, "fork: copies must be at least 2, not 1"),
        (
            {"impl": Impl(pe=5, simd=5)},
            r"fork: PE must divide 12 elements, not 5 \(nearest: 4 or 6\)",
        ),
        ({"impl": Impl(pe=4, simd=2)}, r"fork: SIMD must equal PE \(4\), not 2"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        fork((12,), 2).replace(**changes)
