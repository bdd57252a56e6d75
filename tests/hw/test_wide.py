"""Operators whose integers have 33 to 48 bits: golden model and hardware against Python's integers.

What is wider is refused, whoever would make it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import Impl, IntType, Operator, Tensor
from bitrill.ops import (
    Add,
    ArgMax,
    Concat,
    Depthwise,
    L1MatVec,
    MatVec,
    MaxPool,
    Requantize,
    SumPool,
    Threshold,
)
from ops.suite import check, hardware, suite_of

X = IntType(-(1 << 15), (1 << 15) - 1)
WIDE = IntType(-(1 << 47), (1 << 47) - 1)
UNSIGNED = IntType(0, (1 << 48) - 1)


def drawn(t: IntType, shape: tuple[int, ...]) -> np.ndarray:
    """Integers of all sizes; the first two are the ends."""
    rng = np.random.default_rng(4)
    values = rng.integers(t.lo, t.hi + 1, shape) >> rng.integers(0, 40, shape)
    values.reshape(-1)[:2] = t.lo, t.hi
    return np.clip(values, t.lo, t.hi)


def node(kind: Any, *operands: Tensor, pe: int = 2, simd: int | None = None, **more: Any) -> Any:
    inputs = tuple(f"x{k}" for k in range(len(operands)))
    folding = {k: more.pop(k) for k in ("style", "memory", "multiply", "primitives") if k in more}
    impl = Impl(pe=pe, simd=pe if simd is None else simd, **folding)
    return kind(name="node", inputs=inputs, operands=operands, impl=impl, **more)


def matrix(bits: int, x: IntType = X, *, pe: int = 2, simd: int = 3, **more: Any) -> MatVec:
    """The first rows reach both ends."""
    t = IntType(-(1 << bits - 1), (1 << bits - 1) - 1)
    w = drawn(t, (4, 6))
    w[0], w[1] = t.lo, t.hi
    return node(MatVec, Tensor((6,), x), pe=pe, simd=simd, weights=w, weight_type=t, **more)


def threshold(x: IntType, style: str, **more: Any) -> Threshold:
    """Neighbours around each size of number, and both ends."""
    limits = np.array(
        [
            [x.lo, x.lo + 1, -1, 0, 1 << 32, (1 << 32) + 1, x.hi],
            [-(1 << 46) - 1, -(1 << 46), 5, 6, 7, x.hi, x.hi + 1],
        ]
    )
    t, inverted = Tensor((2,), x), np.array([False, True])
    limits = np.sort(np.clip(limits, x.lo, x.hi + 1))
    out = IntType(0, 7)
    return node(Threshold, t, thresholds=limits, inverted=inverted, out=out, style=style, **more)


NIGHTLY = ("block memory", "cells")
"""Cases that take as long as ten others, and differ from them in their memory or cells alone."""

CASES: dict[str, tuple[str, Operator]] = {
    "folded, all bits": ("matvec", matrix(30, pe=1)),
    "block memory": ("matvec", matrix(25, simd=1, memory="block")),
    "unrolled": ("matvec", matrix(20, pe=4, simd=6, style="unrolled")),
    "serial": ("matvec", matrix(16, pe=4, multiply="serial")),
    "dsp": ("matvec", matrix(25, multiply="dsp")),
    "cells": ("matvec", matrix(20, pe=1, simd=2, primitives="xc7")),
    "depthwise": (
        "depthwise",
        node(
            Depthwise,
            Tensor((2, 8), X),
            pe=1,
            weights=drawn(IntType(-(1 << 29), 1 << 29), (4, 2)),
            weight_type=IntType(-(1 << 29), 1 << 29),
        ),
    ),
    "add": ("add", node(Add, *[Tensor((4,), IntType(-(1 << 45), 1 << 45))] * 2, gains=(-1, 2))),
    "concat": (
        "concat",
        node(Concat, Tensor((2,), IntType(-9, 9)), Tensor((4,), WIDE), gains=(-40000, 1)),
    ),
    "sum over places": (
        "avgpool",
        node(SumPool, Tensor((4, 2), IntType(-(1 << 45), 1 << 45)), kernel=(3,), stride=(1,)),
    ),
    "maximum over places": (
        "maxpool",
        node(MaxPool, Tensor((4, 2), WIDE), kernel=(2,), stride=(1,)),
    ),
    "comparators": ("threshold", threshold(WIDE, "parallel")),
    "comparators, unsigned": ("threshold", threshold(UNSIGNED, "parallel", pe=1)),
    "search": ("threshold", threshold(WIDE, "search", pe=1)),
    "search in block memory": ("threshold", threshold(WIDE, "search", pe=1, memory="block")),
    "comparators of cells": ("threshold", threshold(WIDE, "parallel", primitives="xc7")),
    "requantize": (
        "requantize",
        node(
            Requantize,
            Tensor((2,), IntType(-(1 << 40), 1 << 40)),
            gain=np.array([37, -5]),
            offset=np.array([-(1 << 44), 3]),
            shift=40,
            out=IntType(-8, 7),
        ),
    ),
    "decision": (
        "argmax",
        node(
            ArgMax,
            Tensor((3,), WIDE),
            pe=1,
            k=2,
            gain=np.ones(3, np.int64),
            offset=np.zeros(3, np.int64),
        ),
    ),
}


def frames(op: Operator) -> tuple[np.ndarray, ...]:
    """Ends together and apart, each threshold and its neighbours, and numbers of all sizes."""
    out = []
    for t in op.operands:
        rows = [np.full(t.shape, t.type.lo), np.full(t.shape, t.type.hi)]
        if isinstance(op, MatVec):
            rows += [np.where(op.weights[r] > 0, t.type.hi, t.type.lo) for r in (2, 3)]
        if isinstance(op, Threshold):
            rows += [limits + d for limits in op.thresholds.T for d in (-1, 0)]
        rows += list(drawn(t.type, (6, *t.shape)))
        out.append(np.clip(np.array(rows), t.type.lo, t.type.hi))
    return tuple(out)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.nightly if n in NIGHTLY else ()) for n in CASES]
)
def test_golden_equals_python_and_hardware_equals_golden(name: str) -> None:
    kind, op = CASES[name]
    xs = frames(op)
    y, oracle = op.eval(*xs), suite_of(kind)().oracle
    assert isinstance(y, np.ndarray)
    told = [oracle(op, *x) for x in zip(*(x.tolist() for x in xs), strict=True)]
    assert y.astype(np.int64).tolist() == told
    assert max(t.type.bits for t in (*op.operands, *op.results)) > 32
    check(op, hardware(op), xs, "random")


@pytest.mark.parametrize(
    ("make", "t"),
    [
        (lambda: matrix(31), "int49["),
        (lambda: node(Add, *[Tensor((2,), WIDE)] * 2), "int49["),
        (lambda: node(Concat, *[Tensor((2,), UNSIGNED)] * 2, gains=(1, 2)), "uint49["),
        (lambda: node(SumPool, Tensor((3, 2), WIDE), kernel=(2,), stride=(1,)), "int49["),
        (
            lambda: node(MaxPool, Tensor((3, 2), IntType(0, 1 << 48)), kernel=(2,), stride=(1,)),
            "uint49[",
        ),
    ],
    ids=["matrix", "add", "concat", "sum over places", "operand"],
)
def test_wider_integers_are_refused(make: Any, t: str) -> None:
    message = f"node: accumulators and results must fit 48 bits, not {t}"
    with pytest.raises(SpecError, match=re.escape(message)):
        make()


def test_products_beyond_64_bits_are_refused() -> None:
    """The sum is ``2**64``, which wraps to 0."""
    t, x = IntType(0, (1 << 32) - 1), Tensor((4,), IntType(0, 1 << 31))
    w = np.full((1, 4), 1 << 31)
    with pytest.raises(SpecError, match=r"node: accumulators .*, not uint65"):
        node(MatVec, x, weights=w, weight_type=t, pe=1)
    wide = IntType(0, 1 << 61)
    with pytest.raises(SpecError, match="node: weights must have at most 32 bits, not 62"):
        node(MatVec, x, weights=w, weight_type=wide, pe=1)


def test_sums_of_distances_do_not_wrap() -> None:
    n = 70_000
    op = L1MatVec(
        name="l1",
        inputs=("x",),
        operands=(Tensor((n,), IntType(0, 255)),),
        weights=np.full((1, n), -32768),
    )
    assert op.eval(np.full((1, n), 255)).tolist() == [[-n * (32768 + 255)]]
