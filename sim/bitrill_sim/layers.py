"""Simulates every layer by itself, on the integers that the golden model has at its input.

A layer is a node of the graph: its hardware, without the FIFOs around it. Its inputs are the golden
model's integers, so that a wrong layer is found whatever the others do, and all layers can be
simulated at once. Samples are processed in groups whose golden integers fit in memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from bitrill.engines import Engine, check_engine
from bitrill.errors import SimulationTimeout, SpecError
from bitrill.ir import Operator
from bitrill.ir import graph as ir_graph
from bitrill.ir.beats import pack_beats
from bitrill.ir.graph import Graph, Stage
from bitrill.jobs import SERIAL, Executor, Place, marked
from bitrill.progress import Progress, silent
from bitrill.storage import write_text

from . import kept, stalls
from .job import Capture, Stream
from .layer_report import LayerReport
from .merged_results import Merged
from .outcome import Difference
from .ports import STREAM, Dut
from .rig import Rig
from .verilator import SHORT_RUN
from .words import StreamWords

GROUP_ELEMENTS = 1 << 23
"""Approximate number of integers of a group of samples, on all edges together: 64 MiB."""


@dataclass(frozen=True, eq=False)
class Layers:
    """Arguments of every job of `verify_layers`; ``flat``: the input edge's frames."""

    graph: Graph
    flat: np.ndarray
    engine: Engine
    stall: float
    seed: int
    place: Place
    models: Path | None = None


@dataclass(frozen=True)
class LayerJob:
    """One job: a layer, and the samples ``start .. stop - 1``."""

    layer: str
    start: int
    stop: int

    def __str__(self) -> str:
        return f"layer {self.layer}"


def verify_layers(
    graph: Graph,
    x: np.ndarray,
    *,
    engine: Engine = "verilator",
    stall: float = 0.0,
    seed: int = 0,
    work: Path,
    models: Path | None = None,
    executor: Executor = SERIAL,
    progress: Progress = silent,
) -> tuple[LayerReport, ...]:
    """Run every layer of a FOLDED graph by itself on the golden model's integers of all samples.

    ``x``, ``stall`` and ``seed`` as for `bitrill_sim.verify`. Time is not compared, because it also
    depends on what is around a layer. Compiled simulators are kept in ``models``, ``work`` if None.
    A layer that differs or hangs is reported. Raises `ToolError` for a tool that is missing or
    fails.
    """
    check_engine(engine)
    ir_graph.verify(graph, Stage.FOLDED)
    flat = graph.source.flatten(x)
    if len(flat) == 0:
        raise SpecError("input must have at least one sample, and has none")
    parts = _parts(graph, len(flat), executor.workers)
    results: dict[str, dict[int, LayerReport]] = {n.name: {} for n in graph.nodes}
    with marked(work) as place:
        shared = Layers(graph, narrow(flat), engine, stall, seed, place, models)
        try:
            done = executor.run(verify_part, shared, parts, progress)
            for n, (k, report) in enumerate(done, 1):
                results[parts[k].layer][parts[k].start] = report
                progress("verifying each layer by itself", n, len(parts))
        finally:
            _golden.cache_clear()
            _hardware.cache_clear()
    return tuple(LayerReport.joined([r[k] for k in sorted(r)]) for r in results.values())


def verify_part(shared: Layers, part: LayerJob, progress: Progress = silent) -> LayerReport:
    """Simulate one layer on one group of samples."""
    began = time.monotonic()
    op = shared.graph[part.layer]
    values = _golden(shared, part.start, part.stop)
    rig = _rig(shared, op, values, progress)
    schedules = stalls.pair(shared.stall, shared.seed, long=rig.cycles)
    with rig.run(values[op.inputs[0]], schedules, seed=shared.seed) as capture:
        wrong, first = _compared(op, capture, values, part.start)
        return LayerReport(
            layer=op.name,
            kind=op.kind,
            samples=len(wrong),
            mismatches=int(wrong.sum()),
            first=first,
            violations=capture.violations,
            hung=_hung(op, capture),
            cycles=capture.cycles,
            seconds=time.monotonic() - began,
        )


def _parts(graph: Graph, n: int, workers: int) -> list[LayerJob]:
    """Divide layers and samples into jobs; those of one group follow each other.

    The layer that takes most cycles comes first, so that no long job is left at the end.
    """
    frame = sum(t.size for t in graph.edges.values())
    size = max(1, min(GROUP_ELEMENTS // frame, -(-n // workers)))
    layers = sorted(graph.nodes, key=lambda op: -op.cost().cycles)
    return [
        LayerJob(op.name, start, min(n, start + size))
        for start in range(0, n, size)
        for op in layers
    ]


def narrow(flat: np.ndarray) -> np.ndarray:
    """Return the same integers in the narrowest type, for sending them to other processes."""
    lo, hi = int(flat.min()), int(flat.max())
    return flat.astype(np.min_scalar_type(min(lo, -hi - 1) if lo < 0 else hi))


@lru_cache(maxsize=1)
def _golden(shared: Layers, start: int, stop: int) -> dict[str, np.ndarray]:
    """Return every edge's integers of a group of samples, ``[n, *shape]``."""
    source = shared.graph.source
    return shared.graph.trace(source.restore(shared.flat[start:stop].astype(np.int64)))


@cache
def _hardware(shared: Layers, layer: str) -> dict[str, object]:
    """Return the design of a layer for its `Rig`; it is elaborated once in a process."""
    from bitrill_hw.design.alone import Alone
    from bitrill_hw.memories.roms import convert

    op = shared.graph[layer]
    core = Alone(op)
    ports = replace(STREAM, words=tuple(core.beside))
    if shared.engine == "amaranth":
        return {"component": core, "ports": ports}
    source = shared.place.here() / "layers" / f"{layer}.v"
    write_text(source, convert(core, name="layer"))
    total = len(shared.flat) * _frame_cycles(op) / (1 - shared.stall)
    level = "-O0" if total <= SHORT_RUN else "-O1"
    return {"dut": Dut(sources=(source,), top="layer", ports=ports, level=level), "ports": ports}


def _rig(shared: Layers, op: Operator, values: dict[str, np.ndarray], progress: Progress) -> Rig:
    def report(step: str, done: int, total: int) -> None:
        progress(f"layer {op.name}: {step}", done, total)

    design = _hardware(shared, op.name)
    return Rig(
        engine=shared.engine,
        i=Stream(op.x, op.lanes_in, padded=False),
        o=Merged.of(op),
        work=shared.place.here(),
        models=kept.models_folder(shared.place, shared.models),
        cycles=_frame_cycles(op),
        words=tuple(_beside(op, values)),
        progress=report,
        **design,  # pyright: ignore[reportArgumentType]
    )


def _frame_cycles(op: Operator) -> int:
    return sum(op.schedule().sizes.values())


def _beside(op: Operator, values: dict[str, np.ndarray]) -> Iterable[StreamWords]:
    """Yield the streams besides the first operand: further operands, streamed weights."""
    for edge, t in zip(op.inputs[1:], op.operands[1:], strict=True):
        yield StreamWords(op.name, pack_beats(values[edge], t.type, op.lanes_in))
    if op.folded.streamed:
        yield StreamWords.of(op.name, op.stream_words())  # pyright: ignore[reportAttributeAccessIssue]


def _compared(
    op: Operator, capture: Capture, values: dict[str, np.ndarray], start: int
) -> tuple[np.ndarray, Difference | None]:
    """Return which samples are wrong, and the first difference, counted from sample ``start``."""
    stream = capture.job.o
    if not isinstance(stream, Merged):
        raise SpecError(f"the stream of {op.name} must contain all its results")
    wrong, first = np.zeros(capture.job.frames, bool), None
    for edge, seen in zip(op.outputs, stream.apart(np.array(capture.beats)), strict=True):
        golden = values[edge].reshape(len(wrong), -1)
        padded = np.zeros(golden.size, np.int64)
        came = min(len(seen), golden.size)
        padded[:came] = seen[:came]
        differs = padded != golden.ravel()
        differs[came:] = True
        wrong |= differs.reshape(golden.shape).any(1)
        if differs.any():
            k = int(differs.argmax())
            frame, place = divmod(k, golden.shape[1])
            index = tuple(int(j) for j in np.unravel_index(place, values[edge].shape[1:]))
            value = int(padded[k]) if k < came else None
            here = Difference(start + frame, edge, index, int(golden.flat[k]), value, True)
            first = here if first is None or here.sample < first.sample else first
    return wrong, first


def _hung(op: Operator, capture: Capture) -> str | None:
    try:
        capture.check_finished()
    except SimulationTimeout as error:
        return f"{op.name}: {error}"
    return None
