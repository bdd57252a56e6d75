"""Report of a synthesis: cells, utilisation and worst path, as an object, JSON or table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bitrill.parts.devices import Part

from .cell_counts import Counts
from .critical_path import NOTE, CellPath


@dataclass(frozen=True)
class SynthReport:
    """Synthesis of a design: ``total`` flattened; ``layers``: each submodule of ``top`` alone.

    ``path``: the worst path of the flattened design, None where it has none, or Yosys knows no
    delays of the part. ``netlist``: its
    Verilog; ``log``: Yosys' output.
    """

    part: Part
    tool: str
    total: Counts
    layers: Mapping[str, Counts]
    path: CellPath | None
    netlist: Path
    log: Path

    @property
    def difference(self) -> Counts:
        """Cells that the flattened design takes more (below zero: less) than the layers together.

        They are the logic of ``top`` itself, and what Yosys shares across the layers' borders.
        """
        return self.total - sum(self.layers.values(), type(self.total)())

    @property
    def fits(self) -> bool:
        """Whether the part has enough cells of each kind."""
        return not self.total.excess(self.part)

    def to_json(self) -> dict[str, object]:
        """Return the content of ``synth.json``; it holds no path of the machine and no time."""
        used = self.total.utilisation(self.part)
        return {
            "part": self.part.name,
            "tool": self.tool,
            "total": self.total.to_json(),
            "layers": {name: r.to_json() for name, r in self.layers.items()},
            "difference": self.difference.to_json(),
            "utilisation": {
                k: {"used": n, "available": have, "percent": _percent(n, have)}
                for k, (n, have) in used.items()
            },
            "fits": self.fits,
            "path": None if self.path is None else self.path.to_json(),
        }

    def __str__(self) -> str:
        rows = [(name, *r.to_json().values()) for name, r in self.layers.items()]
        rows.append(("difference", *self.difference.to_json().values()))
        rows.append(("total", *self.total.to_json().values()))
        cells = [("layer", *self.total.keys()), *(tuple(map(str, row)) for row in rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in cells
        ]
        used = self.total.utilisation(self.part)
        shares = ", ".join(share(k, *counts) for k, counts in used.items())
        lines.append(f"{self.part.name}: {shares}" + ("" if self.fits else "; does not fit"))
        if self.path is not None:
            p = self.path
            lines.append(
                f"worst path {p.ns:.3f} ns ({NOTE}), {p.levels} LUTs: {p.start} to {p.end}"
            )
        return "\n".join(lines)


def share(name: str, used: float, available: int) -> str:
    """Return what is used of a resource in percent, in words."""
    return f"{name} {100 * used / available:.1f} %" if available else f"{name} {used:g} of none"


def _percent(used: float, available: int) -> float | None:
    return round(100 * used / available, 2) if available else None
