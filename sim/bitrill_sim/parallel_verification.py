"""Verifies a whole design in several processes at once, each with a span of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from bitrill.ir.graph import Graph
from bitrill.jobs import Executor, Place, marked
from bitrill.progress import Progress, silent
from bitrill.storage import read_bytes, write_bytes
from bitrill.timing.predict import Timing

from . import kept, stalls
from .layers import narrow
from .measured import Measured
from .ports import Dut
from .rig import Rig
from .runs import Run, RunResult
from .tools import digest

LEAST_FRAMES = 8
"""Smallest number of frames of a span: a shorter run is mostly start and end."""

SPANS = 2
"""Number of spans for each worker: more than one, so that slow workers can do fewer."""


@dataclass(frozen=True)
class Span:
    """The samples ``start .. stop - 1``; ``number``: number of the span."""

    number: int
    start: int
    stop: int

    def __str__(self) -> str:
        return f"samples {self.start} to {self.stop - 1}"


@dataclass(frozen=True, eq=False)
class Spanned:
    """Arguments of every job: the run, its frames, and the texts of its Verilog."""

    run: Run
    made: Graph
    flat: np.ndarray
    stall: float
    texts: tuple[bytes, ...]
    place: Place


def run_spans(
    run: Run, flat: np.ndarray, *, stall: float, made: Graph, executor: Executor, progress: Progress
) -> RunResult:
    """Run frames ``flat`` in spans, and diagnose the first mismatch, if any.

    ``made``: the graph that the hardware was made from. The seed of a span is the run's seed plus
    the span's number. Cycles are compared within each span.
    """
    spans = _spans(len(flat), executor.workers)
    dut = run.rig.dut
    texts = () if dut is None else tuple(map(read_bytes, dut.sources))
    with marked(run.rig.work) as place:
        plain = replace(run, rig=replace(run.rig, progress=silent, component=None))
        shared = Spanned(plain, made, narrow(flat), stall, texts, place)
        results: dict[int, RunResult] = {}
        frames = 0
        for k, result in executor.run(run_span, shared, spans, progress):
            results[k] = result
            frames += len(result.wrong)
            progress("verifying", frames, len(flat))
    joined = _joined([results[k] for k in range(len(spans))], run.predicted)
    return joined if joined.first is not None else _looked_into(run, flat, stall, spans, joined)


def run_span(shared: Spanned, span: Span, progress: Progress = silent) -> RunResult:
    """Run the frames of one span; a mismatch is not diagnosed."""
    rig = replace(_rig(shared), progress=progress)
    run = replace(shared.run, rig=rig, seed=shared.run.seed + span.number)
    frames = shared.flat[span.start : span.stop].astype(np.int64)
    result = run(frames, _schedules(run, shared.stall), look=False)
    if result.late is None:
        return result
    return replace(result, late=f"{span}: {result.late}")


def _schedules(run: Run, stall: float) -> stalls.Schedules:
    return stalls.pair(stall, run.seed, long=run.rig.cycles)


def _rig(shared: Spanned) -> Rig:
    """Return the rig with folder and Verilog files of this process' machine."""
    rig, work = shared.run.rig, shared.place.here()
    if rig.dut is None:
        from bitrill_hw.design.top import Top

        return replace(rig, work=work, component=Top(shared.made))
    if shared.place.seen:
        return rig
    models = kept.models_folder(shared.place, rig.models)
    return replace(rig, work=work, models=models, dut=_sent(rig.dut, shared.texts, work))


def _sent(dut: Dut, texts: Sequence[bytes], work: Path) -> Dut:
    """Write the Verilog of another computer; return the design with these files."""
    sources = tuple(work / "sent" / f"{digest(text)}.v" for text in texts)
    for source, text in zip(sources, texts, strict=True):
        if not source.is_file():
            write_bytes(source, text)
    return replace(dut, sources=sources)


def _spans(n: int, workers: int) -> list[Span]:
    size = max(LEAST_FRAMES, -(-n // (SPANS * workers)))
    starts = range(0, n, size)
    return [Span(k, start, min(n, start + size)) for k, start in enumerate(starts)]


def _joined(results: Sequence[RunResult], predicted: Timing | None) -> RunResult:
    """Return the outcome of all spans, in their order."""
    kinds = {v.kind: v for r in reversed(results) for v in r.violations}
    return RunResult(
        wrong=np.concatenate([r.wrong for r in results]),
        first=None,
        violations=tuple(kinds.values()),
        late=next((r.late for r in results if r.late is not None), None),
        measured=_measured([r.measured for r in results if r.measured is not None], predicted),
        cycles=sum(r.cycles for r in results),
    )


def _measured(every: Sequence[Measured], predicted: Timing | None) -> Measured | None:
    """Return the first measurement that is not as predicted, else the first one."""
    if not every or predicted is None:
        return None
    due = Measured(predicted.ii, predicted.latency)
    return next((m for m in every if m != due), every[0])


def _looked_into(
    run: Run, flat: np.ndarray, stall: float, spans: Sequence[Span], joined: RunResult
) -> RunResult:
    """Run the first span with a mismatch again, in this process, to diagnose it."""
    if not joined.wrong.any():
        return joined
    sample = int(joined.wrong.argmax())
    span = next(s for s in spans if sample < s.stop)
    again = replace(run, seed=run.seed + span.number)
    first = again(flat[span.start : span.stop], _schedules(again, stall)).first
    if first is not None:
        first = replace(first, sample=first.sample + span.start)
    return replace(joined, first=first)
