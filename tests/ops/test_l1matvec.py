"""Tests of the operator `L1MatVec`: golden model, hardware and schedule."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.arith.accumulate import starts, stored_weights, sum_plan
from bitrill.arith.l1_products import front, groups
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import L1MatVec
from ops.suite import OperatorSuite


def l1matvec(
    rows: int,
    cols: int,
    pe: int,
    simd: int,
    x: IntType,
    weights: IntType | None = None,
    *,
    memory: str = "distributed",
    primitives: str = "portable",
    levels: int = 2,
    vectors: tuple[int, ...] = (),
    seed: int = 3,
) -> L1MatVec:
    values = (weights or x).values()
    return L1MatVec(
        name="l1",
        inputs=("input",),
        operands=(Tensor((*vectors, cols), x),),
        weights=np.random.default_rng(seed).choice(values, (rows, cols)),
        impl=Impl(pe=pe, simd=simd, memory=memory, primitives=primitives, levels=levels),  # pyright: ignore
    )


U4, S4 = IntType(0, 15), IntType(-8, 7)


class TestL1MatVec(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            # the structure
            "block memory": l1matvec(6, 8, 2, 4, U4, memory="block"),
            "one pass": l1matvec(4, 8, 4, 2, S4),
            "one beat": l1matvec(6, 7, 3, 7, IntType(0, 3)),
            "one step, block memory": l1matvec(3, 6, 3, 6, S4, memory="block"),
            "one lane": l1matvec(3, 5, 1, 1, U4),
            "one by one": l1matvec(1, 1, 1, 1, U4),
            "many vectors": l1matvec(4, 6, 2, 3, IntType(-2, 1), vectors=(3, 2)),
            "a whole frame": l1matvec(4, 12, 2, 3, U4).replace(operands=(Tensor((2, 3, 2), U4),)),
            # the arithmetic
            "one bit": l1matvec(4, 10, 2, 10, IntType(0, 1)),
            "one bit, signed": l1matvec(4, 8, 2, 4, IntType(-1, 0)),
            "three bits, signed": l1matvec(4, 6, 2, 3, IntType(-4, 3)),
            "four bits, signed": l1matvec(4, 12, 2, 6, S4),
            "five bits": l1matvec(4, 6, 2, 3, IntType(0, 21)),
            "six bits, signed": l1matvec(2, 6, 2, 3, IntType(-32, 31)),
            "eight bits": l1matvec(2, 6, 2, 3, IntType(0, 255)),
            "eight bits, signed": l1matvec(2, 6, 1, 3, IntType(-128, 127), memory="block"),
            "wide weights": l1matvec(4, 6, 2, 3, IntType(0, 3), IntType(-40, 90)),
            "weights past x": l1matvec(2, 4, 1, 2, U4, IntType(20, 25)),
            "narrow weights": l1matvec(2, 6, 2, 3, IntType(0, 31), IntType(-1, 1)),
            "three levels": l1matvec(4, 6, 2, 3, IntType(0, 127), levels=3),
            "cells": l1matvec(4, 12, 2, 6, S4, primitives="xc7"),
            "cells, eight bits": l1matvec(2, 6, 2, 3, IntType(-128, 127), primitives="xc7"),
            "LUTs of four inputs": l1matvec(4, 12, 2, 6, S4, memory="block", primitives="ecp5"),
            "LUTs of four inputs, one bit": l1matvec(
                4, 12, 2, 6, IntType(0, 1), primitives="ice40", levels=1
            ),
            "cells, two bits": l1matvec(2, 12, 2, 12, IntType(0, 3), primitives="xc7"),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames at one end; nearest and farthest from each row; single elements."""
        assert isinstance(op, L1MatVec)
        t, n = op.x.type, op.cols
        ends = np.array([[t.lo] * n, [t.hi] * n])
        farthest = np.where(2 * op.weights > t.lo + t.hi, t.lo, t.hi)[:3]
        near = np.clip(op.reached[:3] + [[-1], [1], [0]][: len(op.weights)], t.lo, t.hi)
        single = np.where(np.eye(n, dtype=bool), t.hi, t.lo)[[0, -1]]
        vectors = np.concatenate([ends, farthest, op.reached[:3], near, single])
        return np.resize(vectors, (len(vectors), *op.x.shape))

    def oracle(self, op: Operator, *frames: list) -> list:
        assert isinstance(op, L1MatVec)
        (x,) = frames
        if isinstance(x[0], list) and len(op.y.shape) < len(op.x.shape):
            return self.oracle(op, np.array(x).ravel().tolist())  # the frame is one vector
        if isinstance(x[0], list):
            return [self.oracle(op, inner) for inner in x]
        return [
            sum(-abs(w - v) for w, v in zip(row, x, strict=True)) for row in op.weights.tolist()
        ]

    def test_the_range_is_reached_at_both_ends(self, op: Operator) -> None:
        assert isinstance(op, L1MatVec)
        values = op.x.type.values().tolist()
        each = [
            [sum(pick(-abs(w - v) for v in values) for w in row) for row in op.weights.tolist()]
            for pick in (min, max)
        ]
        assert (op.y.type.lo, op.y.type.hi) == (min(each[0]), max(each[1]))


def summed(op: L1MatVec, x: int) -> np.ndarray:
    """The sums ``[rows]`` of the planned bits of a matrix of one column, with starts."""
    code = int(op.x.type.encode(np.array(x)))
    planes = stored_weights(op)[:, 0]
    total = starts(op).copy()

    def value(g, row: list[int]) -> int:
        read = [row[p] if kind == "w" else code >> p & 1 for kind, _, p in g.inputs]
        return g.table >> sum(b << i for i, b in enumerate(read)) & 1

    for k, row in enumerate(planes.tolist()):
        for link in front(op.x.type, 0):
            row.append(value(link, row))
        total[k] += sum(value(g, row) << g.column for g in sum_plan(op).products.gates)
    return total


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("signed", [False, True])
def test_planned_bits_and_starts_make_the_distance(bits: int, signed: bool) -> None:
    """For weights on both sides of x's range, before any hardware; all values up to five bits."""
    half = 1 << bits - 1
    x = IntType(-half, half - 1) if signed else IntType(0, 2 * half - 1)
    rng = np.random.default_rng(bits)
    near = np.arange(x.lo - 2, x.hi + 3)
    weights = near if bits < 6 else rng.choice(near, 40)
    op = L1MatVec(
        name="l1",
        inputs=("input",),
        operands=(Tensor((1,), x),),
        weights=weights[:, None],
        impl=Impl(),
    )
    values = x.values() if bits < 6 else np.unique([x.lo, x.hi, *rng.choice(x.values(), 20)])
    for v in values.tolist():
        wrong = (summed(op, v) + np.abs(weights - v)) % (1 << op.y.type.bits)
        assert not wrong.any(), v


def test_a_gate_is_one_lut() -> None:
    for bits in range(2, 9):
        x = IntType(0, (1 << bits) - 1)
        op = l1matvec(1, 1, 1, 1, x)
        gates = (*front(x, 0), *sum_plan(op).products.gates)
        assert max(len(g.inputs) for g in gates) <= 6
        assert len(groups(x)) == (0 if bits <= 3 else -(-bits // 2))


def test_memory_holds_as_many_bits_as_x_has() -> None:
    op = l1matvec(4, 6, 2, 3, IntType(0, 3), IntType(-40, 90), vectors=(5,))
    assert op.cost().weight_bits == 4 * 6 * 2
    assert op.cost().state_bits == 2 * 6 * 2
    assert op.cost().macs == 5 * 24
    assert op.replace(impl=None).cost().cycles == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": np.ones((2, 3))}, "l1: weights must hold integers, not float64"),
        ({"weights": np.ones((2, 3), int)}, "l1: weights must have 4 columns, not 3"),
        ({"weights": np.full((2, 4), 1 << 16)}, "l1: weights must have at most 16 bits, not 17"),
        (
            {"operands": (Tensor((4,), BIPOLAR),)},
            "l1: x must be integers of at most 8 bits, not bipolar",
        ),
        (
            {"operands": (Tensor((4,), IntType(0, 256)),)},
            r"l1: x must be integers of at most 8 bits, not uint9\[0\.\.256\]",
        ),
        ({"impl": Impl(pe=3, simd=1)}, r"l1: PE must divide 2 rows, not 3 \(nearest: 2\)"),
        (
            {"impl": Impl(pe=1, simd=3)},
            r"l1: SIMD must divide 4 columns, not 3 \(nearest: 2 or 4\)",
        ),
        (
            {"impl": Impl(pe=1, simd=1, multiply="serial")},
            "l1: multiply of a l1matvec must be 'lut', not 'serial'",
        ),
        (
            {"impl": Impl(pe=2, simd=4, style="unrolled")},
            "l1: the style of l1matvec must be 'folded', not 'unrolled'",
        ),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        l1matvec(2, 4, 1, 1, IntType(0, 3)).replace(**changes)
