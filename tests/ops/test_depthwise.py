"""Tests of the operator `Depthwise`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Depthwise
from ops.suite import OperatorSuite
from ops.test_pad import spread

TERNARY = IntType(-1, 1)
S4 = IntType(-8, 7)
LOG = IntType(0, 64, "log2")


def depthwise(
    channels: int,
    taps: int,
    pe: int,
    weight_type: IntType,
    x_type: IntType,
    places: tuple[int, ...] = (2,),
    memory: Any = "distributed",
    *,
    equal: bool = False,
) -> Depthwise:
    rng = np.random.default_rng(channels * taps + pe)
    weights = rng.choice(weight_type.values(), (channels, taps))
    if equal:
        weights[:] = weights[0]
    return Depthwise(
        name="dw",
        inputs=("input",),
        operands=(Tensor((*places, channels * taps), x_type),),
        weights=weights,
        weight_type=weight_type,
        impl=Impl(pe=pe, simd=pe, memory=memory),
    )


class TestDepthwise(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "agreements": depthwise(4, 9, 2, BIPOLAR, BIPOLAR),
            "signs of integers, in pairs": depthwise(6, 4, 2, BIPOLAR, S4),
            "ternary, zeros on the border": depthwise(3, 9, 1, TERNARY, TERNARY, (1, 2)),
            "4 bits by 4": depthwise(4, 9, 2, S4, S4),
            "4 bits by bits": depthwise(4, 3, 4, S4, BIPOLAR),
            "bits by ternary": depthwise(4, 3, 2, TERNARY, BIPOLAR, (3,)),
            "unsigned": depthwise(2, 5, 1, S4, IntType(0, 3)),
            "one channel": depthwise(1, 4, 1, S4, S4, (3,)),
            "all channels": depthwise(3, 4, 3, S4, IntType(0, 7), (3,)),
            "one tap": depthwise(4, 1, 2, S4, S4, (3,)),
            "block memory": depthwise(4, 9, 2, S4, IntType(0, 7), memory="block"),
            "block memory, equal words": depthwise(2, 2, 1, BIPOLAR, S4, (2,), "block", equal=True),
            "one vector": depthwise(4, 4, 1, S4, S4, ()),
            "codebook": depthwise(4, 3, 2, IntType.of_entries((-90, -7, 0, 3, 101)), S4),
            "sums of powers of two": depthwise(2, 3, 1, IntType(-8, 8, "pot", 2), IntType(0, 7)),
            "signs of powers of two": depthwise(4, 4, 2, BIPOLAR, LOG),
            "4 bits by powers of two": depthwise(4, 3, 2, IntType(-7, 7), LOG, (3,)),
            "8 bits by powers of two": depthwise(2, 3, 2, IntType(-128, 127), LOG, memory="block"),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames that also give each channel's largest and smallest sum."""
        assert isinstance(op, Depthwise)
        positive = (op.weights.T > 0).reshape(-1)
        t = op.x.type
        ends = [np.where(positive == up, t.hi, t.lo) for up in (True, False)]
        ends = [np.broadcast_to(e, (1, *op.x.shape)) for e in ends]
        return np.concatenate([spread(op, 2), *ends])

    def oracle(self, op: Operator, *xs: Any) -> list:
        assert isinstance(op, Depthwise)
        weights = op.weights.tolist()

        def vector(x: list) -> list:
            y = []
            for c, row in enumerate(weights):
                taps = [x[t * len(weights) + c] for t in range(len(row))]
                if op.x.type.coding.word != "bipolar":
                    y.append(sum(w * v for w, v in zip(row, taps, strict=True)))
                elif op.weight_type.coding.is_bipolar:
                    y.append(sum(w == v for w, v in zip(row, taps, strict=True)))
                else:
                    y.append(sum(w for w, v in zip(row, taps, strict=True) if v == 1))
            return y

        def deep(x: list) -> list:
            return [deep(v) for v in x] if isinstance(x[0], list) else vector(x)

        return deep(xs[0])

    def test_gain_and_offset_give_the_product(self, op: Operator) -> None:
        assert isinstance(op, Depthwise)
        x = np.asarray(self.frames(op))
        taps = x.reshape(len(x), -1, op.taps, op.channels)
        dot = (taps * op.weights.T).sum(2).reshape(len(x), *op.y.shape)
        assert (op.dot_gain * op.eval(x).astype(np.int64) + op.dot_offset == dot).all()


def test_a_channel_keeps_its_place() -> None:
    """Taps come one after the other, all channels of each: what `Window` gives."""
    op = depthwise(2, 3, 1, S4, S4, ()).replace(weights=np.array([[1, 0, 0], [0, 0, 1]]))
    assert op.eval(np.array([[1, 2, 3, 4, 5, 6]])).tolist() == [[1, 6]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"weights": np.ones((4, 4), int)},
            r"dw: weights must have 36 entries \(channels by taps\), not 4 by 4",
        ),
        ({"weights": np.full((4, 9), 9)}, r"dw: weights must be values of int4"),
        ({"weights": np.ones((4, 9))}, "dw: weights must hold integers, not float64"),
        ({"impl": Impl(pe=3, simd=3)}, r"dw: PE must divide 4 channels, not 3 \(nearest: 2 or 4\)"),
        ({"impl": Impl(pe=2, simd=1)}, r"dw: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        depthwise(4, 9, 2, S4, S4).replace(**changes)
