"""Verifies a netlist after synthesis: simulates what Yosys made of the Verilog.

Some versions of Yosys break correct designs (Yosys issue 6058: a shift register goes on shifting
while the pipeline stalls), so the netlist runs with stalls on both sides. Its cells are modelled by
Yosys' own ``cells_sim.v``, with exceptions: see `netlist_models`.
"""

import re
from collections.abc import Container
from pathlib import Path

import numpy as np
from bitrill.errors import ToolError
from bitrill.ir.graph import Graph
from bitrill.progress import Progress, silent
from bitrill.storage import read_bytes, write_text

from .netlist_models import MODELS
from .outcome import Report
from .ports import Dut, edges
from .verification import verify

STALL = 0.5
"""Share of cycles in which source and sink pause; the known faults show only under stalls."""

_INSTANCE = re.compile(r"^  ([A-Z]\w*) (?=#\(|[\w\\])", re.MULTILINE)
_UNKNOWN = re.compile(r"\b(\d+'[bh])([0-9a-f]*x[0-9a-fx]*)\b")


def check(
    graph: Graph,
    netlist: Path,
    x: np.ndarray,
    *,
    family: str = "xc7",
    work: Path,
    stall: float = STALL,
    seed: int = 0,
    progress: Progress = silent,
) -> Report:
    """Verify a netlist after synthesis (``SynthReport.netlist``): outputs, and their cycles.

    ``x``: integers as `Graph.run` takes; ``family``: the family of its cells, a name in
    `netlist_models.MODELS`; ``work``: folder for models and simulators. A difference is reported
    as by `bitrill_sim.verify`. Raises `ToolError` if a tool is missing or a cell has no model.
    """
    text = read_bytes(netlist).decode()
    cells, models = work / "netlist.v", work / "cells.v"
    write_text(cells, without_unknowns(text, seed=seed))
    write_text(models, cell_models(text, family))
    dut = Dut(sources=(cells, models), ports=edges(graph))
    return verify(graph, dut, x, stall=stall, seed=seed, work=work, progress=progress)


def without_unknowns(netlist: str, *, seed: int) -> str:
    """Replace each don't-care digit x in the netlist's constants by a random digit.

    Verilator would replace the whole constant, its known digits included.
    """
    random = np.random.default_rng(seed)

    def known(constant: re.Match[str]) -> str:
        digits = random.integers(0, 16 if constant[1].endswith("h") else 2, len(constant[2]))
        pairs = zip(constant[2], digits.tolist(), strict=True)
        return constant[1] + "".join(f"{d:x}" if c == "x" else c for c, d in pairs)

    return _UNKNOWN.sub(known, netlist)


def cell_models(netlist: str, family: str = "xc7") -> str:
    """Return Verilog models of every primitive that a netlist instantiates."""
    models = MODELS[family]
    known = models.known()
    return models.text(cells(netlist, known), known)


def cells(netlist: str, known: Container[str]) -> list[str]:
    """Return the primitives that a netlist instantiates; raises `ToolError` for unknown ones."""
    used = sorted(set(_INSTANCE.findall(netlist)))
    unknown = [name for name in used if name not in known]
    if unknown:
        raise ToolError(f"the netlist holds cells that have no model: {', '.join(unknown)}")
    return used
