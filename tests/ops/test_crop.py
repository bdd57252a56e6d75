"""Tests of the operator `Crop`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Crop
from ops.suite import OperatorSuite

S = IntType(-4, 3)


def crop(
    shape: tuple[int, ...],
    starts: tuple[int, ...],
    steps: tuple[int, ...],
    sizes: tuple[int, ...],
    lanes: int = 1,
    type: IntType = S,
) -> Crop:
    return Crop(
        name="crop",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        starts=starts,
        steps=steps,
        sizes=sizes,
        impl=Impl(pe=lanes, simd=lanes),
    )


class TestCrop(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "all sides": crop((4, 5, 4), (1, 2, 0), (1, 1, 1), (2, 2, 4), 2),
            "every second": crop((4, 6, 2), (0, 1, 0), (2, 2, 1), (2, 3, 2), 2),
            "steps that do not fit": crop((5, 7, 1), (1, 0, 0), (3, 2, 1), (2, 3, 1)),
            "channels": crop((2, 2, 6), (0, 0, 2), (1, 1, 1), (2, 2, 2), 2),
            "the last channel, bipolar": crop(
                (2, 3, 3), (0, 0, 2), (1, 1, 1), (2, 3, 1), 1, BIPOLAR
            ),
            "one axis": crop((7, 2), (2, 0), (2, 1), (2, 2), 2, IntType(0, 5)),
            "a vector": crop((6,), (2,), (1,), (4,), 2),
            "nothing dropped": crop((2, 2, 2), (0, 0, 0), (1, 1, 1), (2, 2, 2), 2),
            "one element": crop((3, 3, 2), (1, 1, 1), (2, 2, 1), (1, 1, 1)),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames with a single element at its other extreme."""
        t, n = op.x.type, op.x.size
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)[:: max(1, n // 6)]
        return np.concatenate([one, t.lo + t.hi - one[-1:]]).reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, *x: Any) -> list:
        assert isinstance(op, Crop)
        return cut(x[0], list(zip(op.starts, op.steps, op.sizes, strict=True)))


def cut(x: list, axes: list[tuple[int, int, int]]) -> list:
    """Some elements of nested lists."""
    (start, step, size), *inner = axes
    return [cut(x[start + k * step], inner) if inner else x[start + k * step] for k in range(size)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"starts": (0, 0)}, "an integer for each axis of x, at most 3, not"),
        ({"starts": (0, 0, 0.5)}, "an integer for each axis of x"),
        ({"starts": (-1, 0, 0)}, "must lie within x"),
        ({"sizes": (2, 6, 4)}, "must lie within x"),
        ({"sizes": (0, 5, 4)}, "must lie within x"),
        ({"steps": (4, 1, 1)}, "must lie within x"),
        ({"steps": (1, 1, 2), "sizes": (2, 2, 2)}, "with step 1 along the channels"),
        ({"impl": Impl(pe=4, simd=4), "sizes": (2, 2, 2)}, "PE must divide 2 channels, kept ones"),
        ({"impl": Impl(pe=2, simd=1)}, r"SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        crop((4, 5, 4), (1, 2, 0), (1, 1, 1), (2, 2, 4), 2).replace(**changes)
