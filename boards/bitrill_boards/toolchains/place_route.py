"""Synthesises, places and routes a design on a small part, with Yosys and nextpnr.

All files are in one folder: Yosys writes ``netlist.json``, nextpnr writes ``report.json``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from bitrill.errors import ToolError
from bitrill.programs import prepare
from bitrill.storage import read_json, write_text
from bitrill_hw.synth import yosys
from bitrill_hw.synth.cell_families import FLAT

from ..families.small import SmallFamily, Target
from ..project import Progress
from .tool_steps import ToolStep, Watch, run

NETLIST = "netlist.json"
REPORT = "report.json"

PHASES = (("Info: Packing", "packing"), ("Info: Running", "placing"), ("Info: Routing", "routing"))
"""Lines of nextpnr's log, by their beginning, and the phase that starts with each."""


@dataclass(frozen=True)
class Placed:
    """nextpnr's report: the rate of the slowest clock, and ``{cell: (used, available)}``."""

    fmax_mhz: float
    cells: Mapping[str, tuple[int, int]]

    @staticmethod
    def read(path: Path) -> "Placed":
        """Read a report; raise `ToolError` if it has no clock."""
        report: Any = read_json(path)
        try:
            clocks = [float(clock["achieved"]) for clock in report["fmax"].values()]
            cells = {
                k: (int(n["used"]), int(n["available"])) for k, n in report["utilization"].items()
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            clocks, cells = [], {}
        if not clocks:
            raise ToolError(f"nextpnr's report must contain a clock and the used cells ({path})")
        return Placed(min(clocks), cells)

    def used(self, family: SmallFamily) -> dict[str, tuple[int, int]]:
        """Return used and available by resource, as far as the report counts it."""
        return by_resource(self.cells, family)


def by_resource(
    cells: Mapping[str, tuple[int, int]], family: SmallFamily
) -> dict[str, tuple[int, int]]:
    """Sum up nextpnr's counts of cells to ``{resource: (used, available)}``."""
    counts = {r: [cells[c] for c in names if c in cells] for r, names in family.CELLS.items()}
    return {r: (sum(u for u, _ in n), sum(a for _, a in n)) for r, n in counts.items() if n}


def script(target: Target, top: str, sources: Sequence[str]) -> str:
    """Return Yosys' script; ROM tables stay separate modules until LUTs are mapped."""
    return f"""\
read_verilog {" ".join(sources)}
{target.synth} -top {top}
{FLAT}{target.pads}stat
write_json {NETLIST}
"""


def options(target: Target, mhz: Fraction, seed: int) -> list[str]:
    """Return nextpnr's arguments, with which a design that is too slow is an error."""
    return [
        *target.place,
        "--json",
        NETLIST,
        *target.routed,
        "--report",
        REPORT,
        "--freq",
        f"{float(mhz):g}",
        "--seed",
        str(seed),
    ]


def synthesise(
    target: Target, top: str, sources: Mapping[str, str], folder: Path, progress: Progress
) -> None:
    """Synthesise a design; writes ``netlist.json`` into the folder."""
    job = yosys.YosysRun(folder, script(target, top, list(sources)), sources, (NETLIST,))
    yosys.run([job], progress=lambda *_: progress("synthesis by Yosys", 0, 0))


def place(
    family: SmallFamily,
    target: Target,
    *,
    mhz: Fraction,
    seed: int,
    folder: Path,
    progress: Progress,
) -> Placed:
    """Place and route ``netlist.json``, even if the design is too slow.

    Writes the report and the packer's input. Raises `FailedError`, for example if the design does
    not fit.
    """
    for name, text in target.constraints.items():
        write_text(folder / name, text)
    step = ToolStep(
        family.NEXTPNR,
        folder,
        [*options(target, mhz, seed), "--timing-allow-fail"],
        (NETLIST, *target.constraints),
        (REPORT, target.routed[1]),
    )
    prepare(family.NEXTPNR, progress)
    run(step, phases(family.NEXTPNR.name, progress))
    return Placed.read(folder / REPORT)


def phases(tool: str, progress: Progress) -> Watch:
    """Return a watcher of nextpnr's log that reports its phases."""
    progress(f"{tool}: reading", 0, len(PHASES))

    def watch(line: str) -> None:
        for done, (start, what) in enumerate(PHASES):
            if line.startswith(start):
                progress(f"{tool}: {what}", done, len(PHASES))

    return watch


def counted(log: Path) -> dict[str, tuple[int, int]]:
    """Return cells used and available, as nextpnr's log lists them before it places."""
    cells: dict[str, tuple[int, int]] = {}
    _, _, text = log.read_text(errors="replace").partition("Info: Device utilisation:")
    for line in text.splitlines():
        name, _, rest = line.removeprefix("Info:").strip().partition(":")
        used, slash, have = rest.split("%")[0].strip().rpartition(" ")[0].partition("/")
        if slash and used.strip().isdigit() and have.strip().isdigit():
            cells[name.strip()] = (int(used), int(have))
    return cells
