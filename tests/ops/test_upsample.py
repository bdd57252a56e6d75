"""Tests of the operator `Upsample`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Upsample
from bitrill.timing.predict import predict
from ops.suite import OperatorSuite, alone

S = IntType(-4, 3)


def upsample(
    shape: tuple[int, ...], factors: tuple[int, ...], pe: int, type: IntType = S, **impl: Any
) -> Upsample:
    return Upsample(
        name="up",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        factors=factors,
        impl=Impl(pe=pe, simd=pe, **impl),
    )


class TestUpsample(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "twice both ways": upsample((2, 3, 4), (2, 2), 2),
            "rows alone": upsample((3, 2, 2), (3, 1), 2),
            "pixels alone": upsample((2, 3, 4), (1, 2), 1),
            "a pixel is a beat": upsample((2, 2, 3), (2, 3), 3, BIPOLAR),
            "a row is a beat": upsample((3, 1, 2), (2, 1), 2),
            "one axis": upsample((5, 2), (3,), 1, memory="block"),
            "one axis, a beat": upsample((4, 2), (2,), 2),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames with a single element at its other extreme."""
        t, n = op.x.type, op.x.size
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)[:: max(1, n // 6)]
        return np.concatenate([one, t.lo + t.hi - one]).reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, *x: Any) -> list:
        assert isinstance(op, Upsample)
        rows = [[pixel for pixel in row for _ in range(op.copies[1])] for row in _rows(x[0])]
        out = [row for row in rows for _ in range(op.copies[0])]
        return out if len(op.factors) == 2 else out[0]

    def test_full_rate(self, op: Operator) -> None:
        assert predict(alone(op)).ii == op.beats_out


def _rows(x: list) -> list:
    return x if isinstance(x[0][0], list) else [x]


def test_the_buffer_is_a_row_or_a_pixel() -> None:
    assert upsample((2, 3, 4), (2, 2), 2).capacity == 6
    assert upsample((2, 3, 4), (1, 2), 1).capacity == 4
    assert upsample((2, 3, 4), (1, 2), 4).capacity == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"operands": (Tensor((4,), S),)},
            r"up: x of upsample must be \[L, C\] or \[H, W, C\], not \(4,\)",
        ),
        ({"factors": (2,)}, r"up: factors must be 2 of at least 1, not \[2\]"),
        ({"factors": (2, 0)}, r"up: factors must be 2 of at least 1, not \[2, 0\]"),
        ({"factors": (1, 1)}, "up: some factor must be above 1"),
        ({"impl": Impl(pe=3, simd=3)}, r"up: PE must divide 4 channels, not 3 \(nearest: 2 or 4\)"),
        ({"impl": Impl(pe=2, simd=1)}, r"up: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        upsample((2, 3, 4), (2, 2), 2).replace(**changes)
