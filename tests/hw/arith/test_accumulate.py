"""Sums with cells of the 7 series: the same operators, to the cycle, in every simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.arith.accumulate import sum_plan
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Depthwise, MatVec
from bitrill_hw.arith.gates import diagram
from bitrill_hw.design.build import component
from bitrill_hw.memories.roms import convert
from bitrill_sim import verify_operator
from ops.suite import check, hardware
from support import nightly, optional_tool

TERNARY = IntType(-1, 1)
LOG = IntType(0, 64, "log2")
BOOK = IntType.of_entries((-128, -101, -77, -60, -40, -21, -11, -3, 0, 3, 13, 29, 43, 64, 91, 127))


def matvec(cols: int, simd: int, weight: IntType, x: IntType, memory: Any = "block") -> MatVec:
    return MatVec(
        name="fc",
        inputs=("input",),
        operands=(Tensor((cols,), x),),
        weight_type=weight,
        weights=np.random.default_rng(cols).choice(weight.values(), (4, cols)),
        impl=Impl(pe=2, simd=simd, memory=memory, primitives="xc7"),
    )


def depthwise() -> Depthwise:
    return Depthwise(
        name="dw",
        inputs=("input",),
        operands=(Tensor((24,), IntType(-8, 7)),),
        weights=np.random.default_rng(2).choice(IntType(-8, 7).values(), (4, 6)),
        weight_type=IntType(-8, 7),
        impl=Impl(pe=2, simd=2, primitives="xc7"),
    )


OPERATORS = {
    "agreements": matvec(64, 32, BIPOLAR, BIPOLAR),
    "agreements, distributed": matvec(32, 16, BIPOLAR, BIPOLAR, "distributed"),
    "agreements, one step": matvec(19, 19, BIPOLAR, BIPOLAR),
    "bipolar, four bits": matvec(64, 32, BIPOLAR, IntType(0, 15)),
    "ternary, two bits": matvec(24, 12, TERNARY, IntType(0, 3)),
    "four by four bits": matvec(16, 8, IntType(-8, 7), IntType(-8, 7)),
    "powers of two, four bits": matvec(16, 8, IntType(-4, 4, "pot"), IntType(0, 15)),
    "a shifter of four bits": matvec(16, 8, IntType(-64, 64, "pot"), IntType(-8, 7)),
    "channels": depthwise(),
}
MORE = {
    "16 entries, four bits": matvec(16, 8, BOOK, IntType(-8, 7)),
    "signs of powers of two": matvec(16, 8, BIPOLAR, LOG),
    "int4 by powers of two": matvec(16, 8, IntType(-7, 7), LOG, "distributed"),
    "channels of powers of two": depthwise().replace(operands=(Tensor((24,), LOG),)),
}
"""Of the same cells."""


def kinds() -> set[tuple[int, int]]:
    """Inputs of all counters of `OPERATORS`, and whether their chains have a place for a bit."""
    plans = [sum_plan(op) for op in OPERATORS.values() if isinstance(op, MatVec)]
    return {(len(c.inputs), len(c.above)) for p in plans for c in p.counters} | {
        (-1, int(p.carry)) for p in plans
    }


def test_every_kind_of_cell_is_among_them() -> None:
    assert kinds() >= {(7, 0), (6, 0), (5, 1), (3, 0), (-1, 0), (-1, 1)}


@pytest.mark.parametrize("stall", ["free", "bursty", *nightly("random", "starved", "blocked")])
@pytest.mark.parametrize("op", (OPERATORS | MORE).values(), ids=(OPERATORS | MORE).keys())
def test_cells_change_neither_values_nor_cycles(op: Operator, stall: str) -> None:
    check(op, hardware(op), corners(op), stall)


@pytest.mark.parametrize("name", ["four by four bits", *nightly("agreements, distributed")])
def test_verilog_with_cells_equals_golden(name: str, tmp_path: Path) -> None:
    op = OPERATORS[name]
    verify_operator(op, corners(op), engine="verilator", stall=0.3, work=tmp_path).check()
    assert "CARRY4" in (tmp_path / f"{op.name}.v").read_text()


@pytest.mark.parametrize("name", ["agreements, one step"])
def test_verilog_with_cells_in_icarus(name: str, tmp_path: Path) -> None:
    optional_tool("iverilog")
    op = OPERATORS[name]
    verify_operator(op, corners(op), engine="icarus", stall=0.3, work=tmp_path).check()


@pytest.mark.nightly
@pytest.mark.parametrize("name", OPERATORS)
def test_all_verilog_with_cells_in_icarus(name: str, tmp_path: Path) -> None:
    test_verilog_with_cells_in_icarus(name, tmp_path)


def corners(op: Operator) -> np.ndarray:
    """Inputs that all lie at one end of the range, then random ones."""
    t, shape = op.x.type, op.x.shape
    noise = np.random.default_rng(5).choice(t.values(), (6, *shape))
    return np.concatenate([np.full((1, *shape), t.lo), np.full((1, *shape), t.hi), noise])


def test_portable_verilog_names_no_cell() -> None:
    op = OPERATORS["four by four bits"]
    plain = op.replace(impl=Impl(pe=2, simd=8, memory="block"))
    text = convert(component(plain))
    assert "CARRY4" not in text
    assert "bitrill_" not in text


@pytest.mark.parametrize("op", OPERATORS.values(), ids=OPERATORS.keys())
def test_time_is_that_of_plain_logic(op: Operator) -> None:
    plain = op.replace(impl=Impl(pe=2, simd=op.folded.simd, memory=op.folded.memory))
    for ours, other in zip(op.schedule().rules, plain.schedule().rules, strict=True):
        assert (ours.delay, ours.index.tolist()) == (other.delay, other.index.tolist())


def test_diagrams_are_their_tables() -> None:
    rng = np.random.default_rng(4)
    for n in range(1, 7):
        for table in (0, (1 << (1 << n)) - 1, 1, *(int(t) for t in rng.integers(0, 1 << 62, 20))):
            nodes, root = diagram(table & (1 << (1 << n)) - 1, n)
            for index in range(1 << n):
                edge = root
                while edge > 1:
                    i, low, high = nodes[edge >> 1]
                    edge = (high if index >> i & 1 else low) ^ edge & 1
                assert edge == table >> index & 1
