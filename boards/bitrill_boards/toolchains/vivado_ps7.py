"""Makes ``bitrill.bit`` for Zynq-7000 boards with Vivado, without a block design.

The top module instantiates the primitive PS7. It needs no board files, and there is no
``bitrill.hwh``.
"""

from collections.abc import Mapping
from fractions import Fraction

from ..project import Progress, Project, ToolchainResult
from ..shell.ps7_top import CELL
from . import ps7_project, tcl, vivado_run
from .vivado import constraints as identity

STEPS = 1 + tcl.IMPLEMENT_STEPS
JITTER = Fraction(3, 100)
"""Input jitter as a share of the period, as Xilinx' own block states it."""


def files(project: Project) -> Mapping[str, str]:
    """Return ``bitrill.v``, ``bitrill.xdc``, ``build.tcl`` and ``bitrill.dts``."""
    return {
        **ps7_project.common_files(project),
        ps7_project.CONSTRAINTS: constraints(project),
        "build.tcl": script(project),
    }


def make(project: Project, progress: Progress) -> ToolchainResult:
    """Run Vivado on ``build.tcl``."""
    return vivado_run.run(project, progress)


def script(project: Project) -> str:
    """Return ``build.tcl``: this project's variables, then the common scripts."""
    variables = {
        "steps": str(STEPS),
        "wanted": project.board.part,
        "top": ps7_project.STEM,
        "sources": ps7_project.SOURCES,
        "constraints": ps7_project.CONSTRAINTS,
        "directive": tcl.directive(project.seed),
        "also": (),
    }
    return "\n".join(
        [
            "# The bitstream, in this folder: vivado -mode batch -source build.tcl",
            "# Exit codes: 3 something is missing, 4 a step failed, 5 timing is not met.",
            tcl.head(variables),
            tcl.text("common"),
            tcl.text("ps7"),
            tcl.text("implement"),
        ]
    )


def constraints(project: Project) -> str:
    """Return ``bitrill.xdc``: the clock at the primitive's pin, and the network's digest."""
    made = ps7_project.clock(project)
    period = ps7_project.period_ns(made.mhz)
    jitter = float(Fraction(period) * JITTER)
    return f"""\
create_clock -name fclk0 -period {period} [get_pins {{{CELL}/FCLKCLK[0]}}]
set_input_jitter fclk0 {jitter:.3f}
{identity(project)}"""


def readme(project: Project) -> str:
    """Return the README's section on these files, in Markdown."""
    return f"""\
## The bitstream, with Vivado and no block design

Needs AMD Vivado 2020.1 or later with the devices of `{project.board.part}`, and no board files. In
this folder, after Vivado's `settings64.sh`:

    {" ".join(vivado_run.command("build.tcl"))}

It writes `bitrill.bit`, `timing.rpt`, `utilization.rpt` and `result.json`, or exits with 3
(something is missing), 4 (a step failed) or 5 (timing is not met); the reason is in `vivado.log`.
It writes a bitstream only if timing is met and every path is constrained. There is no
`bitrill.hwh`: PYNQ's `Overlay` needs one, its `Bitstream` does not.

{ps7_project.set_up(project)}"""
