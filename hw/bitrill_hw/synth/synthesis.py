"""Synthesis of Verilog by Yosys: one flattened run, and one that keeps the layers apart.

Designs are synthesised to the cells of their part; units, layers and paths to those of xc7.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bitrill.errors import SpecError, ToolError
from bitrill.ir import Graph
from bitrill.parts.devices import DEFAULT_PART, part_of
from bitrill.progress import Progress
from bitrill.storage import read_bytes, read_json

from .cell_counts import CellCounts, Counts, cell_types, count
from .cell_families import CELL_FAMILIES, CellFamily, cells_of
from .critical_path import CellPath, worst_path
from .lut_levels import decides, lut_levels
from .sites import lut_sites
from .utilization import SynthReport
from .yosys import YosysRun, run, tool_name
from .yosys_json import NetlistCell, NetlistModule

TOP = "top"

CountsT = TypeVar("CountsT", bound=Counts)


def _prepare(family: CellFamily, series: str) -> str:
    """Yosys' script from the Verilog to a netlist of the family's cells."""
    return f"""\
{family.library}read_verilog design.v
{family.commands(series, TOP)}select *
write_json -selected netlist.json
"""


_WRITE = "write_verilog -noattr -selected netlist.v\n"
_XC7 = CELL_FAMILIES["xc7"]
_PREPARE = _prepare(_XC7, "")
_TOTAL = f"{_PREPARE}{_WRITE}"

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
    """Count the cells and find the worst path of a folded graph on ``part``.

    ``verilog``: its Verilog; None: made here. ``work``: folder of Yosys' files; finished
    runs of the same Verilog there are used again. Raises `SpecError` for an unknown part,
    `ToolError` for a missing, faulty or failed Yosys.
    """
    cells_of(part_of(part))
    if verilog is None:
        from ..design.verilog import verilog as write

        verilog = write(graph)
    return synthesise_verilog(verilog, part=part, work=work, progress=progress)


def synthesise_verilog(
    verilog: str, *, part: str = DEFAULT_PART, work: Path, progress: Progress | None = None
) -> SynthReport:
    """Do the same as `synthesise` for any Verilog whose top module is ``top``."""
    target = part_of(part)
    family = cells_of(target)
    if not re.search(rf"^module \\?{TOP}\b", verilog, re.MULTILINE):
        raise SpecError(f"the Verilog must have a module {TOP}, and has none")
    prepare = _prepare(family, target.series)
    whole, apart = (
        {"design.v": text, **family.sources}
        for text in (verilog, _CHILD.sub("(* keep_hierarchy *)\nmodule ", verilog))
    )
    total = YosysRun(work / "total", prepare + _WRITE, whole, ("netlist.json", "netlist.v"))
    layers = YosysRun(work / "layers", prepare, apart, ("netlist.json",))
    run([total, layers], progress=progress)
    flat = _netlist(total)[TOP]
    return SynthReport(
        part=target,
        tool=tool_name(),
        total=family.table.count(flat),
        layers=_layers(_netlist(layers), family.table.count),
        path=_worst(flat, work, progress) if family.timed else None,
        netlist=total.folder / "netlist.v",
        log=total.log,
    )


@dataclass(frozen=True)
class UnitReport:
    """Synthesis of one unit: cells, worst path, and logic levels.

    ``sites``: LUTs with the limits of carry chains (`sites.lut_sites`).
    """

    total: CellCounts
    path: CellPath | None
    levels: int
    sites: int


def synthesise_unit(verilog: str, *, work: Path) -> UnitReport:
    """Synthesise a module ``top`` flattened, its ports open."""
    total = YosysRun(work / "total", _TOTAL, {"design.v": verilog}, ("netlist.json", "netlist.v"))
    run([total])
    flat = _netlist(total)[TOP]
    return UnitReport(count(flat), _worst(flat, work), lut_levels(flat), lut_sites(flat))


def synthesise_layers(verilog: str, *, work: Path) -> dict[str, CellCounts]:
    """Count the cells of each submodule of ``top``; one run does for many small units."""
    apart = _CHILD.sub("(* keep_hierarchy *)\nmodule ", verilog)
    layers = YosysRun(work, _PREPARE, {"design.v": apart}, ("netlist.json",))
    run([layers])
    return _layers(_netlist(layers), count)


def _worst(flat: NetlistModule, work: Path, progress: Progress | None = None) -> CellPath | None:
    job = YosysRun(work / "path", _PATH, {"netlist.json": _read_outputs_only(flat)}, ("sta.txt",))
    run([job], progress=progress)
    return worst_path(read_bytes(job.folder / "sta.txt").decode(), flat)


def _layers(
    modules: dict[str, NetlistModule], counted: Callable[[NetlistModule], CountsT]
) -> dict[str, CountsT]:
    """Count the cells of each instance in ``top``, by its name, in the order of the Verilog."""
    top = modules[TOP]
    kinds = [c for c in cell_types(top) if c in modules]
    figures = {kind: counted(modules[kind]) for kind in kinds}
    return {n: figures[c["type"]] for n, c in top["cells"].items() if c["type"] in figures}


def _read_outputs_only(module: NetlistModule) -> str:
    """Return the netlist as JSON without outputs that nothing reads: `sta` would end paths there.

    Yosys knows no delays of LUTs with two outputs; each becomes two LUTs, with the inputs that each
    depends on.
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


def _halves(cells: dict[str, NetlistCell]) -> Iterator[tuple[str, NetlistCell]]:
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


def _netlist(job: YosysRun) -> dict[str, NetlistModule]:
    path = job.folder / "netlist.json"
    modules = read_json(path).get("modules", {})
    if TOP not in modules:
        raise ToolError(
            f"Yosys must write the module {TOP} to {path}, and did not", log=str(job.log)
        )
    return modules
