"""Tests of the operator `MaxPool`: golden model, hardware and schedule."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.geometry.pooling import Pooling
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import MaxPool
from ops.suite import OperatorSuite
from ops.test_pad import spread

S = IntType(-4, 3)


def maxpool(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    lanes: int = 1,
    type: IntType = S,
    *,
    of: type[Pooling] = MaxPool,
) -> Any:
    return of(
        name="pool",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        kernel=kernel,
        stride=stride,
        impl=Impl(pe=lanes, simd=lanes),
    )


def instances(of: type[Pooling]) -> dict[str, Operator]:
    """Instances of the shapes at which a wrong pooling most likely fails."""

    def make(*args: Any) -> Any:
        return maxpool(*args, of=of)

    return {
        "halves": make((4, 4, 2), (2, 2), (2, 2)),
        "halves, one bit": make((4, 6, 4), (2, 2), (2, 2), 2, BIPOLAR),
        "one bit, unsigned": make((4, 4, 1), (2, 2), (2, 2), 1, IntType(0, 1)),
        "one bit, signed": make((4, 4, 1), (2, 2), (2, 2), 1, IntType(-1, 0)),
        "overlapping": make((5, 7, 2), (3, 3), (2, 2)),
        "stride 1": make((5, 4, 1), (3, 3), (1, 1)),
        "stride 1, far": make((6, 5, 2), (5, 4), (1, 1), 2, IntType(0, 7)),
        "strides differ": make((6, 7, 1), (4, 3), (1, 2)),
        "stride above the kernel": make((5, 7, 2), (1, 2), (3, 4)),
        "global": make((3, 4, 2), (3, 4), (3, 4)),
        "global, all lanes": make((3, 3, 3), (3, 3), (1, 1), 3),
        "nothing but a stride": make((4, 3, 2), (1, 1), (2, 2)),
        "one place": make((1, 1, 2), (1, 1), (1, 1), 2),
        "along the row": make((2, 6, 1), (1, 3), (1, 2)),
        "down the column": make((7, 2, 1), (3, 1), (2, 1)),
        "the rest swallowed": make((5, 5, 1), (2, 2), (2, 2), 1, BIPOLAR),
        "one axis": make((9, 2), (3,), (2,), 2),
    }


def window_values(op: Pooling, x: list) -> list:
    """For each window (nested by row) its places' vectors."""
    frame = x if len(op.kernel) == 2 else [x]
    (kh, kw), (sh, sw) = ((1,) * (2 - len(s)) + s for s in (op.kernel, op.stride))
    rows = [
        [
            [frame[y + dy][z + dz] for dy, dz in product(range(kh), range(kw))]
            for z in range(0, len(frame[0]) - kw + 1, sw)
        ]
        for y in range(0, len(frame) - kh + 1, sh)
    ]
    return rows if len(op.kernel) == 2 else rows[0]


class TestMaxPool(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return instances(MaxPool)

    def corners(self, op: Operator) -> np.ndarray:
        return spread(op, 3)

    def oracle(self, op: Operator, *xs: Any) -> list:
        assert isinstance(op, MaxPool)

        def greatest(vectors: list) -> list:
            return [max(channel) for channel in zip(*vectors, strict=True)]

        windows = window_values(op, xs[0])
        if len(op.kernel) == 1:
            return [greatest(w) for w in windows]
        return [[greatest(w) for w in row] for row in windows]


def test_what_is_kept_is_open_windows_not_rows_of_pixels() -> None:
    def bits(kernel: int, stride: int) -> int:
        return maxpool((8, 8, 4), (kernel,) * 2, (stride,) * 2, type=BIPOLAR).cost().state_bits

    assert bits(2, 2) == 4 + 4 * 4  # a pixel, a row of results
    assert bits(3, 2) == 4 + 3 * 4
    assert bits(3, 1) == 2 * (4 + 6 * 4)
    assert bits(1, 2) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": (2,)}, r"pool: kernel must have 2 sizes of at least 1, not \(2,\)"),
        ({"kernel": (6, 2)}, r"pool: kernel must span at most the input's \(4, 6\), not \(6, 2\)"),
        ({"stride": (5, 2)}, r"pool: stride must be at most the input's \(4, 6\), not \(5, 2\)"),
        ({"impl": Impl(simd=3, pe=3)}, r"pool: PE must divide 4 channels, not 3 \(nearest: 2 or"),
        ({"impl": Impl(simd=2, pe=1)}, r"pool: SIMD must equal PE \(1\), not 2"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        maxpool((4, 6, 4), (2, 2), (2, 2)).replace(**changes)
