"""Cells of LUT6_2 and CARRY4: the primitives, the Verilog model and Amaranth's are one function."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from amaranth.hdl import Elaboratable, Fragment, Module, Signal
from amaranth.sim import Simulator
from bitrill.errors import ToolError
from bitrill_hw.arith import cells
from bitrill_hw.memories.roms import Roms
from bitrill_hw.synth.yosys import YosysRun, run

_PROOF = """\
read_verilog +/xilinx/cells_sim.v
read_verilog cell.v
hierarchy -check -top {name} -chparam {parameter} {value}
proc
flatten
opt_clean
rename -top primitives
design -stash primitives
read_verilog model.v
hierarchy -check -top {name} -chparam {parameter} {value}
proc
flatten
opt_clean
rename -top model
design -stash model
design -copy-from primitives -as primitives primitives
design -copy-from model -as model model
miter -equiv -flatten -make_assert primitives model miter
sat -verify -prove-asserts miter
tee -o proven.txt stat
"""

CELLS = [
    ("bitrill_count7", cells.COUNT7, "N", (1, 3)),
    ("bitrill_count15", cells.COUNT15, "N", (1, 3)),
    ("bitrill_chain3", cells.CHAIN3, "W", (1, 4, 6)),
    ("bitrill_enable", cells.ENABLE, "N", (5,)),
    ("bitrill_lut2", cells.LUT2.replace("A = 0", "A = 32'h1b5e7cd3"), "N", (1, 2)),
    ("bitrill_lut2", cells.LUT2.replace("B = 0", "B = 32'h9d04e6f7"), "N", (1,)),
    ("bitrill_chain3", cells.CHAIN3.replace("E = 0", "E = 1"), "W", (1, 3, 4)),
]


def prove(name: str, text: str, parameter: str, value: int, work: Path) -> None:
    """For all inputs, what is synthesised equals what is simulated; else `ToolError`."""
    model = text.replace("`ifdef SYNTHESIS", "`ifdef NEVER")
    script = _PROOF.format(name=name, parameter=parameter, value=value)
    run([YosysRun(work, script, {"cell.v": text, "model.v": model}, ("proven.txt",))])


@pytest.mark.parametrize(("name", "text", "parameter", "values"), CELLS, ids=lambda c: str(c)[:15])
def test_primitives_equal_the_verilog_model(
    name: str, text: str, parameter: str, values: tuple[int, ...], tmp_path: Path
) -> None:
    for value in values:
        prove(name, text, parameter, value, tmp_path / str(value))


@pytest.mark.parametrize(
    ("name", "text", "old", "new"),
    [
        ("bitrill_count7", cells.COUNT7, f"{cells.PAIRS:016x}", f"{cells.PAIRS ^ 1 << 31:016x}"),
        ("bitrill_count15", cells.COUNT15, ".I3(i3[k])", ".I3(i4[k])"),
        ("bitrill_chain3", cells.CHAIN3, ".I1(clear)", ".I1(1'b0)"),
    ],
)
def test_a_fault_is_seen(name: str, text: str, old: str, new: str, tmp_path: Path) -> None:
    parameter, wrong = ("W" if "chain" in name else "N"), text.replace(old, new, 1)
    assert wrong != text
    with pytest.raises(ToolError, match=r"Yosys failed: .*proof did fail"):
        prove(name, wrong, parameter, 2, tmp_path)


def values(outputs: list[Signal], inputs: list[Signal], top: Elaboratable, rows) -> list[list[int]]:
    """The outputs in Amaranth's simulator, of each of ``rows`` of inputs."""
    seen = []

    async def bench(ctx) -> None:
        for row in rows:
            for i, v in zip(inputs, row, strict=True):
                ctx.set(i, v)
            seen.append([ctx.get(o) for o in outputs])

    simulator = Simulator(top)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("n", range(1, 8))
def test_up_to_seven_bits_are_counted(n: int) -> None:
    i = [Signal(2, name=f"i{k}") for k in range(n)]
    cell = cells.Count7(i, label="o")
    rows = [
        [a | b << 1 for a, b in zip(bits, bits[::-1], strict=True)]
        for bits in product((0, 1), repeat=n)
    ]
    for row, out in zip(rows, values(cell.o, i, cell, rows), strict=True):
        for k in range(2):
            got = sum((o >> k & 1) << place for place, o in enumerate(out))
            assert got == sum(v >> k & 1 for v in row)


def test_five_bits_and_one_of_twice_the_weight_are_counted() -> None:
    i = [Signal(name=f"i{k}") for k in range(6)]
    cell = cells.Count15(i[:5], i[5], label="o")
    rows = list(product((0, 1), repeat=6))
    for row, out in zip(rows, values(cell.o, i, cell, rows), strict=True):
        assert sum(o << k for k, o in enumerate(out)) == sum(row) + row[5]


@pytest.mark.parametrize("entry", [False, True])
def test_the_chain_adds_three_numbers_and_up_to_two_bits(entry: bool) -> None:
    a, b, c, s = (Signal(4, name=n) for n in "abcs")
    m, n, clear = Signal(name="m"), Signal(name="n"), Signal(name="clear")
    cell = cells.Chain3(c, a, b, m, n if entry else None, clear, s=s)
    rows = [
        (x, y, z, u, v, w)
        for x in (0, 5, 15)
        for y in range(16)
        for z in (0, 7, 9, 15)
        for u in (0, 1)
        for v in (0, 1)
        for w in (0, 1)
    ]
    for row, out in zip(rows, values([s], [c, a, b, m, n, clear], cell, rows), strict=True):
        x, y, z, u, v, w = row
        assert out == [(x * (1 - w) + y + z + u + v * entry) % 16]


def test_verilog_holds_each_cell_once_and_names_no_source() -> None:
    class Two(Elaboratable):
        def elaborate(self, _) -> Module:
            m = Module()
            i = [Signal(3, name=f"i{k}") for k in range(7)]
            m.submodules.a, m.submodules.b = cells.Count7(i, label="a"), cells.Count7(i, label="b")
            return m

    top = Two()
    platform = Roms()
    Fragment.get(top, platform)
    assert list(platform.modules) == ["bitrill_count7"]
    assert ".py" not in cells.COUNT7
