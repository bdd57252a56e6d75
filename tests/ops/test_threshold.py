"""Tests of the operator `Threshold`: golden model, hardware and schedule."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Threshold
from ops.suite import OperatorSuite


def threshold(
    x: IntType,
    out: IntType,
    pe: int,
    style: str = "parallel",
    *,
    inverted: tuple[int, ...] = (),
    channels: int = 4,
    memory: str = "distributed",
    vectors: tuple[int, ...] = (),
    same: bool = False,
    primitives: str = "portable",
) -> Threshold:
    """Random thresholds; those of channel 0 are spread over both ends: always and never."""
    rng = np.random.default_rng(5)
    limits = np.sort(rng.integers(x.lo, x.hi + 2, (channels, out.n_values - 1)), 1)
    limits[0, 0], limits[0, -1] = x.lo, x.hi + 1
    if same:
        limits[:] = limits[-1]
    return Threshold(
        name="act",
        inputs=("input",),
        operands=(Tensor((*vectors, channels), x),),
        thresholds=limits,
        inverted=np.isin(np.arange(channels), inverted),
        out=out,
        impl=Impl(pe=pe, simd=pe, style=style, memory=memory, primitives=primitives),  # pyright: ignore
    )


class TestThreshold(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        u, s = IntType(0, 12), IntType(-8, 7)
        cases = {
            "bipolar of unsigned": (u, BIPOLAR, 2, {}),
            "bipolar of signed, falling": (s, BIPOLAR, 2, {"inverted": (1, 2)}),
            "bipolar of bipolar": (BIPOLAR, BIPOLAR, 2, {}),
            "two bits": (s, IntType(0, 3), 2, {}),
            "two bits, falling": (u, IntType(-2, 1), 1, {"inverted": (0, 3)}),
            "narrow signed, falling": (s, IntType(-3, 3), 2, {"inverted": (1,)}),
            "five levels": (IntType(-3, 9), IntType(0, 5), 4, {"inverted": (2,)}),
            "four bits": (IntType(-40, 40), IntType(0, 15), 2, {"memory": "block"}),
            "one bit": (u, IntType(0, 1), 4, {"inverted": (0, 1, 2, 3)}),
            "negative only": (IntType(-9, -2), IntType(-4, -1), 2, {}),
            "many vectors": (u, IntType(0, 2), 2, {"vectors": (3,), "inverted": (3,)}),
            "all alike": (u, IntType(0, 3), 2, {"same": True}),
        }
        cells: dict = {"primitives": "xc7"}
        within = {
            "two words": (s, IntType(0, 3), 2, cells),
            "four, falling": (s, IntType(-2, 1), 1, cells | {"inverted": (0, 3)}),
            "three": (u, IntType(0, 5), 2, cells | {"channels": 6, "inverted": (1, 4)}),
            "sixteen": (IntType(-40, 40), IntType(0, 1), 1, cells | {"channels": 16}),
            "bipolar": (u, BIPOLAR, 2, cells | {"channels": 12, "inverted": (5, 6, 11)}),
            "one and more": (s, IntType(0, 7), 4, cells | {"inverted": (2,)}),
        }
        cases |= {f"within, {name}": case for name, case in within.items()}
        wide = threshold(
            IntType(-256, 255),
            IntType(0, 63),
            2,
            "search",
            channels=32,
            memory="block",
            inverted=(3, 4),
        )
        return {"search: two lanes in a memory": wide} | {
            f"{style}: {name}": threshold(x, out, pe, style, **rest)
            for name, (x, out, pe, rest) in cases.items()
            for style in ("parallel", "search")
        }

    def corners(self, op: Operator) -> np.ndarray:
        """One below, at and one above each threshold of each channel; both ends."""
        assert isinstance(op, Threshold)
        t = op.x.type
        around = [limits + d for limits in op.thresholds.T for d in (-1, 0, 1)]
        channels = np.array([*around, np.full(op.x.channels, t.lo), np.full(op.x.channels, t.hi)])
        if t.coding.is_bipolar:
            channels = np.where(channels >= 1, 1, -1)
        frames = np.clip(channels, t.lo, t.hi)
        return np.resize(frames, (len(frames), *op.x.shape))

    def oracle(self, op: Operator, x: list) -> list:
        assert isinstance(op, Threshold)
        if isinstance(x[0], list):
            return [self.oracle(op, inner) for inner in x]
        out = []
        for v, limits, falls in zip(x, op.thresholds.tolist(), op.inverted, strict=True):
            n = sum(v >= limit for limit in limits)
            n = len(limits) - n if falls else n
            out.append(2 * n - 1 if op.out.coding.is_bipolar else op.out.lo + n)
        return out

    def test_every_value_of_every_channel(self, op: Operator) -> None:
        values = op.x.type.values()
        x = np.broadcast_to(values.reshape(-1, *[1] * len(op.x.shape)), (len(values), *op.x.shape))
        assert op.eval(x).tolist() == [self.oracle(op, frame) for frame in x.tolist()]


def test_wide_values_are_compared_exactly() -> None:
    """Beyond what float32 tells apart."""
    x = IntType(-(1 << 30), 1 << 30)
    op = threshold(x, BIPOLAR, 1, channels=1).replace(thresholds=np.array([[(1 << 29) + 1]]))
    values = np.array([[1 << 29], [(1 << 29) + 1]])
    assert op.eval(values).tolist() == [[-1], [1]]


def test_cost_counts_thresholds_with_the_bit_that_never_needs() -> None:
    op = threshold(IntType(0, 7), IntType(0, 3), 2)
    assert op.cost().weight_bits == 4 * 3 * 4
    assert op.cost().cycles == 2
    assert op.replace(impl=None).cost().cycles == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"thresholds": np.ones((3, 1), int)},
            "act: thresholds and inverted must have 4 channels, not 3 and 4",
        ),
        (
            {"inverted": np.zeros(5, bool)},
            "act: thresholds and inverted must have 4 channels, not 4 and 5",
        ),
        ({"thresholds": np.ones((4, 2), int)}, "act: bipolar must have 1 thresholds, not 2"),
        (
            {"out": IntType(0, 3), "thresholds": np.array([[1, 3, 2]] * 4)},
            "act: thresholds must ascend",
        ),
        ({"thresholds": np.full((4, 1), -1)}, r"act: thresholds must lie in 0\.\.13"),
        ({"thresholds": np.full((4, 1), 14)}, r"act: thresholds must lie in 0\.\.13"),
        ({"thresholds": np.full((4, 1), 0.5)}, "act: thresholds must hold integers, not float64"),
        (
            {"inverted": np.zeros((4, 1), bool)},
            r"act: inverted must be a non-empty array of 1 axes",
        ),
        (
            {"impl": Impl(pe=3, simd=3, style="parallel")},
            r"act: PE must divide 4 channels, not 3 \(nearest: 2 or 4\)",
        ),
        ({"impl": Impl(pe=2, simd=1, style="parallel")}, r"act: SIMD must equal PE \(2\), not 1"),
        (
            {"impl": Impl(pe=2, simd=2)},
            "act: the style of threshold must be 'parallel' or 'search' or 'runtime', not 'folded'",
        ),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        threshold(IntType(0, 12), BIPOLAR, 2).replace(**changes)
