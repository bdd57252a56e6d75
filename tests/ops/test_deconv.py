"""Tests of the operator `Deconv`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Deconv
from ops.suite import OperatorSuite

S = IntType(-4, 3)


def deconv(shape: tuple[int, ...], strides: tuple[int, ...], pe: int, type: IntType = S) -> Deconv:
    return Deconv(
        name="up",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        strides=strides,
        impl=Impl(pe=pe, simd=pe),
    )


class TestDeconv(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "twice both ways": deconv((2, 3, 4), (2, 2), 2),
            "rows alone": deconv((3, 2, 2), (3, 1), 2),
            "pixels alone, bipolar": deconv((2, 3, 2), (1, 2), 1, BIPOLAR),
            "never 0": deconv((2, 2, 3), (2, 3), 3, IntType(3, 5)),
            "always below 0": deconv((2, 2, 2), (2, 1), 1, IntType(-5, -3)),
            "one axis": deconv((4, 2), (3,), 1),
            "one pixel": deconv((1, 1, 2), (2, 2), 2),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames with a single element at its other extreme."""
        t, n = op.x.type, op.x.size
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)[:: max(1, n // 6)]
        return np.concatenate([one, t.lo + t.hi - one]).reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, *x: Any) -> list:
        assert isinstance(op, Deconv)
        return spread(x[0], list(op.strides))


def spread(x: list, strides: list[int]) -> list:
    """Entries of the outer axis ``strides[0]`` apart, those inside likewise; zeros between."""
    if not strides:
        return x
    inner = [spread(v, strides[1:]) for v in x]
    out = [inner[0]]
    for entry in inner[1:]:
        out += [blank(entry)] * (strides[0] - 1) + [entry]
    return out


def blank(x: Any) -> Any:
    """The nested lists with all numbers replaced by zeros."""
    return [blank(v) for v in x] if isinstance(x, list) else 0


def test_types() -> None:
    assert deconv((2, 2), (2,), 1, BIPOLAR).y.type == IntType(-1, 1)
    assert deconv((2, 2), (2,), 1, IntType(3, 5)).y.type == IntType(0, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"operands": (Tensor((4,), S),)},
            r"up: x of deconv must be \[L, C\] or \[H, W, C\], not \(4,\)",
        ),
        ({"strides": (2,)}, r"up: strides must be 2 of at least 1, not \[2\]"),
        ({"strides": (2, 0)}, r"up: strides must be 2 of at least 1, not \[2, 0\]"),
        ({"strides": (1, 1)}, "up: some stride must be above 1"),
        ({"impl": Impl(pe=3, simd=3)}, r"up: PE must divide 4 channels, not 3 \(nearest: 2 or 4\)"),
        ({"impl": Impl(pe=2, simd=1)}, r"up: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        deconv((2, 3, 4), (2, 2), 2).replace(**changes)
