"""The resource model: LUTs, flip-flops and memories of a folded operator, without synthesis.

``figure = sum(coefficient[name][count] * op.structure()[count])``, rounded, for physical LUTs and
flip-flops of an xc7 part; block memory is counted exactly. ``benchmarks/fit_resources.py`` measures
units with Yosys and fits the coefficients: non-negative least squares of the relative error. It
writes them, the points, and the errors on points that it did not use, to ``coefficients.json``
beside this file. An operator of another package brings its own coefficients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import SpecError, StageError
from ..ir import Coefficients, Graph, Operator, Stage, Structure, is_deep
from ..parts.memories import HALF_BITS
from ..storage import read_json

TABLE = Path(__file__).with_name("coefficients.json")

RELATIVE = 0.15
"""Largest relative error that counts as a good prediction ..."""

ABSOLUTE = 8
"""... or the largest difference, if that allows more: the LUTs of one CLB (Xilinx UG474)."""


@dataclass(frozen=True)
class Resources:
    """Predicted resources: physical LUTs, flip-flops, halves of 36 kbit RAMs, DSP slices."""

    lcs: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.lcs + other.lcs,
            self.ff + other.ff,
            self.bram18 + other.bram18,
            self.dsp + other.dsp,
        )

    @property
    def ramb18(self) -> int:
        """Block memory in halves, all of it."""
        return self.bram18

    @property
    def ramb36(self) -> int:
        """Whole blocks: 0, since each counts as two halves."""
        return 0

    def __str__(self) -> str:
        slices = f", {self.dsp} DSPs" if self.dsp else ""
        return f"{self.lcs:,} LUTs, {self.ff:,} flip-flops, {self.bram18 / 2:g} RAMB36{slices}"


def resources(op: Operator) -> Resources:
    """Return the resources of a folded operator, without its FIFO."""
    return weigh(op.structure(), coefficients_of(op))


def coefficients_of(op: Operator) -> Coefficients:
    """Return an operator's coefficients, its own or those of `TABLE`; `SpecError` for neither."""
    table = op.coefficients or coefficients().get(op.coefficients_name)
    if table is None:
        raise SpecError(
            f"{op.name}: {type(op).__name__} must define `coefficients`, as the resource model has"
            f" none named {op.coefficients_name!r}"
        )
    return table


def fifo_structure(width: int, depth: int) -> Structure:
    """Return the counts of a FIFO of ``depth`` slots of ``width`` bits, in the form it takes."""
    s = Structure()
    if depth == 1:
        s.flops(held=width)
        return s
    if depth == 2:
        s.luts(head=width)
        s.flops(held=2 * width)
        return s
    block = is_deep(depth, width)
    words = depth - block
    s.ram(words, width, block=block)
    s.counters(depth + 1, words, words)
    if block:
        s.luts(bypass=width, block=1)
        s.flops(held=width)
    return s


@cache
def fifo_resources(width: int, depth: int) -> Resources:
    """Return the resources of a FIFO of ``depth`` slots of ``width`` bits."""
    return weigh(fifo_structure(width, depth), coefficients()["fifo"])


def network_resources(graph: Graph) -> dict[str, Resources]:
    """Return the resources of each node of a FOLDED graph, and of all FIFOs under ``fifos``."""
    fifos = [fifo_resources(*size) for size in _fifo_sizes(graph, "resources")]
    nodes = {n.name: resources(n) for n in graph.nodes}
    return nodes | {"fifos": sum(fifos, Resources())}


@dataclass(frozen=True)
class BlockUse:
    """Block memory in use: ``halves`` of RAMB36 (RAMB18), and the ``bits`` stored in them."""

    halves: int = 0
    bits: int = 0

    @property
    def filled(self) -> float:
        """The share of bits that are used; 0 without block memory."""
        return self.bits / (self.halves * HALF_BITS) if self.halves else 0.0

    def __str__(self) -> str:
        if not self.halves:
            return "none"
        return f"{self.halves:,} RAMB18, filled {100 * self.filled:.0f} %"


def block_use(graph: Graph) -> BlockUse:
    """Return the block memory of all nodes and FIFOs of a FOLDED graph, as the model plans it."""
    parts = [fifo_structure(*size) for size in _fifo_sizes(graph, "block memories")]
    parts += [n.structure() for n in graph.nodes]
    return BlockUse(sum(s.bram18 for s in parts), sum(s.block_bits for s in parts))


def _fifo_sizes(graph: Graph, what: str) -> list[tuple[int, int]]:
    """Return width and depth of every FIFO of a graph, which must be folded to have ``what``."""
    if graph.stage is not Stage.FOLDED:
        raise StageError(f"{graph.name} must be folded to have {what}, and is {graph.stage.value}")
    return [(graph.lanes[e] * t.type.bits, graph.depths[e]) for e, t in graph.edges.items()]


def weigh(s: Structure, table: Coefficients) -> Resources:
    """Return the weighted sums of a structure."""
    return Resources(_sum(table["lcs"], s.lcs), _sum(table["ff"], s.ff), s.bram18, s.dsp)


def _sum(table: Mapping[str, float], counts: Mapping[str, float]) -> int:
    return round(sum(table.get(name, 1.0) * n for name, n in counts.items()))


@cache
def coefficients() -> dict[str, dict[str, dict[str, float]]]:
    """Return ``{name: {"lcs" or "ff": {count: resources of one}}}``."""
    return read_json(TABLE)["coefficients"]


@cache
def held_out_errors() -> dict[str, dict[str, float]]:
    """Return the model's errors on points that it was not fitted to: see `errors`."""
    return read_json(TABLE)["error"]["held_out"]


def accuracy() -> str:
    """Say how exact predicted LUTs are."""
    error = held_out_errors()["lcs"]
    return (
        f"predicted LUTs are wrong by {100 * error['mean']:.0f} % on average,"
        f" by {100 * error['greatest']:.0f} % at most"
    )


def errors(
    rows: Sequence[Mapping[str, int]], predicted: Sequence[Resources]
) -> dict[str, dict[str, float]]:
    """Return the errors of predictions against the measured ``rows``, for each figure.

    These are the largest and mean relative error of units above `ABSOLUTE` / `RELATIVE`, and the
    number of rows outside the bounds.
    """
    out: dict[str, dict[str, float]] = {}
    for figure in ("lcs", "ff"):
        pairs = [(r[figure], getattr(p, figure)) for r, p in zip(rows, predicted, strict=True)]
        large = [abs(p - m) / m for m, p in pairs if m * RELATIVE > ABSOLUTE]
        out[figure] = {
            "greatest": round(max(large, default=0.0), 4),
            "mean": round(sum(large) / max(1, len(large)), 4),
            "outside": sum(not within(m, p) for m, p in pairs),
        }
    return out


def within(measured: int, predicted: int) -> bool:
    """Return whether a prediction is within `RELATIVE` or `ABSOLUTE` of the measurement."""
    return abs(predicted - measured) <= max(ABSOLUTE, RELATIVE * measured)
