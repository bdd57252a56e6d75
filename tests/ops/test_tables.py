"""Tests of the operator `Tables`: golden model, hardware, schedule, and its LUTs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.arith.lut_tables import Lut, Mux
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Tables
from bitrill.passes.rebuild import with_operands
from ops.suite import OperatorSuite

BIT = IntType(0, 1)


def tables(
    rows: int,
    k: int,
    *,
    n: int = 12,
    x: IntType = BIT,
    out: IntType = BIT,
    seed: int = 3,
    **impl: Any,
) -> Tables:
    """A layer of random tables with random wires."""
    rng = np.random.default_rng(seed)
    return Tables(
        name="layer",
        inputs=("input",),
        operands=(Tensor((n,), x),),
        wires=np.stack([rng.permutation(n)[:k] for _ in range(rows)]),
        table=rng.choice(out.values(), (rows, 1 << k * x.bits)),
        out=out,
        impl=Impl(pe=rows, simd=n, style="unrolled", **impl),
    )


def with_table(op: Tables, *ones: str) -> Tables:
    """The same layer, its tables the values of expressions over the address bits ``a``."""
    address = np.arange(op.table.shape[1])
    a = [address >> i & 1 for i in range(op.address_bits)]
    return op.replace(table=np.stack([eval(o, {"a": a, "one": address | 1}) for o in ones]))


class TestTables(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        few = tables(3, 2, n=3)
        return {
            "six inputs, cells": tables(9, 6, primitives="xc7"),
            "two inputs": few,
            "bipolar": tables(4, 3, x=BIPOLAR, out=BIPOLAR),
            "of two bits, to three": tables(3, 2, x=IntType(-2, 1), out=IntType(-3, 4)),
            "eight inputs": tables(2, 8, primitives="xc7"),
            "eleven inputs": tables(1, 11),
            "constant, wire, inverter, twice": with_table(
                tables(5, 3), "one & 0 | 1", "a[1]", "1 - a[2]", "a[0] ^ a[2]", "a[2] ^ a[0]"
            ),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Each input alone, and all."""
        low, high = (np.full(op.x.shape, v) for v in (op.x.type.lo, op.x.type.hi))
        alone = np.where(np.eye(op.x.size, dtype=bool), op.x.type.hi, op.x.type.lo)
        return np.stack([low, high, *alone])

    def oracle(self, op: Operator, *x: Any) -> list:
        assert isinstance(op, Tables)
        signs = op.x.type == BIPOLAR
        codes = [v > 0 if signs else v % (1 << op.x.type.bits) for v in np.ravel(x[0]).tolist()]
        out = []
        for wires, table in zip(op.wires.tolist(), op.table.tolist(), strict=True):
            digits = "".join(f"{codes[w]:0{op.x.type.bits}b}" for w in reversed(wires))
            out.append(table[int(digits, 2)])
        return out


def parts(op: Tables) -> tuple[int, list[int]]:
    """The number of LUTs of tables, and the kinds of multiplexers."""
    luts = sum(isinstance(p, Lut) for p in op.plan.parts)
    return luts, sorted(p.wide for p in op.plan.parts if isinstance(p, Mux))


def test_a_table_of_up_to_six_inputs_is_one_lut() -> None:
    assert parts(tables(9, 6)) == (9, [])
    assert tables(9, 6).plan.luts == 9


def test_wide_tables_take_multiplexers_of_the_slice() -> None:
    assert parts(tables(1, 7)) == (2, [7])
    assert parts(tables(1, 8)) == (4, [7, 7, 8])
    assert parts(tables(1, 9)) == (8, [0, 7, 7, 7, 7, 8, 8])


def test_cofactors_are_shared() -> None:
    """Where two bits choose between two functions of six, only these two are LUTs."""
    a = np.arange(256) >> np.arange(8)[:, None] & 1
    six, two = a[0] & a[1] ^ a[2] & a[4] ^ a[6] & a[7], a[0] | a[7]
    luts, muxes = parts(tables(1, 8).replace(table=np.where(a[3] & a[5], six, two)[None]))
    assert luts == 2
    assert set(muxes) <= {0, 7}


def test_inputs_that_decide_nothing_cost_nothing() -> None:
    op = with_table(tables(4, 6), "one & 0", "a[3]", "a[5] & a[0]", "a[0] & a[5]")
    assert parts(op) == (2, [])
    assert op.plan.registers == 3


def test_on_another_operand_it_is_the_same_function() -> None:
    op = tables(5, 2, x=IntType(-2, 1)).replace(impl=None)
    for t in (IntType(0, 1), IntType(-3, 3)):
        other = with_operands(op, (Tensor((12,), t),))
        x = np.random.default_rng(0).integers(max(t.lo, -2), min(t.hi, 1) + 1, (20, 12))
        assert (other.eval(x) == op.eval(x)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wires": np.zeros((3, 13), int)}, "layer: a table must read 1 to 12 bits, not 13"),
        ({"wires": np.zeros((3, 0), int)}, "wires must be a non-empty array of 2 axes"),
        (
            {"wires": np.array([[0, 1], [2, 12], [3, 4]])},
            r"layer: a wire must lead to one of 12 inputs, not to input 12 \(table 1, wire 1\)",
        ),
        ({"table": np.zeros((3, 8), int)}, r"layer: tables must have shape \[3, 4\], not \[3, 8\]"),
        ({"table": np.full((3, 4), 2)}, r"layer: tables must hold values of uint1\[0\.\.1\]"),
        (
            {"impl": Impl(pe=1, simd=12, style="unrolled")},
            "layer: PE and SIMD of tables must be all 3 tables and 12 inputs, not 1 and 12",
        ),
        (
            {"impl": Impl(pe=3, simd=12)},
            "layer: the style of tables must be 'unrolled', not 'folded'",
        ),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        tables(3, 2).replace(**changes)
