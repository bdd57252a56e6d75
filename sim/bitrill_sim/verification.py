"""Verifies a design's RTL against the golden model, bit for bit and cycle for cycle."""

import math
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from bitrill.engines import Engine, check_engine
from bitrill.errors import SpecError
from bitrill.ir import graph as ir_graph
from bitrill.ir.graph import Graph, Stage
from bitrill.jobs import SERIAL, Executor
from bitrill.progress import Progress, silent
from bitrill.runtime.register_map import streamed
from bitrill.storage import write_text
from bitrill.timing.predict import Timing, predict

from . import stalls
from .job import NO_ACCESS, streams
from .measured import free_frames
from .outcome import Report
from .parallel_verification import run_spans
from .ports import Dut, Ports, edges
from .rig import Rig
from .runs import Run, RunResult
from .words import StreamWords

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
    executor: Executor = SERIAL,
    progress: Progress = silent,
) -> Report:
    """Run every frame of ``x`` (integers, as `Graph.run` takes) through the RTL of a FOLDED graph.

    ``stall``: share of cycles in which source and sink pause, in single cycles and in bursts, by
    schedules drawn from ``seed``. ``cycles``: whether time is compared, too. ``made``: the graph
    that the RTL was made from, if ``graph`` has other constants; ``access``: the registers to be
    written (and read back) for that before the frames, address and data ``[n, 2]``. Words of
    streamed nodes are those of ``graph``; their streams pause like source and sink. ``work``:
    folder of runs, by default ``sim`` beside the Verilog; ``models``: folder of Verilator models,
    by default the same; ``keep``: folder for the files of a mismatch, by default ``mismatch`` in
    ``work``. The engine amaranth builds its hardware from the graph, not from Verilog.

    A difference is reported; `Report.check` raises an error for it. Raises `SimulationTimeout` for
    a design that hangs, `ToolError` for a tool that is missing or fails.
    """
    began = time.monotonic()
    check_engine(engine)
    ir_graph.verify(graph, Stage.FOLDED)
    flat = graph.source.flatten(x)
    if len(flat) == 0:
        raise SpecError("input must have at least one sample, and has none")
    predicted = predict(graph)
    with _folder(rtl, work) as chosen:
        rig = rig_of(graph, rtl, engine, chosen, predicted, progress, made or graph)
        rig = replace(rig, access=access, words=_words(graph), models=models)
        run = Run(rig, graph, predicted if cycles else None, seed, keep or chosen / "mismatch")
        if executor is SERIAL:
            result = run(flat, stalls.pair(stall, seed, long=rig.cycles))
        else:
            result = run_spans(
                run, flat, stall=stall, made=made or graph, executor=executor, progress=progress
            )
        if cycles and result.measured is None:  # too few frames, or stalls
            result = _with_free_run(run, flat, result, free_frames(predicted))
        return result.report(
            predicted=predicted, engine=engine, stall=stall, seed=seed, began=began
        )


def _with_free_run(run: Run, flat: np.ndarray, result: RunResult, frames: int) -> RunResult:
    """Run some frames again without stalls, to measure time; return the joint outcome."""
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

    If there is neither, it is a temporary folder, which is kept if it contains a mismatch.
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


def rig_of(
    graph: Graph,
    rtl: Rtl,
    engine: Engine,
    work: Path,
    predicted: Timing,
    progress: Progress,
    made: Graph,
) -> Rig:
    """Return the rig of a design; ``work``: folder of its runs, ``made``: the RTL's graph."""
    ports = edges(graph)
    i, o = streams(graph, ports)
    due = predicted.latency + math.ceil(predicted.ii)
    rig = Rig(engine=engine, i=i, o=o, work=work, cycles=due, ports=ports, progress=progress)
    if engine == "amaranth":
        from bitrill_hw.design.top import Top

        return replace(rig, component=Top(made))
    return replace(rig, dut=_dut(made, rtl, work, ports))


def _words(graph: Graph) -> tuple[StreamWords, ...]:
    """Return the streams of a graph's streamed nodes."""
    return tuple(StreamWords.of(n.name, n.stream_words()) for n in streamed(graph))


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
