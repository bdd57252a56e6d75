"""Tests of the operator `Rearrange`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Rearrange
from bitrill.ops.rearrange import Direction
from bitrill.timing.predict import predict
from ops.suite import OperatorSuite, alone

S = IntType(-4, 3)


def rearrange(
    shape: tuple[int, ...],
    block: int,
    direction: Direction,
    pe: int,
    type: IntType = S,
    **impl: Any,
) -> Rearrange:
    return Rearrange(
        name="blocks",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        block=block,
        direction=direction,
        impl=Impl(pe=pe, simd=pe, **impl),
    )


class TestRearrange(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "to space": rearrange((2, 3, 8), 2, "to_space", 2),
            "to space, a run a beat": rearrange((2, 2, 8), 2, "to_space", 4, BIPOLAR),
            "to space by three": rearrange((1, 2, 9), 3, "to_space", 1),
            "to depth": rearrange((4, 4, 2), 2, "to_depth", 2, memory="block"),
            "to depth, a run a beat": rearrange((2, 4, 3), 2, "to_depth", 6),
            "to depth by three": rearrange((3, 6, 1), 3, "to_depth", 1),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames with a single element at its other extreme."""
        t, n = op.x.type, op.x.size
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)
        return one.reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, *x: Any) -> list:
        assert isinstance(op, Rearrange)
        b, n = op.block, op.small
        y = np.zeros(op.y.shape, int).tolist()
        spatial = y if op.direction == "to_space" else x[0]
        for i, row in enumerate(spatial):
            for j, pixel in enumerate(row):
                for c in range(n):
                    deep = (i % b * b + j % b) * n + c
                    if op.direction == "to_space":
                        pixel[c] = x[0][i // b][j // b][deep]
                    else:
                        y[i // b][j // b][deep] = pixel[c]
        return y

    def test_full_rate(self, op: Operator) -> None:
        assert predict(alone(op)).ii == op.beats_out


def test_one_is_the_inverse_of_the_other() -> None:
    there = rearrange((2, 3, 8), 2, "to_space", 2)
    back = rearrange((4, 6, 2), 2, "to_depth", 2)
    x = np.arange(48).reshape(1, 2, 3, 8)
    assert (back.eval(there.eval(x)) == x).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"direction": "up"}, "blocks: direction must be 'to_space' or 'to_depth', not 'up'"),
        ({"operands": (Tensor((4, 8), S),)}, r"blocks: x must be \[H, W, C\], not \[4, 8\]"),
        ({"block": 1}, "blocks: block must be at least 2, not 1"),
        ({"block": 3}, "blocks: channels must be a multiple of 9, not 8"),
        ({"direction": "to_depth"}, "blocks: height and width must be multiples of 2, not 2x3"),
        (
            {"impl": Impl(pe=3, simd=3)},
            r"blocks: PE must divide 4 elements of a run, not 3 \(nearest: 2 or 4\)",
        ),
        ({"impl": Impl(pe=2, simd=1)}, r"blocks: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        rearrange((2, 3, 8), 2, "to_space", 2).replace(**changes)
