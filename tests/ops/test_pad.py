"""Tests of the operator `Pad`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Pad
from ops.suite import OperatorSuite

S = IntType(-4, 3)


def pad(
    shape: tuple[int, ...], pads: tuple[int, ...], value: int = 0, lanes: int = 1, type: IntType = S
) -> Pad:
    return Pad(
        name="pad",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        pads=pads,
        value=value,
        impl=Impl(pe=lanes, simd=lanes),
    )


def spread(op: Operator, n: int = 4) -> np.ndarray:
    """Single elements at their other extreme, from the first to the last."""
    t, size = op.x.type, op.x.size
    at = np.unique(np.linspace(0, size - 1, n).astype(int))
    one = np.where(np.eye(size, dtype=bool)[at], t.hi, t.lo)
    return np.concatenate([one, t.lo + t.hi - one[-1:]]).reshape(-1, *op.x.shape)


class TestPad(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "bipolar with zeros": pad((2, 3, 2), (1, 1, 1, 1), 0, 2, BIPOLAR),
            "all sides differ": pad((2, 3, 4), (2, 1, 0, 3), 1, 2),
            "in front only": pad((3, 2, 1), (1, 2, 0, 0), -4),
            "behind only": pad((3, 2, 1), (0, 0, 2, 1), 3),
            "to the left only": pad((2, 2, 2), (0, 1, 0, 0), 0),
            "one axis": pad((4, 2), (2, 1), 0, 2, IntType(0, 5)),
            "nothing": pad((2, 2, 1), (0, 0, 0, 0), 9),
            "one place": pad((1, 1, 1), (1, 1, 1, 1), 0),
            "a value beyond the type": pad((2, 2, 2), (1, 0, 0, 1), -20, 2, IntType(0, 3)),
            "bipolar stays bipolar": pad((2, 2, 2), (0, 1, 1, 0), -1, 1, BIPOLAR),
        }

    def corners(self, op: Operator) -> np.ndarray:
        return spread(op)

    def oracle(self, op: Operator, *xs: Any) -> list:
        assert isinstance(op, Pad)
        (x,) = xs
        if len(op.pads) == 2:
            edge = [op.value] * op.x.channels
            return [edge] * op.pads[0] + x + [edge] * op.pads[1]
        top, left, bottom, right = op.pads
        edge = [op.value] * op.x.channels
        line = [edge] * (left + op.x.shape[1] + right)
        rows = [[edge] * left + row + [edge] * right for row in x]
        return [line] * top + rows + [line] * bottom


@pytest.mark.parametrize(
    ("type", "value", "result"),
    [
        (BIPOLAR, 0, IntType(-1, 1)),
        (BIPOLAR, 1, BIPOLAR),
        (BIPOLAR, -3, IntType(-3, 1)),
        (S, 3, S),
        (S, 4, IntType(-4, 4)),
        (IntType(2, 5), 0, IntType(0, 5)),
    ],
)
def test_the_type_holds_the_value(type: IntType, value: int, result: IntType) -> None:
    assert pad((2, 2, 2), (1, 1, 1, 1), value, 1, type).y == Tensor((4, 4, 2), result)


def test_a_narrow_dtype_does_not_wrap() -> None:
    x = np.array([[[5]]], np.uint8)
    op = pad((1, 1), (1, 0), -300, 1, IntType(0, 7))
    assert op.eval(x).tolist() == [[[-300], [5]]]


def test_an_idle_network_stays_empty() -> None:
    """Border in front waits for its frame, so latency does not depend on when a frame comes."""
    arrived = pad((2, 2, 1), (1, 1, 1, 1)).schedule().rules[0]
    assert arrived.index.min() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pads": (1, 1)}, r"pad: pads must have 4 sizes of at least 0, not \(1, 1\)"),
        ({"pads": (1, 1, -1, 0)}, r"pad: pads must have 4 sizes of at least 0, not \(1, 1, -1, 0"),
        ({"value": 0.5}, "pad: the value must be an integer, not 0.5"),
        (
            {"operands": (Tensor((8,), S),)},
            r"pad: x must have shape \(H, W, C\) or \(L, C\), not \(8,\)",
        ),
        (
            {"impl": Impl(pe=3, simd=3)},
            r"pad: PE must divide 4 channels, not 3 \(nearest: 2 or 4\)",
        ),
        ({"impl": Impl(pe=4, simd=2)}, r"pad: SIMD must equal PE \(4\), not 2"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        pad((2, 3, 4), (1, 1, 1, 1), lanes=2).replace(**changes)
