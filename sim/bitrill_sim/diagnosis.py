"""Diagnoses a wrong frame: finds the first layer with wrong integers, and records the waves.

The frame is simulated again, after the frame before it, while waves are written. The FIFOs on the
graph's edges (``fifo_E`` in the Verilog) contain each layer's results, which are compared with the
golden model. If the frame is correct this time, all frames up to it are simulated again, and waves
are written from that frame on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from bitrill.engines import Engine
from bitrill.errors import StorageError
from bitrill.ir.graph import Graph
from bitrill.storage import write_json

from . import vcd
from .job import Capture, Stream
from .outcome import Difference
from .rig import Rig

_WAVES_BY: dict[Engine, Engine] = {"cocotb": "verilator"}
"""For some engines, another engine that writes the waves; the others write their own."""


@dataclass(frozen=True)
class _Tap:
    """A signal from which an edge's beats can be read in the waves: a FIFO's input or output."""

    edge: str
    side: str
    stream: Stream

    @property
    def label(self) -> str:
        return self.edge if self.side == "i" else f"fifo_{self.edge}"


def diagnose(
    rig: Rig,
    graph: Graph,
    flat: np.ndarray,
    sample: int,
    failed: tuple[Capture, tuple[np.ndarray, np.ndarray], int],
    keep: Path,
) -> Difference:
    """Return the first difference in frame ``sample`` of ``flat``; write the files to ``keep``.

    ``failed``: the failed run, with its stall schedules and its seed.
    """
    capture, schedules, seed = failed
    golden = _golden(graph, flat[sample : sample + 1])
    difference = _at_output(graph, golden, capture.values(sample, sample + 1)[0], sample)
    _make(keep)
    wave, rig = keep / "wave.vcd", rig.on(_WAVES_BY.get(rig.engine, rig.engine))
    wave.unlink(missing_ok=True)
    seen: dict[str, np.ndarray] = {}
    # at first after only the frame before it, then after all frames before it
    for start, first in ((max(0, sample - 1), None), (0, _began(capture, sample))):
        last = {} if first is None else {"wave_from": first}
        with rig.run(flat[start : sample + 1], schedules, seed=seed, wave=wave, **last) as again:
            if _goes_wrong(again, golden[graph.output]):
                seen = _seen(graph, rig, wave)
                difference = _located(graph, golden, seen, sample) or difference
                break
    return _leave(keep, golden, seen, wave, difference)


def _golden(graph: Graph, frame: np.ndarray) -> dict[str, np.ndarray]:
    values = graph.trace(graph.source.restore(frame))
    return {edge: v[0] for edge, v in values.items()}


def _began(capture: Capture, sample: int) -> int:
    """Return the cycle in which the source offered the frame's first beat."""
    return int(capture.offered[sample * capture.job.i.beats])


def _goes_wrong(again: Capture, expected: np.ndarray) -> bool:
    """Return whether the last frame of a run differs or is missing."""
    n = again.job.frames
    return again.whole < n or not np.array_equal(again.values(n - 1, n)[0], expected.ravel())


def _at_output(
    graph: Graph, golden: dict[str, np.ndarray], seen: np.ndarray, sample: int
) -> Difference:
    expected = golden[graph.output]
    return _first(graph.output, expected, seen, sample, located=False) or Difference(
        sample, graph.output, (0,), int(expected.flat[0]), int(seen[0]), False
    )


def _first(
    layer: str, expected: np.ndarray, seen: np.ndarray, sample: int, *, located: bool
) -> Difference | None:
    """Return the first wrong or missing element of a layer's frame, if any."""
    flat = expected.ravel()
    wrong = np.flatnonzero(flat[: len(seen)] != seen)
    if len(wrong):
        k = int(wrong[0])
        value: int | None = int(seen[k])
    elif len(seen) < len(flat):
        k, value = len(seen), None
    else:
        return None
    index = tuple(int(j) for j in np.unravel_index(k, expected.shape))
    return Difference(sample, layer, index, int(flat[k]), value, located)


def _located(
    graph: Graph, golden: dict[str, np.ndarray], seen: dict[str, np.ndarray], sample: int
) -> Difference | None:
    """Return the difference in the first layer, along the graph, whose values differ."""
    for tap in _taps(graph):
        if tap.label in seen:
            first = _first(tap.label, golden[tap.edge], seen[tap.label], sample, located=True)
            if first is not None:
                return first
    return None


def _taps(graph: Graph) -> Iterator[_Tap]:
    for edge, tensor in graph.edges.items():
        for side in ("i", "o"):
            yield _Tap(edge, side, Stream(tensor, graph.lanes[edge], padded=False))


def _seen(graph: Graph, rig: Rig, wave: Path) -> dict[str, np.ndarray]:
    """Return the last frame at each tap, read from the waves: flat integers, by label."""
    lines = vcd.open_lines(wave)
    header = vcd.read_header(lines)
    clock, reset = (vcd.find(header, getattr(rig.ports, k)) for k in ("clock", "reset"))
    taps: dict[_Tap, tuple[str, str, str]] = {}
    for tap in _taps(graph):
        names = [f"{tap.side}__{k}" for k in ("valid", "ready", "payload")]
        codes = [vcd.find(header, f"fifo_{tap.edge}", n) for n in names]
        if all(c is not None for c in codes):
            taps[tap] = (codes[0] or "", codes[1] or "", codes[2] or "")
    if clock is None or reset is None or not taps:
        return {}
    beats: dict[_Tap, list[int]] = {tap: [] for tap in taps}
    wanted = {reset, *(c for codes in taps.values() for c in codes)}
    for values in vcd.edges(lines, clock, wanted):
        if values[reset] == rig.ports.reset_level:
            continue
        for tap, (valid, ready, payload) in taps.items():
            if values[valid] and values[ready]:
                beats[tap].append(values[payload] or 0)
    return {tap.label: _last_frame(tap.stream, b) for tap, b in beats.items()}


def _last_frame(stream: Stream, beats: list[int]) -> np.ndarray:
    """Return the integers of the last beats; when the waves end, the design is empty."""
    data = b"".join(b.to_bytes(stream.bytes, "little") for b in beats[-stream.beats :])
    packed = np.frombuffer(data, np.uint8).reshape(-1, stream.bytes)
    return stream.unpack_beats(packed).ravel()


def _make(keep: Path) -> None:
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {keep}: {error.strerror or error}") from error


def _leave(
    keep: Path,
    golden: dict[str, np.ndarray],
    seen: dict[str, np.ndarray],
    wave: Path,
    difference: Difference,
) -> Difference:
    """Write the values of all layers; return the difference with the names of the files."""
    files = [keep / "golden.npz", *([keep / "seen.npz"] if seen else [])]
    np.savez_compressed(files[0], allow_pickle=False, **golden)
    if seen:
        np.savez_compressed(files[1], allow_pickle=False, **seen)
    else:
        (keep / "seen.npz").unlink(missing_ok=True)
    if wave.is_file():
        files.append(wave)
    summary = keep / "mismatch.json"
    difference = replace(difference, files=(*files, summary))
    write_json(summary, difference.to_json())
    return difference
