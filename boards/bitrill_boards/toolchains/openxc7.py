"""Makes bitstreams for Zynq-7000 boards with openXC7: Yosys, nextpnr-xilinx and Project X-Ray.

    bitrill.v    the board's top: the primitive PS7 and the shell around the network's top.v
    bitrill.ys   Yosys' script           work/      intermediate files and logs
    build.sh     the same by hand

Yosys runs from its wheel. The other tools must be on PATH; OPENXC7_CHIPDB and PRJXRAY_DB_DIR name
their databases.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from bitrill.errors import ToolError
from bitrill.storage import read_bytes, read_json, remove, write_bytes
from bitrill_hw.synth import CELL_FAMILIES, CellCounts, count, yosys

from ..board import Board
from ..project import STEM, Progress, Project, ToolchainResult
from ..shell.ps7_ports import declaration
from ..shell.ps7_top import CLOCK
from . import native, ps7_project
from .fit import fit_error, timing_error

WORK = "work"
SCRIPT, NETLIST, SPLIT, CELL = f"{STEM}.ys", "netlist.json", "lut6_2.v", "ps7.v"
FASM, FRAMES, BITSTREAM = f"{STEM}.fasm", f"{STEM}.frames", f"{STEM}.bit"
MAPPED = "mapped.json"
"""Netlist in which cells are counted, before LUTs with two outputs are split."""

PLACER, ASSEMBLER, PACKER = "nextpnr-xilinx", "fasm2frames", "xc7frames2bit"
PROGRAMS = (PLACER, ASSEMBLER, PACKER)
CHIPDB, DATABASE = "OPENXC7_CHIPDB", "PRJXRAY_DB_DIR"
HOME = "https://github.com/openXC7/toolchain-installer"

PHASES = (("Info: Packing", "packing"), ("Info: Placed", "placing"), ("Info: Routing", "routing"))
# there is one clock; releases name it after different nets
_FMAX = re.compile(r"Max frequency for clock\s+'[^']*':\s*([\d.]+) MHz")

# Releases of nextpnr-xilinx before 2026 have no cell with two outputs.
_SPLIT = """\
module LUT6_2(output O6, O5, input I0, I1, I2, I3, I4, I5);
  parameter [63:0] INIT = 0;
  LUT6 #(.INIT(INIT)) six (.O(O6), .I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4), .I5(I5));
  LUT5 #(.INIT(INIT[31:0])) five (.O(O5), .I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4));
endmodule
"""

LIBRARY = {SPLIT: _SPLIT, CELL: declaration()}
"""Files that Yosys reads in addition to the design."""


def files(project: Project) -> Mapping[str, str]:
    """See `bitrill_boards.project.Toolchain`."""
    return {
        **ps7_project.common_files(project),
        ps7_project.CONSTRAINTS: constraints(project),
        SCRIPT: script(),
        **LIBRARY,
        "build.sh": _build_sh(project),
    }


def make(project: Project, progress: Progress) -> ToolchainResult:
    """See `bitrill_boards.project.Toolchain`. All missing tools are reported before one runs."""
    tools = Tools.find(project.board)
    folder, work = project.folder, project.folder / WORK
    remove(folder / BITSTREAM)
    sources = {n: read_bytes(folder / n).decode() for n in ps7_project.SOURCES}
    used = synthesise(sources, project.board, work, progress)
    large = fit_error(project.graph.name, project.board, used)
    if large is not None:
        raise large
    write_bytes(work / ps7_project.CONSTRAINTS, read_bytes(folder / ps7_project.CONSTRAINTS))
    fmax = _place(project, tools, used, work, progress)
    for k, (words, result) in enumerate(tools.packing(project.board.part)):
        progress(words[0], k, 2)
        native.run(words, work, (result,))
    write_bytes(folder / BITSTREAM, read_bytes(work / BITSTREAM))
    return ToolchainResult(BITSTREAM, fmax, used)


def readme(project: Project) -> str:
    """See `bitrill_boards.project.Toolchain`."""
    return f"""\
## The bitstream, by openXC7

`sh build.sh` makes `{BITSTREAM}` with `yosys`, {", ".join(f"`{p}`" for p in PROGRAMS)}
on PATH ({HOME}). `{CHIPDB}` is nextpnr-xilinx'
database of the chip, `{chipdb_name(project.board)}`, or the folder with it; `{DATABASE}` is Project
X-Ray's database, the folder with `{ps7_project.FAMILY}`.
`bitrill build` runs the same, with Yosys from its wheel; `work/` has the tools' files. Their timing
model is rough: leave some slack, and run the self-test on the board.

{ps7_project.set_up(project)}"""


def script() -> str:
    """Return Yosys' script.

    ROM tables stay separate modules until LUTs are mapped. Only the needed primitives are read,
    because the whole library takes seconds. Yosys' ``$scopeinfo`` cells are removed, because
    nextpnr-xilinx does not know them.
    """
    return f"""\
read_verilog -lib -specify +/xilinx/cells_sim.v
read_verilog -lib {CELL}
read_verilog {" ".join(ps7_project.SOURCES)}
{CELL_FAMILIES["xc7"].commands("", STEM)}check -assert
select *
write_json -selected {MAPPED}
select -clear
delete t:$scopeinfo
techmap -map {SPLIT}
clean
select *
write_json -selected {NETLIST}
"""


def constraints(project: Project) -> str:
    """Return ``bitrill.xdc``: the clock, at the net that the clock buffer drives."""
    period = ps7_project.period_ns(ps7_project.clock(project).mhz)
    return f"create_clock -period {period} [get_nets {CLOCK}]\n"


def synthesise(
    sources: Mapping[str, str], board: Board, work: Path, progress: Progress
) -> dict[str, tuple[int, int]]:
    """Write ``netlist.json``; returns ``{resource: (used, available)}``."""
    job = yosys.YosysRun(work, script(), {**sources, **LIBRARY}, (MAPPED, NETLIST))
    yosys.run([job], progress=lambda *_: progress("synthesis by Yosys", 0, 0))
    cells = read_json(work / MAPPED)["modules"][STEM]
    n: CellCounts = count(cells, ignore=("PS7",))
    taken = {"lut": n.lcs, "ff": n.ff, "bram": n.ramb36 + (n.ramb18 + 1) // 2, "dsp": n.dsp}
    return {r: (k, getattr(board.resources, r)) for r, k in taken.items()}


def chipdb_name(board: Board) -> str:
    """Return the name of nextpnr-xilinx' database of a part: ``xc7z020clg400.bin``."""
    return f"{board.part.rpartition('-')[0] or board.part}.bin"


@dataclass(frozen=True)
class Tools:
    """Paths of nextpnr-xilinx' database of the chip, and of Project X-Ray's of the family."""

    chipdb: str
    database: str

    @staticmethod
    def find(board: Board) -> "Tools":
        """Find the databases; raise a single `ToolError` that names everything missing."""
        lacks = [f"{name} on PATH" for name in native.absent(PROGRAMS)]
        chipdb = Path(os.environ.get(CHIPDB, "")).absolute()
        if not os.environ.get(CHIPDB):
            lacks.append(f"the variable {CHIPDB} ({chipdb_name(board)}, or its folder)")
        else:
            chipdb = chipdb / chipdb_name(board) if chipdb.is_dir() else chipdb
            if not chipdb.is_file():
                lacks.append(f"the database {chipdb} ({CHIPDB})")
        database = Path(os.environ.get(DATABASE, "")).absolute() / ps7_project.FAMILY
        if not os.environ.get(DATABASE):
            lacks.append(f"the variable {DATABASE} (the folder that holds {ps7_project.FAMILY})")
        elif not (database / board.part / "part.yaml").is_file():
            lacks.append(f"part {board.part} in {database} ({DATABASE})")
        if lacks:
            raise ToolError(
                f"openXC7 is incomplete; missing: {'; '.join(lacks)}; see {HOME}",
                missing=True,
                lacks=lacks,
            )
        return Tools(str(chipdb), str(database))

    def placement(self, seed: int, mhz: Fraction) -> list[str]:
        return [
            PLACER,
            "--chipdb",
            self.chipdb,
            "--xdc",
            ps7_project.CONSTRAINTS,
            "--json",
            NETLIST,
            "--fasm",
            FASM,
            "--seed",
            str(seed),
            "--freq",
            f"{float(mhz):g}",
        ]

    def packing(self, part: str) -> list[tuple[list[str], str]]:
        """Return the commands that pack the bitstream, and the file that each of them writes."""
        description = f"{self.database}/{part}/part.yaml"
        return [
            ([ASSEMBLER, "--db-root", self.database, "--part", part, FASM, FRAMES], FRAMES),
            (
                [
                    PACKER,
                    "--part_file",
                    description,
                    "--part_name",
                    part,
                    "--frm_file",
                    FRAMES,
                    "--output_file",
                    BITSTREAM,
                ],
                BITSTREAM,
            ),
        ]


def _place(
    project: Project, tools: Tools, used: dict[str, tuple[int, int]], work: Path, progress: Progress
) -> float:
    """Place and route; return the clock reached in MHz, or raise if it is too low."""
    log = work / f"{PLACER}.log"

    def watch() -> None:
        text = log.read_text(errors="replace")
        reached = [k for k, (start, _) in enumerate(PHASES) if f"\n{start}" in text]
        done = max(reached, default=0)
        progress(f"{PLACER}: {PHASES[done][1]}", done, len(PHASES))

    words = tools.placement(project.seed, project.clock_mhz)
    failed: ToolError | None = None
    try:
        native.run(words, work, (FASM,), watch=watch)
    except ToolError as error:  # for some releases, a design that is too slow is an error
        failed = error
    rates = _FMAX.findall(log.read_text(errors="replace"))
    fmax = float(rates[-1]) if rates else None
    if fmax is not None:
        _require_clock(project, fmax, used, failed)
    if failed is not None:
        said = native.message(log) or ""
        raise fit_error(project.graph.name, project.board, used, said) or failed
    if fmax is None:
        raise ToolError(f"{PLACER} did not report the fastest clock (log: {WORK}/{log.name})")
    return fmax


def _require_clock(
    project: Project, fmax: float, used: dict[str, tuple[int, int]], cause: ToolError | None
) -> None:
    name, board, asked = project.graph.name, project.board, project.clock_mhz
    slower = ps7_project.processing().below(board, Fraction(fmax)).mhz
    late = timing_error(name, board, asked, fmax, slower, used)
    if late is not None:
        raise late from cause


def _build_sh(project: Project) -> str:
    board, tools = project.board, Tools("$chipdb", "$database")
    commands = [
        tools.placement(project.seed, project.clock_mhz),
        *(words for words, _ in tools.packing(board.part)),
    ]
    text = "\n".join(
        " ".join(f'"{w}"' if "$" in w else shlex.quote(w) for w in words) for words in commands
    )
    return f"""\
#!/bin/sh
# {BITSTREAM} with openXC7 ({HOME})
set -eu
: "${{{CHIPDB}:?must be {chipdb_name(board)} of nextpnr-xilinx, or its folder}}"
: "${{{DATABASE}:?must be the folder of Project X-Ray's database that holds {ps7_project.FAMILY}}}"
chipdb=$(realpath "${CHIPDB}")
test -d "$chipdb" && chipdb=$chipdb/{chipdb_name(board)}
database=$(realpath "${DATABASE}")/{ps7_project.FAMILY}
cd "$(dirname "$0")"
mkdir -p {WORK}
cp {" ".join((*ps7_project.SOURCES, *LIBRARY, SCRIPT, ps7_project.CONSTRAINTS))} {WORK}
cd {WORK}
yosys -q -l yosys.log -s {SCRIPT}
{text}
mv {BITSTREAM} ..
"""
