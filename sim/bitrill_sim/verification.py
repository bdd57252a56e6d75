"""Verification of a design's RTL against the golden model, bit for bit and cycle for cycle."""

import math
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from bitrill.engines import Engine, check_engine
from bitrill.errors import SpecError
from bitrill.ir import graph as ir_graph
from bitrill.ir.graph import Graph, Stage
from bitrill.progress import Progress, silent
from bitrill.runtime.register_map import streamed
from bitrill.storage import write_text
from bitrill.timing.predict import Timing, predict

from . import stalls
from .diagnosis import diagnose
from .job import NO_ACCESS, Capture, Violation, pieces, streams
from .measured import Measured, free_frames, late_beat, measure
from .outcome import Difference, Report
from .ports import Dut, Ports, edges
from .rig import Rig
from .words import Words

Schedules: TypeAlias = tuple[np.ndarray, np.ndarray]

Rtl: TypeAlias = Dut | Path | str | Sequence[Path] | None
"""A build folder (its ``top.v``), Verilog files, or a `Dut`; None: Verilog made from the graph."""


def verify(
    graph: Graph,
    rtl: Rtl,
    x: np.ndarray,
    *,
    engine: Engine = "verilator",
    stall: float = 0.0,
    seed: int = 0,
    cycles: bool = True,
    made: Graph | None = None,
    access: np.ndarray = NO_ACCESS,
    work: Path | None = None,
    models: Path | None = None,
    keep: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Run every frame of ``x`` (integers, as `Graph.run` takes) through the RTL of a FOLDED graph.

    ``stall``: share of cycles in which source and sink pause, singly and in bursts, by schedules
    from ``seed``. ``cycles``: whether time is compared too. ``made``: the graph that the RTL was
    made from, where ``graph`` has other constants; ``access``: registers to write for that, and to
    read back, before the frames, address and data ``[n, 2]``. Words of streamed nodes are those of
    ``graph``; their streams pause as source and sink do. ``work``: folder of runs, by default
    ``sim`` beside the Verilog; ``models``: folder of Verilator models, by default the same;
    ``keep``: folder for the files of a mismatch, by default ``mismatch`` in ``work``. The engine
    amaranth builds its hardware from the graph, not from Verilog.

    A difference is in the report; `Report.check` raises it. Raises `SimulationTimeout` for a design
    that hangs, `ToolError` for a tool that is missing or fails.
    """
    began = time.monotonic()
    check_engine(engine)
    ir_graph.verify(graph, Stage.FOLDED)
    flat = graph.source.flatten(x)
    if len(flat) == 0:
        raise SpecError("input must hold at least one sample, and holds none")
    predicted = predict(graph)
    with _folder(rtl, work) as chosen:
        rig = _rig(graph, rtl, engine, chosen, predicted, progress, made or graph)
        rig = replace(rig, access=access, words=_words(graph), models=models)
        run = Run(rig, graph, predicted if cycles else None, seed, keep or chosen / "mismatch")
        result = run(flat, stalls.pair(stall, seed, long=rig.cycles))
        if cycles and result.measured is None:  # too few frames, or stalls
            result = _with_free_run(run, flat, result, free_frames(predicted))
        return result.report(
            predicted=predicted, engine=engine, stall=stall, seed=seed, began=began
        )


@dataclass(frozen=True, eq=False)
class RunResult:
    """Outcome of one run; ``wrong``: bool per frame."""

    wrong: np.ndarray
    first: Difference | None
    violations: tuple[Violation, ...]
    late: str | None
    measured: Measured | None
    cycles: int

    def report(
        self, *, predicted: Timing | None, engine: Engine, stall: float, seed: int, began: float
    ) -> Report:
        """Make the report; ``began``: when the verification began, by `time.monotonic`."""
        return Report(
            samples=len(self.wrong),
            mismatches=int(self.wrong.sum()),
            measured=self.measured,
            predicted=predicted,
            late=self.late,
            violations=self.violations,
            first=self.first,
            engine=engine,
            stall=stall,
            seed=seed,
            cycles=self.cycles,
            seconds=time.monotonic() - began,
        )


@dataclass(frozen=True)
class Run:
    """Runs frames through the rig and compares them with the golden model.

    Where there is a prediction, cycles are compared too.
    """

    rig: Rig
    graph: Graph
    predicted: Timing | None
    seed: int
    keep: Path

    def __call__(self, flat: np.ndarray, schedules: Schedules, *, look: bool = True) -> RunResult:
        """Run frames once; ``look`` into the first mismatch, if any, and leave its files."""
        with self.rig.run(flat, schedules, seed=self.seed) as capture:
            capture.check_finished()
            wrong = self._compare(capture, flat)
            first, late, measured = None, None, None
            if wrong.any() and look:
                self.rig.progress("looking into the mismatch", 0, 0)
                failed = (capture, schedules, self.seed)
                sample = int(wrong.argmax())
                first = diagnose(self.rig, self.graph, flat, sample, failed, self.keep)
            if self.predicted is not None:
                self.rig.progress("comparing cycles", 0, 0)
                late = late_beat(self.graph, capture)
                free = schedules[0].all() and schedules[1].all()
                if free and len(flat) >= free_frames(self.predicted):
                    measured = measure(capture)
            return RunResult(wrong, first, capture.violations, late, measured, capture.cycles)

    def _compare(self, capture: Capture, flat: np.ndarray) -> np.ndarray:
        """Return which frames came out wrong."""
        wrong = np.zeros(len(flat), bool)
        done = 0
        for piece in pieces(flat, self.rig.i.tensor.size):
            golden = self.graph.run(self.graph.source.restore(piece))
            golden = self.graph.sink.flatten(golden).reshape(len(piece), -1)
            seen = capture.values(done, done + len(piece))
            wrong[done : done + len(piece)] = (seen != golden).any(1)
            done += len(piece)
            self.rig.progress("comparing", done, len(flat))
        return wrong


def _with_free_run(run: Run, flat: np.ndarray, result: RunResult, frames: int) -> RunResult:
    """Run some frames again without stalls, to measure time; return both runs' outcome as one."""
    order = np.arange(frames) % len(flat)
    free = run(flat[order], (stalls.ALWAYS, stalls.ALWAYS), look=result.first is None)
    wrong = result.wrong.copy()
    wrong[order[free.wrong]] = True
    return replace(
        result,
        wrong=wrong,
        first=result.first or free.first,
        violations=result.violations or free.violations,
        late=result.late or free.late,
        measured=free.measured,
    )


@contextmanager
def _folder(rtl: Rtl, work: Path | None) -> Iterator[Path]:
    """Choose the folder of compiled simulators: ``work``, or one beside the Verilog.

    Without either it is a temporary folder, which is kept if it holds a mismatch.
    """
    if work is not None:
        yield work
    elif rtl is not None and not isinstance(rtl, Dut):
        first = Path(rtl) if isinstance(rtl, str | Path) else Path(rtl[0])
        yield (first if first.is_dir() else first.parent) / "sim"
    else:
        folder = Path(tempfile.mkdtemp(prefix="bitrill-sim-"))
        yield folder
        if not (folder / "mismatch").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _rig(
    graph: Graph,
    rtl: Rtl,
    engine: Engine,
    work: Path,
    predicted: Timing,
    progress: Progress,
    made: Graph,
) -> Rig:
    ports = edges(graph)
    i, o = streams(graph, ports)
    due = predicted.latency + math.ceil(predicted.ii)
    rig = Rig(engine=engine, i=i, o=o, work=work, cycles=due, ports=ports, progress=progress)
    if engine == "amaranth":
        from bitrill_hw.design.top import Top

        return replace(rig, component=Top(made))
    return replace(rig, dut=_dut(made, rtl, work, ports))


def _words(graph: Graph) -> tuple[Words, ...]:
    """Return the streams of a graph's streamed nodes."""
    return tuple(Words.of(n.name, n.stream_words()) for n in streamed(graph))


def _dut(graph: Graph, rtl: Rtl, work: Path, ports: Ports) -> Dut:
    if isinstance(rtl, Dut):
        return rtl
    if rtl is None:
        from bitrill_hw.design.verilog import verilog

        write_text(work / "top.v", verilog(graph))
        return Dut(sources=(work / "top.v",), ports=ports)
    if isinstance(rtl, str | Path):
        path = Path(rtl)
        return Dut(sources=(path / "top.v" if path.is_dir() else path,), ports=ports)
    return Dut(sources=tuple(Path(p) for p in rtl), ports=ports)
