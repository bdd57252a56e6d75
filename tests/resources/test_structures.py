"""Counts that depend on an operator's constants: tables, comparisons, sums of constant weights."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.ir import Impl, IntType, Tensor
from bitrill.ir.structure import different_bits, turned_bits
from bitrill.ops import Requantize, Threshold
from bitrill.ops.units.thresholds import compared_bits

UINT4, INT4, UINT1 = IntType(0, 15), IntType(-8, 7), IntType(0, 1)


def thresholds(x: IntType, limits: list[list[int]], out: IntType) -> Threshold:
    t = Tensor((len(limits),), x)
    return Threshold(
        name="op",
        inputs=("x",),
        operands=(t,),
        out=out,
        thresholds=np.array(limits),
        inverted=np.zeros(len(limits), bool),
    )


def test_different_bits() -> None:
    assert different_bits(np.array([[5], [5], [5]]), 3) == 0
    assert different_bits(np.array([[0], [1], [3]]), 4) == 2
    assert different_bits(np.array([[0, 0], [1, 1], [3, 3]]), 4) == 2  # the same in both fields
    assert different_bits(np.array([[-2], [1]]), 8) == 2  # the sign's copies are one bit
    assert different_bits(np.array([[0], [-1]]), 8) == 1


@pytest.mark.parametrize(
    ("x", "limit", "bits"),
    [
        (UINT4, 8, 1),
        (UINT4, 4, 2),
        (UINT4, 12, 2),
        (UINT4, 5, 4),
        (UINT4, 0, 0),
        (UINT4, 16, 0),
        (INT4, 0, 1),
        (INT4, -8, 0),
        (INT4, 8, 0),
        (INT4, -4, 2),
        (INT4, -7, 4),
        (INT4, 6, 3),
    ],
)
def test_bits_that_a_comparison_depends_on(x: IntType, limit: int, bits: int) -> None:
    op = thresholds(x, [[limit]], UINT1)
    assert compared_bits(op).tolist() == [[bits]]
    passed = x.values() >= limit
    codes = x.encode(x.values())
    depends = [
        any(
            a != b
            for c, a in zip(codes, passed, strict=True)
            for d, b in zip(codes, passed, strict=True)
            if c ^ d == 1 << k
        )
        for k in range(4)
    ]
    assert sum(depends) <= bits
    assert not any(depends[: 4 - bits])


def test_thresholds_that_are_never_reached_take_nothing() -> None:
    never = thresholds(UINT4, [[16], [0]], UINT1).replace(impl=Impl(pe=2, simd=2, style="parallel"))
    once = thresholds(UINT4, [[5], [16]], UINT1).replace(impl=Impl(pe=2, simd=2, style="parallel"))
    assert never.structure().lcs["settled"] == 0
    assert once.structure().lcs["settled"] == 1
    assert once.structure().ff["held"] - never.structure().ff["held"] == 5  # four of x, one of y


@pytest.mark.parametrize(("depth", "bits"), [(16, 0), (1, 0), (24, 2), (35, 6), (272, 5)])
def test_bits_that_a_ring_turns(depth: int, bits: int) -> None:
    """272 = 17 * 16: bits 4 .. 8."""
    assert turned_bits(depth) == bits


def requantize(gain: int, offset: int = 0) -> dict[str, float]:
    op = Requantize(
        name="op",
        inputs=("x",),
        operands=(Tensor((1,), IntType(-128, 127)),),
        gain=np.array([gain]),
        offset=np.array([offset]),
        shift=4,
        out=UINT4,
    )
    return op.replace(impl=Impl(pe=1, simd=1)).structure().lcs


def test_products_with_constants() -> None:
    assert requantize(16)["settled"] == 0
    assert requantize(3)["settled"] == 9  # x + 2 x
    assert requantize(12)["settled"] == 9
    assert requantize(7)["settled"] == 18
    assert requantize(5)["settled"] == 8  # the lowest two bits need no adder
    assert requantize(16)["sum"] == 0
    assert requantize(16, 5)["sum"] == 8
