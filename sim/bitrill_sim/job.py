"""A job is one run of a simulator: its inputs and its recording, in files common to all engines.

Inputs in the job's folder: ``x.bin`` (input beats), ``source.bin`` and ``sink.bin`` (stall
schedules, one byte a cycle, repeated), ``access.bin`` (registers to write and read back first,
uint32 pairs), and for each stream of words ``words0.bin`` and ``feed0.bin`` (its stall schedule),
and so on. Recording: ``y.bin`` (output beats), ``in.bin`` (cycles in which each input beat was
offered and accepted, int64), ``out.bin`` (cycle in which each output beat was taken, int64) and
``fed0.bin`` and so on (cycle in which each word was offered, int64). Cycle 0 is the first after
reset, which follows the accesses.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from bitrill.errors import SimulationTimeout, StorageError
from bitrill.ir.beats import beat_bytes, pack_beats, unpack_beats
from bitrill.ir.graph import INPUT, Graph
from bitrill.ir.types import Tensor

from . import stalls
from .ports import Ports
from .words import StreamWords

NO_ACCESS = np.empty((0, 2), np.uint32)
"""The accesses of a job that writes no registers."""

CHUNK_BYTES = 1 << 24
"""Approximate size of the pieces in which frames are packed and compared."""


@dataclass(frozen=True)
class Stream:
    """The stream on one side of a design: ``lanes`` elements of ``tensor`` in a beat."""

    tensor: Tensor
    lanes: int
    padded: bool

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return self.tensor.size // self.lanes

    @property
    def bits(self) -> int:
        """Bits of a beat, without padding."""
        return self.lanes * self.tensor.type.bits

    @property
    def bytes(self) -> int:
        """Bytes of a beat."""
        return beat_bytes(self.tensor.type, self.lanes)

    def pack(self, values: np.ndarray) -> np.ndarray:
        """Pack frames into uint8 ``[beats, bytes]``.

        In every second beat the padding is all ones, which a design must ignore.
        """
        beats = pack_beats(values, self.tensor.type, self.lanes)
        if self.padded and self.bits % 8:
            beats[1::2, -1] |= 0xFF & (0xFF << self.bits % 8)
        return beats

    def unpack(self, beats: np.ndarray) -> np.ndarray:
        """Unpack uint8 ``[N * beats, bytes]`` into int64 ``[N, size]``."""
        return self.unpack_beats(beats).reshape(-1, self.tensor.size)

    def unpack_beats(self, beats: np.ndarray) -> np.ndarray:
        """Unpack uint8 ``[n, bytes]`` into int64 ``[n, lanes]``."""
        return unpack_beats(beats, self.tensor.type, self.lanes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A run of ``frames`` frames through a design with streams ``i`` and ``o``.

    The source offers a beat, and the sink takes one, only in cycles that the schedules ``source``
    and ``sink`` allow. The run ends after ``patience`` cycles without a beat. ``frame_cycles``:
    cycles that a frame may take in an idle design. ``access``: addresses and data of registers;
    ``words``: further input streams, whose schedules follow from ``source``. ``wave``: file for the
    waves, from cycle ``wave_from`` to the one before ``wave_to`` if the engine supports that.
    """

    folder: Path
    i: Stream
    o: Stream
    frames: int
    source: np.ndarray
    sink: np.ndarray
    patience: int
    frame_cycles: int = 0
    seed: int = 0
    access: np.ndarray = field(default_factory=lambda: NO_ACCESS)
    words: tuple[StreamWords, ...] = ()
    wave: Path | None = None
    wave_from: int = -(1 << 40)
    wave_to: int = 1 << 40

    def write(self, frames: Iterable[np.ndarray]) -> None:
        """Write the input files; ``frames``: arrays ``[n, *shape]``, ``self.frames`` in all."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "x.bin").open("wb") as file:
                for piece in frames:
                    file.write(self.i.pack(piece).tobytes())
            for name, cycles in (("source", self.source), ("sink", self.sink)):
                (self.folder / f"{name}.bin").write_bytes(cycles.astype(np.uint8).tobytes())
            (self.folder / "access.bin").write_bytes(self.access.astype("<u4").tobytes())
            for k, stream in enumerate(self.words):
                feed = np.roll(self.source, 37 * (k + 1)).astype(np.uint8)
                (self.folder / f"feed{k}.bin").write_bytes(feed.tobytes())
                (self.folder / f"words{k}.bin").write_bytes(stream.words.tobytes())
        except OSError as error:
            raise StorageError(f"cannot write {self.folder}: {error.strerror or error}") from error

    @property
    def cycles(self) -> float:
        """Approximate length of the run, without registers, in cycles."""
        pace = min(float(np.mean(s != 0)) for s in (self.source, self.sink))
        return self.frames * self.frame_cycles / max(pace, 1e-3)

    @property
    def numbers(self) -> dict[str, int]:
        """Parameters for a bench in another process."""
        return {
            "frames": self.frames,
            "in_beats": self.i.beats,
            "out_beats": self.o.beats,
            "in_bytes": self.i.bytes,
            "out_bytes": self.o.bytes,
            "in_bits": 8 * self.i.bytes if self.i.padded else self.i.bits,
            "out_bits": self.o.bits,
            "patience": self.patience,
            "accesses": len(self.access),
            "words": len(self.words),
            **{f"word{k}_bytes": w.words.shape[1] for k, w in enumerate(self.words)},
        }


@dataclass(frozen=True)
class Violation:
    """The first time that the design broke a rule of a stream.

    ``kind``: ``last`` (tlast is not at the end of a frame), ``padding`` (not zero), ``unstable``
    (the payload changed while it waited), ``dropped`` (valid was withdrawn), ``extra`` (a beat too
    many), ``error`` (the error flag rose), ``unknown`` (X or Z instead of a value). For registers:
    ``refused`` (no OKAY), ``readback`` (other data than written), ``silent`` (no answer); ``beat``
    is then the number of the access.
    """

    kind: str
    cycle: int
    beat: int

    def __str__(self) -> str:
        what = {
            "last": "tlast is not at the end of the frame",
            "padding": "padding bits are not zero",
            "unstable": "the payload changes while valid waits for ready",
            "dropped": "valid is withdrawn before ready",
            "extra": "a beat follows the last frame",
            "error": "the error flag is set on good frames",
            "unknown": "a bit is unknown (X or Z)",
            "refused": "an access to a register gets an error response",
            "readback": "a register returns other data than was written",
            "silent": "an access to a register is never answered",
        }[self.kind]
        if self.kind in ("refused", "readback", "silent"):
            return f"{what} (access {self.beat})"
        return f"{what} (output beat {self.beat}, cycle {self.cycle})"


@dataclass(frozen=True, eq=False)
class Capture:
    """Recording of a run; its arrays are memory-mapped files of the job."""

    job: Job
    status: str
    cycles: int
    violations: tuple[Violation, ...]

    @cached_property
    def _in(self) -> np.ndarray:
        return _mapped(self.job.folder / "in.bin", np.dtype("<i8")).reshape(-1, 2)

    @property
    def offered(self) -> np.ndarray:
        """First cycle in which the source offered each accepted beat."""
        return self._in[:, 0]

    @property
    def accepted(self) -> np.ndarray:
        """Cycle in which each input beat moved."""
        return self._in[:, 1]

    @cached_property
    def taken(self) -> np.ndarray:
        """Cycle in which each output beat moved."""
        return _mapped(self.job.folder / "out.bin", np.dtype("<i8"))

    @cached_property
    def beats(self) -> np.ndarray:
        """Output beats, uint8 ``[n, bytes]``."""
        return _mapped(self.job.folder / "y.bin", np.dtype("u1")).reshape(-1, self.job.o.bytes)

    def fed(self, k: int) -> np.ndarray:
        """Return the first cycle in which each accepted word of stream ``k`` was offered."""
        return _mapped(self.job.folder / f"fed{k}.bin", np.dtype("<i8"))

    @property
    def ready(self) -> np.ndarray:
        """Whether the sink was ready, cycle by cycle."""
        return np.resize(self.job.sink, max(self.cycles, 1))

    def values(self, start: int, stop: int) -> np.ndarray:
        """Return the output integers of frames ``start .. stop - 1``, int64 ``[n, size]``."""
        beats = self.job.o.beats
        return self.job.o.unpack(self.beats[start * beats : stop * beats])

    @property
    def whole(self) -> int:
        """Number of complete output frames."""
        return len(self.taken) // self.job.o.beats

    def check_finished(self) -> None:
        """Raise a `SimulationTimeout` that names the stream, if the run hung."""
        if self.status == "done" or any(v.kind == "extra" for v in self.violations):
            return
        n_in, n_out = len(self.accepted), len(self.taken)
        beats_in, beats_out = self.job.i.beats, self.job.o.beats
        name = "m_axis" if self.job.o.padded else "o"
        hung = f"{name} gave beat {n_out % beats_out} of frame {n_out // beats_out} never"
        if n_in < beats_in * self.job.frames:
            name = "s_axis" if self.job.i.padded else "i"
            hung = (
                f"{name} took beat {n_in % beats_in} of frame {n_in // beats_in} never"
                f" ({n_out} output beats came out)"
            )
        raise SimulationTimeout(
            f"stream {hung}, waited for {self.job.patience} cycles after the last beat that moved"
            + "".join(f"; before that, {v}" for v in self.violations),
            stream=name,
            accepted=n_in,
            taken=n_out,
            cycles=self.cycles,
        )


def streams(graph: Graph, ports: Ports) -> tuple[Stream, Stream]:
    """Return the input and output stream of a FOLDED graph's hardware."""
    first, last = graph.reader(INPUT), graph.producer(graph.output)
    return (
        Stream(graph.source.tensor, first.lanes_in, ports.padded),
        Stream(graph.sink.tensor, last.lanes_out, ports.padded),
    )


def patience(cycles: int, source: np.ndarray, sink: np.ndarray) -> int:
    """Return the number of cycles without a beat after which a run counts as hung.

    ``cycles``: latency plus interval of the design.
    """
    slowest = min(source.mean(), sink.mean())
    pause = max(stalls.longest_pause(source), stalls.longest_pause(sink))
    return int(4 * (cycles + 64) / slowest) + 2 * pause


def pieces(frames: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield ``frames`` in pieces of about `CHUNK_BYTES`, for ``size`` elements a frame."""
    step = max(1, CHUNK_BYTES // (8 * size))
    for start in range(0, len(frames), step):
        yield frames[start : start + step]


def _mapped(path: Path, dtype: np.dtype) -> np.ndarray:
    """Return the numbers of a file, memory-mapped."""
    n = path.stat().st_size // dtype.itemsize
    return np.memmap(path, dtype, "r", shape=(n,)) if n else np.empty(0, dtype)
