"""Makes ``bitrill.bit`` and ``bitrill.hwh`` with Vivado and a block design, for all Zynq boards."""

from collections.abc import Mapping

from bitrill.errors import SpecError
from bitrill_hw.memories.roms import convert

from ..board import Board
from ..driver.fpga_manager import NAME as FIRMWARE
from ..driver.zynq_clocks import Divided, crystal
from ..families.zynq import Processing, decimals, families
from ..project import Progress, Project, ToolchainResult
from ..shell.zynq_shell import ZynqShell
from . import tcl, vivado_run
from .overlay import overlay
from .ps7_project import base
from .wrapper import SHELL, wrapper

STEPS = 5 + tcl.IMPLEMENT_STEPS


def files(project: Project) -> Mapping[str, str]:
    """Return ``shell.v``, ``bitrill.v`` (its wrapper), ``build.tcl``, ``bitrill.xdc`` and
    ``bitrill.dts``."""
    ps, made = _processing(project)
    shell = ZynqShell(project.edges, address=ps.address)
    size = 1 << shell.register_bits
    return {
        "shell.v": convert(shell, name=SHELL),
        "bitrill.v": wrapper(shell),
        "build.tcl": script(project, ps, made, size),
        "bitrill.xdc": constraints(project),
        "bitrill.dts": overlay(ps, base(project.board), size, round(made.mhz * 10**6), FIRMWARE),
    }


def make(project: Project, progress: Progress) -> ToolchainResult:
    """Run Vivado on ``build.tcl``."""
    return vivado_run.run(project, progress, also=(vivado_run.HANDOFF,))


def script(project: Project, ps: Processing, made: Divided, size: int) -> str:
    """Return ``build.tcl``: this project's variables, then the common scripts."""
    board = project.board
    variables = {
        "steps": str(STEPS),
        "wanted": board.part,
        "presets": board.presets,
        "install": _install(board),
        "clock_mhz": decimals(made.mhz),
        "base": hex(base(board)),
        "size": hex(size),
        "directive": tcl.directive(project.seed),
        "also": (vivado_run.HANDOFF,),
        "ps_ip": ps.ip,
        "ps_automation": ps.automation,
        "ps_config": _properties(ps.properties(made)),
        "ps_bare": _properties({ps.crystal_key: decimals(crystal(board.crystal_mhz))}),
        "ps_actual": ps.actual_key,
        "ps_clock": ps.clock,
        "ps_reset": ps.reset,
        "ps_port_clocks": [f"ps/{pin}" for pin in ps.port_clocks],
        "ps_control": ps.control,
        "ps_memory": ps.memory,
        "ps_interrupt": ps.interrupt,
        "ps_segments": ps.segments,
        "ps_ddr": ps.ddr,
    }
    return "\n".join(
        [
            "# The bitstream, in this folder:",
            "#     vivado -mode batch -source build.tcl [-tclargs part-only]",
            "# part-only needs no board files: for boards where Linux has set up memory and pins.",
            "# Exit codes: 3 something is missing, 4 a step failed, 5 timing is not met.",
            tcl.head(variables),
            tcl.text("common"),
            tcl.text("block_design"),
            tcl.text("implement"),
        ]
    )


def constraints(project: Project) -> str:
    """Return ``bitrill.xdc``, which writes the network's digest into the bitstream.

    The clock needs no constraint here: the processing system's block has one.
    """
    digest = project.edges.digest.hex()
    return f"""\
# The network's digest begins with {digest}: its first half is in the bitstream's
# header (UserID) and comes back as USERCODE over JTAG.
set_property BITSTREAM.CONFIG.USERID 0x{digest[:8].upper()} [current_design]
# equal frames are stored once: unused parts of the chip need not be loaded
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
"""


def readme(project: Project) -> str:
    """Return the README's section on these files, in Markdown."""
    board = project.board
    mhz = decimals(_processing(project)[1].mhz)
    return f"""\
## The bitstream, with Vivado

Needs AMD Vivado 2020.1 or later with the devices of `{board.part}`.
In this folder, after Vivado's `settings64.sh`:

    {" ".join(vivado_run.command("build.tcl"))}

{_presets(board)}

It writes `bitrill.bit` and `bitrill.hwh` (PYNQ needs both with the same name), `timing.rpt`,
`utilization.rpt` and `result.json`, or exits with 3 (something is missing), 4 (a step failed) or
5 (timing is not met); the reason is in `vivado.log`. It writes a bitstream only if timing is met
and every path is constrained. If Vivado is on another computer, run it there on a copy of this
folder, then copy `bitrill.bit` and `bitrill.hwh` back into this one.

## On the board

- Registers are at {base(board):#x}, the network's clock is {mhz} MHz. The driver sets
  it from the PLL's present rate; if you load the bitstream by other means, set
  {"FCLK0" if board.family == "zynq7" else "PL0"} yourself, no higher.
- Copy this folder to the board (or to its SD card). The driver needs Python 3.8 and numpy, and
  root's rights for memory; with PYNQ it uses `bitrill.bit` and `bitrill.hwh`.
- Bare Linux: `bitrill.dts` is a device-tree overlay (registers as UIO, a buffer as u-dma-buf, the
  bitstream by its name `{FIRMWARE}` in `/lib/firmware`):
  `dtc -@ -I dts -O dtb -o bitrill.dtbo bitrill.dts`, and the kernel's argument
  `uio_pdrv_genirq.of_id=generic-uio`.
"""


def _presets(board: Board) -> str:
    if not board.presets:
        return (
            "There are no board files for this board: memory and pins stay as its boot loader\n"
            "and Linux have set them up."
        )
    where = "come with Vivado" if board.in_vivado else "do not come with it"
    names = "".join(f"- `{name}`\n" for name in board.presets)
    return f"""\
It uses the first of these board files that is installed (they {where}):

{names}
Without them, or if the board's Linux has already set up memory and pins: add
`-tclargs part-only`, or set `BITRILL_PART_ONLY=1` for `bitrill build`."""


def _install(board: Board) -> str:
    """Return the message that says how to install missing board files."""
    short = board.presets[0].partition(":")[2] if board.presets else board.name
    return (
        f"board files of {board.name} ({' or '.join(board.presets)}) are not installed in Vivado:"
        " in its Tcl console, xhub::refresh_catalog [xhub::get_xstores xilinx_board_store],"
        f" then xhub::install [xhub::get_xitems *{short}*]"
        " (or copy them from https://github.com/Xilinx/XilinxBoardStore into its data/boards);"
        " if the board's Linux runs already, none are needed: -tclargs part-only, or"
        " BITRILL_PART_ONLY=1"
    )


def _properties(values: Mapping[str, str]) -> list[str]:
    return [text for key, value in values.items() for text in (f"CONFIG.{key}", value)]


def _processing(project: Project) -> tuple[Processing, Divided]:
    """Return the board's processing system, and the divisors of the clock."""
    ps = families().get(project.board.family)
    if ps is None:
        raise SpecError(
            f"toolchain vivado is for {', '.join(families())}, not {project.board.family}"
            f" ({project.board.name})"
        )
    return ps, ps.exactly(project.board, project.clock_mhz)
