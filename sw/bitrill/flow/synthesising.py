"""The verb `synth`: synthesises a build with Yosys, and can simulate the netlist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SpecError
from ..parts.devices import part_of
from ..parts.families import require_cells, usual_part
from ..storage import write_json
from .builds import Build, BuildLike, open_build
from .data import random_inputs
from .extras import Progress, extra, logged
from .result import Json, Result, TextTable

if TYPE_CHECKING:
    from bitrill_hw.synth.cell_counts import Counts
    from bitrill_hw.synth.utilization import SynthReport
    from bitrill_sim.outcome import Report


@dataclass(frozen=True, repr=False)
class Synthesised(Result):
    """Result of `synth`.

    ``check``: comparison of the netlist with the golden model, if it was asked for; ``plain``:
    whether the design is plain logic, and would be smaller with the part's own cells; ``assumed``:
    whether the part was assumed, not named.
    """

    report: SynthReport
    check: Report | None = None
    plain: bool = False
    assumed: bool = False

    @property
    def ok(self) -> bool:
        return self.check is None or self.check.ok

    @property
    def made_for(self) -> str:
        """The part in words."""
        return f"{self.report.part.name}{' (assumed)' if self.assumed else ''}"

    @property
    def total(self) -> Counts:
        """Cells of the whole design, flattened."""
        return self.report.total

    @property
    def layers(self) -> Mapping[str, Counts]:
        """Cells of each layer by itself."""
        return self.report.layers

    @property
    def fits(self) -> bool:
        """Whether the part has enough of every resource."""
        return self.report.fits

    def summary(self) -> dict[str, object]:
        return {
            "part": self.made_for,
            "LUT": f"{self.total.lut:,} ({self.total.lcs:,} physical)",
            "FF": f"{self.total.ff:,}",
            "fits": "yes" if self.fits else "NO",
        }

    def tables(self) -> tuple[TextTable, ...]:
        rows = {**self.layers, "difference": self.report.difference, "total": self.total}
        figures = {name: resources.to_json() for name, resources in rows.items()}
        cells = [(name, *values.values()) for name, values in figures.items()]
        return (TextTable.of(("layer", *figures["total"]), cells),)

    def to_json(self) -> Json:
        value: Json = self.report.to_json() | {"plain": self.plain, "part_assumed": self.assumed}
        return value if self.check is None else value | {"check": self.check.to_json()}


def synth(
    build: BuildLike,
    *,
    part: str | None = None,
    check: int = 0,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress = logged,
) -> Synthesised:
    """Synthesise a build with Yosys, as a whole and layer by layer.

    ``part``: default is one of the family whose cells the design uses, xc7z020clg400-1 for plain
    logic. ``check``: number of random samples to run through the netlist, with stalls on both
    sides. Writes ``synth.json`` to ``out`` (default: the build).
    """
    if check < 0:
        raise SpecError(f"check must be a number of samples, not {check}")
    built = open_build(build)
    with extra("synth", "synth"):
        from bitrill_hw.synth import synthesise
    named, part = part, part or usual_part(built.primitives)
    require_cells(built.primitives, part_of(part).family, part)
    folder = built.folder if out is None else Path(out)
    verilog = built.checked_verilog()
    report = synthesise(
        built.graph, part=part, work=folder / "synth", verilog=verilog, progress=progress
    )
    checked = None
    if check:
        work = (folder / "check").absolute()
        checked = _check(built, report, work, check, seed, progress)
    done = Synthesised(report, checked, plain=built.plain, assumed=named is None)
    write_json(folder / "synth.json", done.to_json())
    return done


def _check(
    build: Build, report: SynthReport, work: Path, count: int, seed: int, progress: Progress
) -> Report:
    """Run ``count`` random samples through the netlist."""
    with extra("sim", "synth --check"):
        from bitrill_sim.netlist import check
    x = random_inputs(build.graph, count, seed)
    netlist, family = report.netlist.absolute(), report.part.cells
    return check(build.graph, netlist, x, family=family, work=work, seed=seed, progress=progress)
