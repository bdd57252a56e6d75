"""Counts that depend on an operator's constants: tables, comparisons, sums of constant weights."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, Impl, IntType, Tensor
from bitrill.ir.operator import Memory
from bitrill.ops import MatVec, Requantize, Threshold
from bitrill.plan.structure import ALONE, different_bits
from bitrill.plan.structures import structure
from bitrill.plan.structures_channels import compared_bits
from bitrill.plan.structures_moving import turned_bits
from bitrill.plan.structures_sums import is_shared, shared_luts

UINT4, INT4, UINT1 = IntType(0, 15), IntType(-8, 7), IntType(0, 1)


def dense(weights: np.ndarray, pe: int, simd: int, *, memory: Memory = "distributed") -> MatVec:
    x = Tensor((weights.shape[1],), BIPOLAR)
    op = MatVec(name="op", inputs=("x",), operands=(x,), weights=weights, weight_type=BIPOLAR)
    return op.replace(impl=Impl(pe=pe, simd=simd, memory=memory))


def thresholds(x: IntType, limits: list[list[int]], out: IntType) -> Threshold:
    t = Tensor((len(limits),), x)
    return Threshold(
        name="op", inputs=("x",), operands=(t,), out=out, thresholds=np.array(limits),
        inverted=np.zeros(len(limits), bool),
    )  # fmt: skip


def test_different_bits() -> None:
    assert different_bits(np.array([[5], [5], [5]]), 3) == 0
    assert different_bits(np.array([[0], [1], [3]]), 4) == 2
    assert different_bits(np.array([[0, 0], [1, 1], [3, 3]]), 4) == 2  # the same in both fields
    assert different_bits(np.array([[-2], [1]]), 8) == 2  # the sign's copies are one bit
    assert different_bits(np.array([[0], [-1]]), 8) == 1


@pytest.mark.parametrize(
    ("x", "limit", "bits"),
    [(UINT4, 8, 1), (UINT4, 4, 2), (UINT4, 12, 2), (UINT4, 5, 4), (UINT4, 0, 0), (UINT4, 16, 0),
     (INT4, 0, 1), (INT4, -8, 0), (INT4, 8, 0), (INT4, -4, 2), (INT4, -7, 4), (INT4, 6, 3)],
)  # fmt: skip
def test_bits_that_a_comparison_depends_on(x: IntType, limit: int, bits: int) -> None:
    op = thresholds(x, [[limit]], UINT1)
    assert compared_bits(op).tolist() == [[bits]]
    passed = x.values() >= limit
    codes = x.encode(x.values())
    depends = [
        any(a != b for c, a in zip(codes, passed, strict=True)
            for d, b in zip(codes, passed, strict=True) if c ^ d == 1 << k)
        for k in range(4)
    ]  # fmt: skip
    assert sum(depends) <= bits
    assert not any(depends[: 4 - bits])


def test_thresholds_that_are_never_reached_take_nothing() -> None:
    never = thresholds(UINT4, [[16], [0]], UINT1).replace(impl=Impl(pe=2, simd=2, style="parallel"))
    once = thresholds(UINT4, [[5], [16]], UINT1).replace(impl=Impl(pe=2, simd=2, style="parallel"))
    assert structure(never).lcs["settled"] == 0
    assert structure(once).lcs["settled"] == 1
    assert structure(once).ff["held"] - structure(never).ff["held"] == 5  # four of x, one of y


def test_rows_alike_share_their_sums() -> None:
    rng = np.random.default_rng(1)
    row = rng.choice([-1, 1], (1, 12))
    one = shared_luts(dense(row, 1, 12))
    assert one > 0
    assert shared_luts(dense(np.repeat(row, 4, axis=0), 4, 12)) == one
    inverse = shared_luts(dense(np.concatenate([row, -row]), 2, 12))
    assert one <= inverse < 2 * one
    other = rng.choice([-1, 1], (4, 12))
    assert one < shared_luts(dense(other, 4, 12)) <= 4 * one


def test_which_weights_are_mapped_with_their_sums() -> None:
    w = np.random.default_rng(2).choice([-1, 1], (8, 16))
    assert is_shared(dense(w, 8, 16))
    assert is_shared(dense(w, 8 // ALONE, 16))
    assert not is_shared(dense(w, 1, 16))  # eight words are a table by themselves
    assert not is_shared(dense(w, 4, 16, memory="block"))
    assert is_shared(dense(w, 8, 16, memory="block"))  # one word is no memory
    wide = np.ones((128, 256), int)
    assert not is_shared(dense(wide, 128, 256))


@pytest.mark.parametrize(("depth", "bits"), [(16, 0), (1, 0), (24, 2), (35, 6), (272, 5)])
def test_bits_that_a_ring_turns(depth: int, bits: int) -> None:
    """272 = 17 * 16: bits 4 .. 8."""
    assert turned_bits(depth) == bits


def requantize(gain: int, offset: int = 0) -> dict[str, float]:
    op = Requantize(
        name="op", inputs=("x",), operands=(Tensor((1,), IntType(-128, 127)),),
        gain=np.array([gain]), offset=np.array([offset]), shift=4, out=UINT4,
    )  # fmt: skip
    return structure(op.replace(impl=Impl(pe=1, simd=1))).lcs


def test_products_with_constants() -> None:
    assert requantize(16)["settled"] == 0
    assert requantize(3)["settled"] == 9  # x + 2 x
    assert requantize(12)["settled"] == 9
    assert requantize(7)["settled"] == 18
    assert requantize(5)["settled"] == 8  # the lowest two bits need no adder
    assert requantize(16)["sum"] == 0
    assert requantize(16, 5)["sum"] == 8
