"""Tests of the operator `ArgMax`: golden model, hardware and schedule."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import ArgMax
from ops.suite import OperatorSuite


def argmax(
    x: IntType, channels: int, k: int = 1, *, scaled: bool = False, places: tuple[int, ...] = ()
) -> ArgMax:
    rng = np.random.default_rng(9)
    gain, offset = np.ones(channels, int), np.zeros(channels, int)
    if scaled:
        gain, offset = rng.integers(-5, 6, channels), rng.integers(-20, 21, channels)
    return ArgMax(
        name="top",
        inputs=("input",),
        operands=(Tensor((*places, channels), x),),
        gain=gain,
        offset=offset,
        k=k,
        impl=Impl(),
    )


class TestArgMax(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        u, s = IntType(0, 12), IntType(-8, 7)
        return {
            "best": argmax(u, 10),
            "best, signed": argmax(s, 5),
            "best, bipolar": argmax(BIPOLAR, 4),
            "best three": argmax(s, 7, 3),
            "all in order": argmax(u, 5, 5),
            "one channel": argmax(u, 1),
            "two of two": argmax(u, 2, 2),
            "scaled": argmax(s, 6, scaled=True),
            "scaled, bipolar": argmax(BIPOLAR, 6, 2, scaled=True),
            "scaled, all in order": argmax(u, 4, 4, scaled=True),
            "scaled, one channel": argmax(u, 1, scaled=True),
            "each pixel": argmax(s, 3, places=(2, 2)),
            "one channel, each pixel": argmax(u, 1, places=(3,)),
            "best two, each place": argmax(u, 4, 2, scaled=True, places=(3,)),
            "same gain": argmax(s, 4, 2).replace(gain=np.full(4, 3)),
            "great gain, small range": argmax(IntType(0, 0), 3).replace(gain=np.array([9, -9, 99])),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """All equal; each channel best, and worst; the best twice; rising and falling."""
        t, n = op.x.type, op.x.channels
        one = np.where(np.eye(n, dtype=bool), t.hi, t.lo)
        rising = t.values()[np.arange(n) * t.n_values // n]
        rows = [np.full((1, n), t.lo), np.full((1, n), t.hi), one, t.lo + t.hi - one]
        every = np.concatenate([*rows, np.maximum(one, one[::-1]), [rising, rising[::-1]]])
        places = op.x.size // n
        turned = np.stack([np.roll(every, k, axis=0) for k in range(places)], axis=1)
        return turned.reshape(-1, *op.x.shape)

    def oracle(self, op: Operator, x: list) -> list:
        assert isinstance(op, ArgMax)
        if isinstance(x[0], list):
            return [self.oracle(op, inner) for inner in x]
        scores = [
            g * v + o for g, v, o in zip(op.gain.tolist(), x, op.offset.tolist(), strict=True)
        ]
        return sorted(range(len(x)), key=lambda c: (-scores[c], c))[: op.k]

    def test_scores_keep_their_type(self, op: Operator) -> None:
        assert isinstance(op, ArgMax)
        assert op.score_type.holds(self.frames(op) * op.gain + op.offset)


def test_cost_counts_both_registers() -> None:
    """Two of k places, a score of 4 bits and an index of 3 each."""
    assert argmax(IntType(0, 12), 5, 2).cost().state_bits == 2 * 2 * (4 + 3)
    assert argmax(IntType(0, 12), 5).replace(impl=None).cost().cycles == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gain": np.ones(3, int)}, "top: gain must have 4 entries, not 3"),
        ({"offset": np.ones(5, int)}, "top: offset must have 4 entries, not 5"),
        ({"gain": np.ones(4)}, "top: gain must hold integers, not float64"),
        ({"k": 0}, r"top: top must be in 1\.\.4, not 0"),
        ({"k": 5}, r"top: top must be in 1\.\.4, not 5"),
        ({"gain": np.full(4, 1 << 60)}, "top: scores must fit 48 bits, not 62"),
        ({"impl": Impl(pe=2)}, "top: PE and SIMD of argmax must be 1, not 2 and 1"),
        ({"impl": Impl(simd=4)}, "top: PE and SIMD of argmax must be 1, not 1 and 4"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        argmax(IntType(0, 3), 4).replace(**changes)


def test_axes_of_size_one_in_front_change_nothing() -> None:
    op = argmax(IntType(-8, 7), 5, 2, scaled=True)
    long = op.replace(operands=(Tensor((1, 1, 5), op.x.type),))
    x = np.random.default_rng(0).integers(-8, 8, (50, 5))
    assert np.array_equal(op.eval(x), long.eval(x.reshape(50, 1, 1, 5)))
    assert (long.y, long.lanes_in) == (op.y, op.lanes_in)
