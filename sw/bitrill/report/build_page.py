"""Collects what the page of a build shows, from its graph alone; labelled data is added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..ir import Graph, Impl, Operator
from ..ops import Depthwise, Threshold
from ..ops.matvec import Matrix
from ..resources.energy import SPREAD, USUAL_SWITCHING, Energy, ddr_nj, energies
from ..resources.estimate import Resources, accuracy, network_resources
from ..timing.frame_times import OperatorTimes, frame_times
from ..timing.predict import Timing
from .answers import Answers
from .charts import Bar, ends, histogram, log_places
from .graph_drawing import GraphDrawing, draw
from .page import TIMES, brief, count, percent, render
from .time_drawing import TimeRow, time_row


@dataclass(frozen=True)
class BoardFigures:
    """What a network reaches on a board; ``fits`` is None where only routing can tell.

    ``core``, ``system``: frames per second on chip, and with the links, of which ``limit`` is the
    tightest; ``bounds``: frames per second that each lets through, by name.
    """

    name: str
    fits: bool | None
    words: str
    core: float
    system: float
    limit: str
    clock_mhz: float
    bounds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class LayerRow:
    """One node of the graph, or all FIFOs: figures of its row, and its shares of the largest."""

    name: str
    kind: str
    fold: str
    types: str
    used: Resources
    memory_bits: int
    cycles: int
    energy: Energy
    slowest: bool


@dataclass(frozen=True)
class WeightChart:
    """Weights of a layer: their number, type, share of zeros, and histogram."""

    name: str
    count: int
    type: str
    zeros: float
    shape: str
    bars: tuple[Bar, ...]
    ends: tuple[int, int]


@dataclass(frozen=True)
class ThresholdChart:
    """Thresholds of an activation over the range of its accumulator."""

    name: str
    channels: int
    levels: int
    range: str
    settled: int
    """Thresholds that are always or never reached."""
    bars: tuple[Bar, ...]
    ends: tuple[int, int]


@dataclass(frozen=True)
class FifoRow:
    """The FIFO of an edge: bits of a beat, slots, and bits that it holds."""

    edge: str
    beat: str
    width: int
    depth: int

    @property
    def bits(self) -> int:
        return self.width * self.depth


@dataclass(frozen=True)
class BuildPage:
    """What the page of a build shows."""

    graph: Graph
    predicted: Timing
    clock_mhz: float
    digest: str
    version: str
    boards: tuple[BoardFigures, ...]
    answers: Answers | None
    switching: Mapping[str, float] | None = None
    """Measured changes of a signal in a cycle, by node."""

    def html(self) -> str:
        """Return the page."""
        rows, times = self.rows(), frame_times(self.graph)
        return render(
            "build.html.j2",
            page=self,
            rows=rows,
            total=sum((r.used for r in rows), Resources()),
            energy=sum((r.energy for r in rows), Energy()),
            ddr=ddr_nj(self.graph),
            spread=SPREAD,
            usual=USUAL_SWITCHING,
            most=_most(rows),
            figures=self.figures(rows),
            sentences=self.sentences(rows, times),
            drawing=self.drawing,
            times=self.time_rows(times),
            weights=tuple(map(_weights, self._of(Matrix, Depthwise))),
            thresholds=tuple(_thresholds(n) for n in self._of(Threshold)),
            fifos=self.fifos,
            boards=self.boards,
            marks=self._marks(),
            lut_accuracy=accuracy(),
        )

    def _of(self, *kinds: type[Operator]) -> list[Operator]:
        return [n for n in self.graph.nodes if isinstance(n, kinds)]

    def _marks(self) -> list[list[tuple[str, float, float]]]:
        """Name, rate and place in percent of each bound of each board, on one logarithmic axis."""
        bounds = [bound for b in self.boards for bound in b.bounds]
        places = iter(log_places([rate for _, rate in bounds]))
        return [[(name, rate, next(places)) for name, rate in b.bounds] for b in self.boards]

    @property
    def fps(self) -> float:
        """Frames a second at the clock."""
        return float(Fraction(self.clock_mhz) * 1_000_000 / self.predicted.ii)

    @property
    def latency_ns(self) -> float:
        return self.predicted.latency * 1000 / self.clock_mhz

    @property
    def drawing(self) -> GraphDrawing:
        return draw(self.graph)

    @property
    def fifos(self) -> tuple[FifoRow, ...]:
        """FIFOs of all edges in the order of the graph."""
        g = self.graph
        return tuple(
            FifoRow(e, f"{g.lanes[e]} {TIMES} {t.type.bits}", g.lanes[e] * t.type.bits, g.depths[e])
            for e, t in g.edges.items()
        )

    def rows(self) -> tuple[LayerRow, ...]:
        """Rows of the table of layers, the FIFOs last."""
        used, energy = network_resources(self.graph), energies(self.graph, self.switching)
        most = max(n.interval for n in self.graph.nodes)
        rows = [_row(n, used[n.name], energy[n.name], most) for n in self.graph.nodes]
        bits = sum(f.bits for f in self.fifos)
        fifos = LayerRow("fifos", "", "", "", used["fifos"], bits, 0, energy["fifos"], False)
        return (*rows, fifos)

    def figures(self, rows: Sequence[LayerRow]) -> list[tuple[str, str, str]]:
        """Return the figures at the top: name, value, and what stands below it."""
        total = sum((r.used for r in rows), Resources())
        energy = sum((r.energy for r in rows), Energy())
        low, high = energy.range
        shown = [
            (
                "frames a second",
                brief(self.fps),
                f"{count(float(self.predicted.ii))} cycles a frame",
            ),
            ("latency", brief(self.latency_ns * 1e-9, "s"), f"{self.predicted.latency:,} cycles"),
            ("LUTs", f"{total.lcs:,}", "predicted"),
            ("flip-flops", f"{total.ff:,}", "predicted"),
            ("block memory", f"{total.bram18 / 2:g}", "RAMB36"),
            ("DSP slices", f"{total.dsp:,}", "predicted"),
            (
                "energy a frame",
                brief(energy.total * 1e-9, "J"),
                f"estimate: {brief(low * 1e-9, 'J')} to {brief(high * 1e-9, 'J')}",
            ),
        ]
        if self.answers is not None:
            right = f"{self.answers.right:,} of {len(self.answers.labels):,} frames"
            shown.insert(0, ("accuracy", percent(self.answers.accuracy), right))
        return shown

    def sentences(
        self, rows: Sequence[LayerRow], times: dict[str, OperatorTimes] | None
    ) -> list[str]:
        """Return the page in a few sentences."""
        slow = [r.name for r in rows if r.slowest]
        named = ", ".join(slow[:3]) + (f" and {len(slow) - 3} more" if len(slow) > 3 else "")
        ii = self.predicted.ii
        most = max((r for r in rows if r.name != "fifos"), key=lambda r: r.used.lcs)
        total = max(1, sum(r.used.lcs for r in rows))
        said = [
            f"A frame enters every {count(float(ii))} cycles: {self.fps:,.0f} frames a second at"
            f" {self.clock_mhz:g} MHz (an assumed clock). Its result is complete"
            f" {self.predicted.latency:,} cycles, {brief(self.latency_ns * 1e-9, 's')}, after its"
            " first beat.",
            f"The bottleneck is {named} with {max(r.cycles for r in rows):,} cycles a frame.",
            f"{most.name} takes most LUTs: {most.used.lcs:,} of {total:,}"
            f" ({percent(most.used.lcs / total)}).",
        ]
        if times is not None:
            starved = max(times, key=lambda n: sum(times[n].waited.values()))
            said.append(f"{starved} waits longest: {_waits(times[starved])}.")
        fits = [b.name for b in self.boards if b.fits]
        if self.boards:
            boards = ", ".join(fits) if fits else "none of the boards whose fit is predicted"
            said.append(f"By prediction it fits {boards}.")
        return said

    def time_rows(self, times: dict[str, OperatorTimes] | None) -> tuple[TimeRow, ...] | None:
        """Return the rows of the diagram of one frame; None for too large a network."""
        if times is None:
            return None
        end = max(self.predicted.latency, max(t.last for t in times.values()))
        ii = float(self.predicted.ii)
        return tuple(
            time_row(n.name, n.kind, times[n.name], end, min(1.0, n.interval / ii))
            for n in self.graph.nodes
        )


def _waits(times: OperatorTimes) -> str:
    reasons = {"INPUT": "for its input", "OUTPUT": "for room behind it"}
    return " and ".join(
        f"{n:,} cycles {reasons[w.name]}" for w, n in times.waited.items() if n
    ) or ("no cycle")


def _row(op: Operator, used: Resources, energy: Energy, most: int) -> LayerRow:
    impl, cost = op.folded, op.cost()
    usual = ((impl.style, Impl.style), (impl.multiply, Impl.multiply))
    words = [word for word, default in usual if word != default]
    fold = f"{impl.pe} {TIMES} {impl.simd}" + "".join(f" {w}" for w in words)
    types = f"{op.x.type} → {op.y.type}"
    bits = cost.weight_bits + cost.state_bits
    return LayerRow(
        op.name, op.kind, fold, types, used, bits, op.interval, energy, op.interval == most
    )


def _most(rows: Sequence[LayerRow]) -> dict[str, float]:
    """Return the greatest figure of each column, at least 1."""
    return {
        "lcs": max(1, *(r.used.lcs for r in rows)),
        "ff": max(1, *(r.used.ff for r in rows)),
        "bram18": max(1, *(r.used.bram18 for r in rows)),
        "dsp": max(1, *(r.used.dsp for r in rows)),
        "bits": max(1, *(r.memory_bits for r in rows)),
        "cycles": max(1, *(r.cycles for r in rows)),
        "energy": max(1e-9, *(r.energy.total for r in rows)),
    }


def _weights(op: Operator) -> WeightChart:
    if not isinstance(op, Matrix | Depthwise):
        raise TypeError(f"{op.name} has no weights")
    w = op.weights
    zeros = float(np.mean(w == 0))
    kind = op.like.weight_type if isinstance(op, Matrix) else op.weight_type
    shape = f" {TIMES} ".join(map(str, w.shape))
    return WeightChart(op.name, w.size, str(kind), zeros, shape, histogram(w), ends(w))


def _thresholds(op: Operator) -> ThresholdChart:
    if not isinstance(op, Threshold):
        raise TypeError(f"{op.name} has no thresholds")
    t, x = op.thresholds, op.x.type
    settled = int(((t <= x.lo) | (t > x.hi)).sum())
    return ThresholdChart(
        op.name, t.shape[0], t.shape[1], f"{x.lo:,} to {x.hi:,}", settled, histogram(t), ends(t)
    )
