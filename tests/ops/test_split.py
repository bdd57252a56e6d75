"""Tests of the operator `Split`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Split
from ops.suite import OperatorSuite

S = IntType(-4, 3)


def split(pe: int, *sizes: int, pixels: tuple[int, ...] = (2, 2), type: IntType = S) -> Split:
    return Split(
        name="split",
        inputs=("input",),
        operands=(Tensor((*pixels, sum(sizes)), type),),
        sizes=sizes,
        impl=Impl(pe=pe, simd=pe),
    )


class TestSplit(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "halves": split(2, 4, 4),
            "one beat and three": split(2, 2, 6),
            "three, bipolar": split(1, 3, 1, 2, type=BIPOLAR),
            "one pixel": split(3, 3, 3, pixels=()),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames with a single element at its other extreme."""
        t, n = op.x.type, op.x.size
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)[:: max(1, n // 6)]
        return np.concatenate([one, t.lo + t.hi - one]).reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, *x: Any) -> tuple:
        assert isinstance(op, Split)
        return tuple(cut(x[0], sum(op.sizes[:j]), n) for j, n in enumerate(op.sizes))


def cut(x: list, start: int, n: int) -> list:
    """``n`` channels from ``start`` on, of nested lists."""
    return [cut(v, start, n) for v in x] if isinstance(x[0], list) else x[start : start + n]


def test_results() -> None:
    op = split(1, 3, 1, 2)
    assert [t.shape for t in op.results] == [(2, 2, 3), (2, 2, 1), (2, 2, 2)]
    assert op.outputs == ("split", "split_1", "split_2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sizes": (4, 5)},
            r"split: sizes must be at least 2 that add up to 10 channels, not \[4, 5\]",
        ),
        ({"sizes": (10,)}, r"split: sizes must be .* 10 channels, not \[10\]"),
        ({"sizes": (10, 0)}, r"split: sizes must be .* 10 channels, not \[10, 0\]"),
        (
            {"impl": Impl(pe=5, simd=5)},
            r"split: PE must divide 2 common channels, not 5 \(nearest: 2\)",
        ),
        ({"impl": Impl(pe=2, simd=1)}, r"split: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        split(2, 4, 6).replace(**changes)
