"""Cells of LUT6_2 and CARRY4: the primitives, the Verilog model and Amaranth's are one function."""

from __future__ import annotations

from pathlib import Path

import pytest
from amaranth.hdl import Elaboratable, Fragment, Module, Signal
from amaranth.sim import Simulator
from bitrill.errors import ToolError
from bitrill_hw.arith import cells
from bitrill_hw.memories.roms import Roms
from bitrill_hw.synth.yosys import YosysRun, run

_SIDE = """\
read_verilog -defer +/xilinx/cells_sim.v
read_verilog {side}.v
hierarchy -check -top {name} {parameters}
proc
flatten
opt_clean
rename -top {side}
design -stash {side}
"""

_EQUAL = """\
design -copy-from primitives -as primitives primitives
design -copy-from model -as model model
miter -equiv -flatten -make_assert primitives model miter
sat -verify -prove-asserts miter
tee -o proven.txt stat
"""

CELLS = [
    ("bitrill_enable", cells.ENABLE, {"N": "5"}),
    ("bitrill_lut2", cells.LUT2.replace("A = 0", "A = 32'h1b5e7cd3"), {"N": "1"}),
    ("bitrill_lut2", cells.LUT2.replace("A = 0", "A = 32'h1b5e7cd3"), {"N": "2"}),
    ("bitrill_lut2", cells.LUT2.replace("B = 0", "B = 32'h9d04e6f7"), {"N": "1"}),
]


def prove(name: str, text: str, parameters: dict[str, str], work: Path) -> None:
    """Prove that cells and model agree for all inputs; raise `ToolError` if not."""
    told = " ".join(f"-chparam {k} {v}" for k, v in parameters.items())
    sides = {
        "primitives": text.replace("`ifdef SYNTHESIS", "`ifndef NEVER"),
        "model": text.replace("`ifdef SYNTHESIS", "`ifdef NEVER"),
    }
    script = "".join(_SIDE.format(side=s, name=name, parameters=told) for s in sides) + _EQUAL
    run([YosysRun(work, script, {f"{s}.v": t for s, t in sides.items()}, ("proven.txt",))])


@pytest.mark.parametrize(("name", "text", "parameters"), CELLS, ids=lambda c: str(c)[:15])
def test_primitives_equal_the_verilog_model(
    name: str, text: str, parameters: dict[str, str], tmp_path: Path
) -> None:
    prove(name, text, parameters, tmp_path)


def test_a_fault_is_seen(tmp_path: Path) -> None:
    wrong = cells.ENABLE.replace(".I2(valid[2])", ".I2(valid[1])")
    with pytest.raises(ToolError, match=r"Yosys failed: .*proof did fail"):
        prove("bitrill_enable", wrong, {"N": "5"}, tmp_path)


def values(outputs: list[Signal], inputs: list[Signal], top: Elaboratable, rows) -> list[list[int]]:
    """The outputs in Amaranth's simulator for each of ``rows`` of inputs."""
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


def test_verilog_holds_each_cell_once_and_names_no_source() -> None:
    class Two(Elaboratable):
        def elaborate(self, _) -> Module:
            m = Module()
            i = [Signal(name=f"i{k}") for k in range(5)]
            for label in "ab":
                m.submodules[label] = cells.Enable(i, i[0], o=Signal(name=label))
            return m

    top = Two()
    platform = Roms()
    Fragment.get(top, platform)
    assert list(platform.modules) == ["bitrill_enable"]
    assert ".py" not in cells.ENABLE
