"""Simulates a board's netlist after synthesis, as a serial line for the driver.

The whole board is simulated, through its two pins. The PLL's model passes the crystal's clock on
and locks after some cycles; all other cells are Yosys' models. Flip-flops and memories start with
random values, though a real configuration clears them: reset must be enough.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from bitrill.errors import SpecError
from bitrill.progress import Progress, silent
from bitrill.storage import read_bytes, write_text
from bitrill_hw.synth.yosys import YosysRun, run
from bitrill_sim.netlist import cells, without_unknowns
from bitrill_sim.netlist_models import MODELS
from bitrill_sim.ports import Dut

from ..describe import describe
from ..driver import Driver, Network, SerialTransport
from ..families.small import Pll
from ..project import Project
from ..shell.uart import divisor
from ..toolchains import open_tools, pll_choice
from ..toolchains.place_route import NETLIST
from .simulated_serial import PINS, DutLine, Noise

LOCK_CYCLES = 100
"""Cycles of the crystal until the PLL's model locks."""

START_SECONDS = 100e-6
"""Time for the board's reset before the line is used."""

SIMULATED = ("ice40",)
"""Families of which whole boards can be simulated."""

_FRAME = """\
module shell(input clk, input rst, input rx, output tx);
  bitrill board(.clk(clk), .rx(rx), .tx(tx));
endmodule
"""


class NetlistLine(DutLine):
    """`SerialLine` to a board's netlist (Yosys' JSON, module ``bitrill``, ports clk, rx and tx).

    ``pll``: its PLL's setting, None if the crystal is the clock; ``divisor``: cycles per bit.
    ``change``: applied to the netlist's Verilog (to plant faults in tests); ``level``: see `Dut`.
    """

    def __init__(
        self,
        netlist: Path,
        *,
        family: str,
        pll: Pll | None,
        clock_hz: int,
        divisor: int,
        work: Path,
        seed: int = 0,
        change: Callable[[str], str] = str,
        level: str = "",
        progress: Progress = silent,
    ):
        text = change(verilog(netlist, work, progress=progress))
        parts = {
            "frame.v": _FRAME,
            "board.v": without_unknowns(text, seed=seed),
            "cells.v": models(text, family, pll),
        }
        for name, part in parts.items():
            write_text(work / name, part)
        sources = tuple(work / name for name in parts)
        dut = Dut(sources=sources, top="shell", ports=PINS, level=level)
        super().__init__(
            dut,
            work=work,
            clock_hz=clock_hz,
            divisor=divisor,
            noise=Noise(seed=seed),
            progress=progress,
        )
        self.read(START_SECONDS)


def line_of(
    project: Project,
    *,
    seed: int = 0,
    change: Callable[[str], str] = str,
    level: str = "",
    progress: Progress = silent,
) -> NetlistLine:
    """Return a line to the netlist that the open tools made in the project's folder."""
    board, work = project.board, project.folder / open_tools.WORK
    pins, family = open_tools.pins_of(board), open_tools.family_of(board)
    hz = project.clock_hz
    return NetlistLine(
        work / NETLIST,
        family=board.family,
        clock_hz=hz,
        divisor=divisor(hz, board.baud or 0),
        pll=pll_choice.pll_for(family, board, pins, project.clock_mhz),
        work=work / "simulation",
        seed=seed,
        change=change,
        level=level,
        progress=progress,
    )


def check(project: Project, x: np.ndarray, line: DutLine, *, progress: Progress = silent) -> int:
    """Run frames of integers ``x`` through the driver; return the number with any wrong bit.

    Closes ``line``.
    """
    try:
        driver = Driver(Network(describe(project.graph, project.predicted)), SerialTransport(line))
        integers, _ = driver.run(x, progress=progress)
    finally:
        line.close()
    wrong = integers.reshape(len(x), -1) != project.graph.run(x).reshape(len(x), -1)
    return int(wrong.any(1).sum())


def verilog(netlist: Path, work: Path, *, progress: Progress = silent) -> str:
    """Convert Yosys' JSON to Verilog; the same netlist is not converted twice."""
    script = "read_json netlist.json\nwrite_verilog -noattr netlist.v\n"
    text = read_bytes(netlist).decode()
    job = YosysRun(work / "verilog", script, {"netlist.json": text}, ("netlist.v",))
    run([job], progress=progress)
    return read_bytes(job.folder / "netlist.v").decode()


def models(netlist: str, family: str, pll: Pll | None) -> str:
    """Return Verilog models of every cell in a netlist."""
    if family not in SIMULATED:
        raise SpecError(f"netlists can be simulated only for {', '.join(SIMULATED)}, not {family}")
    models_of = MODELS[family]
    known = models_of.known()
    if pll is not None:
        known[pll.cell] = pll_model(pll)
    return models_of.text(cells(netlist, known), known)


def pll_model(pll: Pll) -> str:
    """Return a PLL model that passes the clock on, and locks after `LOCK_CYCLES`."""
    outputs = {pll.output, *pll.joined.values()}
    inputs = {pll.source, *pll.constants, *pll.joined}
    ports = [*(f"input {p}" for p in sorted(inputs)), *(f"output {p}" for p in sorted(outputs))]
    return "\n".join(
        [
            f"module {pll.cell}({', '.join(ports)}, output {pll.locked});",
            *(f"  parameter {name} = 0;" for name in pll.parameters),
            *(f"  assign {p} = {pll.source};" for p in sorted(outputs)),
            f"  reg [{LOCK_CYCLES.bit_length() - 1}:0] left = {LOCK_CYCLES};",
            f"  assign {pll.locked} = left == 0;",
            f"  always @(posedge {pll.source}) if (left != 0) left <= left - 1;",
            "endmodule",
            "",
        ]
    )
