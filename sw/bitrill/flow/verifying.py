"""The verb `verify`: simulate the Verilog and compare it with the golden model, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..engines import Engine, check_engine
from ..errors import SpecError
from ..ir import Graph
from ..jobs import Executor, open_executor
from ..storage import write_json
from ..timing.predict import Timing
from .builds import BuildLike, open_build
from .data import Samples, chosen_samples
from .extras import Progress, extra, logged
from .result import Json, Result, TextTable
from .weights import Weights, replace_weights

if TYPE_CHECKING:
    from bitrill_sim import LayerReport
    from bitrill_sim.measured import Measured
    from bitrill_sim.outcome import Report


SLOW_SAMPLES = 100
"""Frames of a data set that an engine other than Verilator runs if nothing is said."""

WHOLE_SAMPLES = 16
"""Frames that run through the whole design after each layer has run alone."""


@dataclass(frozen=True)
class Cycles:
    """Initiation interval and latency, in cycles; ``ii`` is None if a run never became periodic."""

    ii: Fraction | None
    latency: int

    @staticmethod
    def of(timing: Timing | Measured | None) -> Cycles | None:
        """Make predicted and measured times comparable."""
        return None if timing is None else Cycles(timing.ii, timing.latency)


@dataclass(frozen=True, repr=False)
class Verified(Result):
    """Result of `verify`.

    ``report``: everything that the simulation found; ``layers``: what it found in each layer alone,
    None if layers were not asked for, else ``report`` is of the first `WHOLE_SAMPLES` alone;
    ``registers``: how many were written, None if no other weights were given; ``accuracy``: of the
    golden model, 0..1, None without labels.
    """

    report: Report
    layers: tuple[LayerReport, ...] | None = None
    registers: int | None = None
    accuracy: float | None = None

    @property
    def ok(self) -> bool:
        """Whether every bit and every cycle is right."""
        return self.report.ok and not self.wrong_layers

    @property
    def wrong_layers(self) -> tuple[LayerReport, ...]:
        """Layers that differ from the golden model, or hang."""
        return tuple(layer for layer in self.layers or () if not layer.ok)

    @property
    def samples(self) -> int:
        return self.report.samples

    @property
    def mismatches(self) -> int:
        """Samples of which any output bit is wrong."""
        return self.report.mismatches

    @property
    def predicted(self) -> Cycles | None:
        """Predicted interval and latency."""
        return Cycles.of(self.report.predicted)

    @property
    def measured(self) -> Cycles | None:
        """Measured interval and latency; None if time was not compared."""
        return Cycles.of(self.report.measured)

    @property
    def cycles_exact(self) -> bool | None:
        """Whether every beat moved in its predicted cycle; None if time was not compared."""
        return self.report.cycles_exact

    @property
    def engine(self) -> str:
        return self.report.engine

    @property
    def seconds(self) -> float:
        return self.report.seconds

    def summary(self) -> dict[str, object]:
        figures: dict[str, object] = {
            "mismatches": f"{self.mismatches} of {self.samples} samples",
            "cycles exact": {True: "yes", False: "NO", None: "not compared"}[self.cycles_exact],
            "engine": self.engine,
        }
        if self.layers is not None:
            wrong = ", ".join(layer.layer for layer in self.wrong_layers) or "none"
            figures["wrong layers"] = f"{wrong} of {len(self.layers)}"
        if self.accuracy is not None:
            figures["accuracy"] = f"{100 * self.accuracy:.2f} %"
        return figures

    def tables(self) -> tuple[TextTable, ...]:
        predicted, measured = self.predicted, self.measured
        rows = [
            (
                "cycles a frame",
                _known(predicted and predicted.ii),
                _known(measured and measured.ii),
            ),
            (
                "latency",
                _known(predicted and predicted.latency),
                _known(measured and measured.latency),
            ),
        ]
        whole = TextTable.of(("", "predicted", "measured"), rows)
        if self.layers is None:
            return (whole,)
        layers = [(r.layer, r.kind, r.samples, r.mismatches, r.cycles) for r in self.layers]
        head = ("layer alone", "kind", "samples", "mismatches", "cycles")
        return (TextTable.of(head, layers, texts=2), whole)

    def to_json(self) -> Json:
        value: Json = self.report.to_json()
        if self.layers is not None:
            value["ok"] = self.ok
            value["layers"] = [layer.to_json() for layer in self.layers]
        if self.registers is not None:
            value["registers"] = self.registers
        if self.accuracy is not None:
            value["accuracy"] = self.accuracy
        return value


@dataclass(frozen=True)
class Simulation:
    """Keywords that the simulation of layers and that of the whole design share."""

    engine: Engine
    stall: float
    seed: int
    work: Path
    models: Path
    executor: Executor
    progress: Progress


def verify(
    build: BuildLike,
    *,
    engine: str = "verilator",
    data: str | np.ndarray = "random",
    samples: int | None = None,
    stall: float = 0.0,
    seed: int = 0,
    weights: str | Path | Weights | None = None,
    by_layer: bool = False,
    jobs: int = 1,
    dask: str | None = None,
    out: str | Path | None = None,
    progress: Progress = logged,
) -> Verified:
    """Simulate a build and compare it with the golden model, and its cycles with the prediction.

    ``data``: a named data set's test images, a .npy file, ``random``, or an array. ``samples``:
    how many; all of a data set under Verilator, else `SLOW_SAMPLES`, if None. ``stall``: the
    probability that source and sink pause in a cycle. ``weights``: other ones, or a file of them
    (see `with_weights`), written over AXI4-Lite and read back, or streamed. ``by_layer``: every
    layer alone, with those weights, on the golden model's integers of all samples, then the whole
    design on the first `WHOLE_SAMPLES`. ``jobs``: processes that share layers and samples;
    ``dask``: or the address of a dask scheduler, whose workers do. Leaves ``verify.json`` in
    ``out`` (the build, if None).
    """
    engine = check_engine(engine)
    if not 0 <= stall < 1:
        raise SpecError(f"stall must be at least 0 and below 1, not {stall}")
    built = open_build(build)
    golden, registers = replace_weights(built, weights)
    if samples is None and engine != "verilator":
        samples = SLOW_SAMPLES
    chosen = chosen_samples(golden, data, samples, seed, progress)
    with extra("sim", "verify"):
        import bitrill_sim as sim
        from bitrill_sim import kept
    built.checked_verilog()
    folder = built.folder if out is None else Path(out)
    access = np.array(registers, np.uint32).reshape(-1, 2)
    x, layers = chosen.x, None
    with open_executor(jobs, dask) as executor:
        work = (folder / "sim").absolute()
        simulation = Simulation(
            engine, stall, seed, work, kept.simulators(work), executor, progress
        )
        if by_layer:
            layers = sim.verify_layers(golden, x, **vars(simulation))
            x = x[:WHOLE_SAMPLES]
        rtl, whole = built.verilog.absolute(), {"made": built.graph, "access": access}
        report = sim.verify(golden, rtl, x, **whole, **vars(simulation))
    kept.discard_old(simulation.models)
    done = Verified(
        report,
        layers,
        registers=None if weights is None else len(registers),
        accuracy=None if chosen.labels is None else accuracy(golden, chosen),
    )
    write_json(folder / "verify.json", done.to_json())
    return done


def accuracy(graph: Graph, chosen: Samples) -> float:
    """Share of labelled samples that the golden model classifies rightly."""
    if chosen.labels is None:
        raise SpecError("accuracy must have labels, and the data has none")
    right = int((decisions(graph, chosen.x) == chosen.labels).sum())
    return float(Fraction(right, len(chosen.x)))


def decisions(graph: Graph, x: np.ndarray) -> np.ndarray:
    """Return the class that the golden model decides for each frame of integers, ``[N]``."""
    y = graph.run(x)
    if graph.sink.scale:
        return graph.sink.dequantize(y).reshape(len(y), -1).argmax(1)
    return y.reshape(len(y), -1)[:, 0]


def _known(value: Fraction | int | None) -> object:
    return "not measured" if value is None else value
