"""Enables as LUTs of four inputs: each family's cell is the model, for all inputs."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from amaranth.hdl import Signal
from amaranth.sim import Simulator
from bitrill.errors import ToolError
from bitrill.parts.families import FAMILIES
from bitrill_hw.arith.enables import INIT, LUTS, READS, Enable4, enable
from bitrill_hw.synth.yosys import YosysRun, run

CELLS = {
    "ecp5": "+/lattice/common_sim.vh",
    "ice40": "+/ice40/cells_sim.v",
    "gowin": "+/gowin/cells_sim.v",
}

PROOF = """\
read_verilog -defer {cells}
read_verilog cell.v
hierarchy -check -top {name}
proc
flatten
opt_clean
rename -top primitives
design -stash primitives
read_verilog model.v
hierarchy -check -top {name}
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


def prove(family: str, text: str, work: Path) -> None:
    script = PROOF.format(cells=CELLS[family], name=f"bitrill_enable_{family}")
    model = text.replace("`ifdef SYNTHESIS", "`ifdef NEVER")
    run([YosysRun(work, script, {"cell.v": text, "model.v": model}, ("proven.txt",))])


def test_every_family_has_a_cell() -> None:
    assert set(LUTS) == {f.name for f in FAMILIES.values() if f.four_inputs} == set(CELLS)


@pytest.mark.parametrize("family", LUTS)
def test_the_cell_equals_the_model(family: str, tmp_path: Path) -> None:
    prove(family, enable(family), tmp_path)


def test_a_fault_is_seen(tmp_path: Path) -> None:
    wrong = enable("ecp5").replace(f"{INIT:04x}", f"{INIT ^ 0x100:04x}")
    with pytest.raises(ToolError, match=r"Yosys failed: .*proof did fail"):
        prove("ecp5", wrong, tmp_path)


@pytest.mark.parametrize("stages", range(1, READS + 1))
def test_the_simulated_one_equals_it_too(stages: int) -> None:
    full, behind, o = [Signal(name=f"full{k}") for k in range(stages)], Signal(), Signal()
    cell = Enable4("ecp5", full, behind, o=o)

    async def bench(ctx) -> None:
        for *bits, last in product((0, 1), repeat=stages + 1):
            for signal, bit in zip(full, bits, strict=True):
                ctx.set(signal, bit)
            ctx.set(behind, last)
            assert ctx.get(o) == (not all(bits) or last)

    simulator = Simulator(cell)
    simulator.add_testbench(bench)
    simulator.run()
