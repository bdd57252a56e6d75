"""Comparators that contain their constants: tables, cell and model are one function."""

from __future__ import annotations

from pathlib import Path

import pytest
from amaranth.hdl import Fragment, Module, Signal, signed, unsigned
from bitrill.errors import ToolError
from bitrill_hw.arith.reached import REACHED, Limit, Places, Reached, reached_one
from hw.arith.test_cells import prove, values

LIMITS = {
    "one bit": (signed(8), (-3, 17)),
    "four words": (signed(8), (-128, 128, 0, 127)),
    "falling": (signed(6), (-32, 32, -5, -6, 8, 31)),
    "unsigned": (unsigned(5), (0, 32, 7, 16, 1)),
    "low bits do not matter": (unsigned(6), (8, 48, 24, 64)),
    "sixteen": (signed(5), (*range(-16, 16, 2),)),
    "top bit alone": (signed(4), (0, 0)),
}


def comparator(name: str, falls: bool) -> Places:
    shape, at = LIMITS[name]
    limits = [Limit(a, falls and k % 2 == 0) for k, a in enumerate(at)]
    return Places(shape, (len(at) - 1).bit_length(), limits)


def by_tables(cell: Places, tables: tuple[int, int], x: int, turn: int) -> bool:
    """The carry out of the places, from the tables as a LUT reads them."""
    equal, past = tables
    code = (x & (1 << cell.bits) - 1) >> cell.skipped
    carry = True
    for place in range(cell.n):
        v = code >> place * cell.each & (1 << cell.each) - 1
        index = 32 * place + (turn << cell.each | v)
        carry = carry if equal >> index & 1 else bool(past >> index & 1)
    return carry


@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize("name", LIMITS)
def test_tables_and_model_hold_what_the_limits_say(name: str, falls: bool) -> None:
    cell = comparator(name, falls)
    rows = [
        (x, turn)
        for x in range(cell.lo, cell.lo + (1 << cell.bits))
        for turn in range(len(cell.limits))
    ]
    x = Signal(LIMITS[name][0], name="x")
    turn, o = Signal(range(len(cell.limits)), name="turn"), Signal(name="o")
    m = Module()
    m.submodules.cell = Reached(x, turn, cell.limits, o=o)
    tables = cell.tables()
    for row, (seen,) in zip(rows, values([o], [x, turn], m, rows), strict=True):
        assert cell.limits[row[1]].holds(row[0]) == seen == by_tables(cell, tables, *row), row


@pytest.mark.parametrize(
    ("name", "places"),
    [("one bit", 2), ("four words", 3), ("sixteen", 4), ("low bits do not matter", 1)],
)
def test_a_place_takes_the_inputs_that_are_left(name: str, places: int) -> None:
    assert comparator(name, False).n == places


def test_what_always_or_never_holds_is_no_cell() -> None:
    m = Module()
    x, turn = Signal(signed(4), name="x"), Signal(1, name="turn")
    assert reached_one(m, x, turn, [Limit(-8), Limit(8, True)], name="o").value == 1  # pyright: ignore
    assert reached_one(m, x, turn, [Limit(8), Limit(-8, True)], name="o").value == 0  # pyright: ignore
    assert not Fragment.get(m, None).subfragments


def text(cell: Places) -> str:
    """The module with the tables of ``cell``."""
    equal, past = cell.tables()
    return (
        REACHED.replace("D = 2", f"D = {cell.each}")
        .replace("P = 0", f"P = {32 * cell.n}'h{equal:x}")
        .replace("G = 0", f"G = {32 * cell.n}'h{past:x}")
    )


@pytest.mark.parametrize("name", ["one bit", "four words", "sixteen"])
def test_primitives_equal_the_verilog_model(name: str, tmp_path: Path) -> None:
    cell = comparator(name, True)
    prove("bitrill_reached", text(cell), {"N": str(cell.n)}, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [(".O6(p[k]), .O5(g[k])", ".O6(g[k]), .O5(p[k])"), ("k == 0 ? 1'b1 : 1'b0", "1'b0")],
)
def test_a_fault_is_seen(old: str, new: str, tmp_path: Path) -> None:
    cell = comparator("four words", True)
    assert old in REACHED
    with pytest.raises(ToolError, match=r"Yosys failed: .*proof did fail"):
        prove("bitrill_reached", text(cell).replace(old, new), {"N": str(cell.n)}, tmp_path)
