"""What an operator takes of an xc7 part at its folding, without synthesis.

``figure = sum(coefficient[kind][count] * structure(op)[count])``, rounded, for physical LUTs and
flip-flops (see `bitrill.resources.structures` for the counts); block memory is counted exactly. The
coefficients, none of them negative, are least squares of relative error over points measured with
Yosys by ``benchmarks/resources.py``, which writes them, the points, and how far the model is off
on points that it was not fitted to, to ``resources.json`` beside this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import StageError
from ..ir.graph import INPUT, Graph, Stage
from ..ir.operator import Operator
from ..ir.structure import Structure
from ..storage import read_json
from .structures import fifo_structure, structure

TABLE = Path(__file__).with_name("coefficients.json")

RELATIVE = 0.15
"""The model is to be within this of Yosys, ..."""

ABSOLUTE = 8
"""... or within so many LUTs or flip-flops, which for a small unit is more: the LUTs of one CLB,
the least that can be placed (Xilinx UG474)."""


@dataclass(frozen=True)
class Resources:
    """Physical LUTs, flip-flops, halves of 36 kbit RAMs, DSP slices: predicted."""

    lcs: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.lcs + other.lcs,
            self.ff + other.ff,
            self.bram18 + other.bram18,
            self.dsp + other.dsp,
        )

    @property
    def ramb18(self) -> int:
        """All block memory, in halves."""
        return self.bram18

    @property
    def ramb36(self) -> int:
        """None: whole ones are two halves here."""
        return 0

    def __str__(self) -> str:
        slices = f", {self.dsp} DSPs" if self.dsp else ""
        return f"{self.lcs:,} LUTs, {self.ff:,} flip-flops, {self.bram18 / 2:g} RAMB36{slices}"


def resources(op: Operator) -> Resources:
    """Of a folded operator, its FIFO not included."""
    return weigh(kind_of(op), structure(op))


def kind_of(op: Operator) -> str:
    """What an operator's coefficients are named by: its kind, and how it multiplies."""
    way = op.folded.multiply
    return op.kind if way == "lut" else f"{op.kind} {way}"


@cache
def fifo_resources(width: int, depth: int) -> Resources:
    """Of a FIFO of ``depth`` slots of ``width`` bits, in the form that it takes of itself."""
    return weigh("fifo", fifo_structure(width, depth))


def network_resources(graph: Graph) -> dict[str, Resources]:
    """Of each node, and of all FIFOs together as ``fifos``, of a FOLDED graph."""
    if graph.stage is not Stage.FOLDED:
        raise StageError(
            f"{graph.name} must be folded to have resources, and is {graph.stage.value}"
        )
    found = {n.name: resources(n) for n in graph.nodes}
    lanes = {INPUT: graph.reader(INPUT).lanes_in}
    lanes |= {e: n.lanes_out for n in graph.nodes for e in n.outputs}
    fifos = [
        fifo_resources(lanes[e] * t.type.bits, graph.depths[e]) for e, t in graph.edges.items()
    ]
    return found | {"fifos": sum(fifos, Resources())}


def weigh(kind: str, s: Structure) -> Resources:
    """The fitted sums of a structure."""
    table = coefficients().get(kind) or coefficients()["other"]
    return Resources(_sum(table["lcs"], s.lcs), _sum(table["ff"], s.ff), s.bram18, s.dsp)


def _sum(table: Mapping[str, float], counts: Mapping[str, float]) -> int:
    return round(sum(table.get(name, 1.0) * n for name, n in counts.items()))


@cache
def coefficients() -> dict[str, dict[str, dict[str, float]]]:
    """``{kind: {"lcs" or "ff": {count: resources of one}}}``."""
    return read_json(TABLE)["coefficients"]


@cache
def held_out_errors() -> dict[str, dict[str, float]]:
    """How far the model is off on points that it was not fitted to: see `errors`."""
    return read_json(TABLE)["error"]["held_out"]


def accuracy() -> str:
    """Say how exact predicted LUTs are."""
    error = held_out_errors()["lcs"]
    return (
        f"predicted LUTs are wrong by {100 * error['mean']:.0f} % on average,"
        f" by {100 * error['greatest']:.0f} % at most"
    )


def errors(rows: Sequence[Mapping[str, Any]], predicted: Sequence[Resources]) -> dict[str, Any]:
    """How far predictions are off the measured ``rows``: greatest and mean relative error of each
    figure (of units of more than a few: `ABSOLUTE` / `RELATIVE`), and rows outside the bounds."""
    found: dict[str, Any] = {}
    for figure in ("lcs", "ff"):
        pairs = [(r[figure], getattr(p, figure)) for r, p in zip(rows, predicted, strict=True)]
        large = [abs(p - m) / m for m, p in pairs if m * RELATIVE > ABSOLUTE]
        found[figure] = {
            "greatest": round(max(large, default=0.0), 4),
            "mean": round(sum(large) / max(1, len(large)), 4),
            "outside": sum(not within(m, p) for m, p in pairs),
        }
    return found


def within(measured: int, predicted: int) -> bool:
    """Whether a prediction is as near as it is to be."""
    return abs(predicted - measured) <= max(ABSOLUTE, RELATIVE * measured)
