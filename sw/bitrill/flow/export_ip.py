"""The verb `export-ip`: a compiled network as a core for designs of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SpecError, StorageError
from .builds import Build, BuildLike, open_build
from .extras import Progress, extra, logged
from .result import Json, Result, TextTable
from .verilog_file import write_verilog

if TYPE_CHECKING:
    from bitrill_boards.ip.core import Port

WIDTHS = tuple(8 << k for k in range(8))
"""Bits that a beat may have, as converters and DMA engines of AXI4-Stream take them."""


@dataclass(frozen=True, repr=False)
class ExportedIp(Result):
    """Result of `export_ip`: the core's ``folder``, its ``files`` and ``ports``.

    ``interval``: cycles from frame to frame, as text; ``latency``: cycles
    from a frame's first beat in to its result's last beat out.
    """

    folder: Path
    name: str
    names: tuple[str, ...]
    ports: tuple[Port, ...]
    interval: str
    latency: int

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of all files."""
        return tuple(str(self.folder / name) for name in self.names)

    def summary(self) -> dict[str, object]:
        return {
            "core": self.name,
            "folder": self.folder,
            "interval": self.interval,
            "latency": self.latency,
        }

    def tables(self) -> tuple[TextTable, ...]:
        rows = [(p.name, p.direction, p.width) for p in self.ports]
        return (TextTable.of(("port", "direction", "bits"), rows, texts=2),)

    def to_json(self) -> Json:
        return {
            "name": self.name,
            "folder": str(self.folder),
            "files": list(self.files),
            "ports": [p.to_json() for p in self.ports],
            "interval": self.interval,
            "latency": self.latency,
        }


def export_ip(
    build: BuildLike,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    stream_bits: int | None = None,
    control: bool = False,
    counters: bool = False,
    samples: int = 16,
    seed: int = 0,
    progress: Progress = logged,
) -> ExportedIp:
    """Write a core with AXI4-Stream ports to ``out`` (default: ``ip/NAME`` in the build).

    ``name``: of the core and its modules, an identifier in Verilog and VHDL; default: the
    network's. ``stream_bits``: bits of a beat on both sides, 8 to 1024, a power of two: frames are
    dense bits; default: the network's own beats. ``control``: AXI4-Lite registers, with
    counters of frames, cycles, and waits at both edges; ``counters``: those registers, and counters
    of each layer. ``samples``: recorded frames of the testbench,
    corner cases first, then noise of ``seed``. Raises `SpecError` for impossible options,
    `StorageError` for a folder that is not an earlier export, and for a build whose Verilog is not
    what Bitrill writes for its graph; then nothing is written.
    """
    with extra("hw", "export-ip"):
        from bitrill_boards import vectors
        from bitrill_boards.ip import core_names, export
        from bitrill_boards.ip.core import Core
    _check(stream_bits, samples)
    given = None if name is None else core_names.checked(name)
    built = open_build(build)
    chosen = given or core_names.default(built.graph.name)
    target = built.folder / "ip" / chosen if out is None else Path(out)
    if target.resolve() == built.folder.resolve():
        raise StorageError(f"{target} is the build itself: the core must go elsewhere")
    export.check_target(target)
    progress("writing the core", 0, 2)
    registers = {"control": control or counters, "counters": counters}
    verilog = _verilog(built, counters)
    core = Core(chosen, built.graph, built.predicted, verilog, stream_bits, **registers)
    progress("recording frames", 1, 2)
    data = export.files(core, vectors.frames(built.graph, samples, seed))
    written = export.write(target, core, data)
    return ExportedIp(
        target, chosen, tuple(written), tuple(core.ports), str(core.interval), core.latency
    )


def _verilog(build: Build, counters: bool) -> str:
    """Return the network's Verilog, once the build's own is checked."""
    checked = build.checked_verilog()
    return write_verilog(build.graph, "export-ip", watched=True) if counters else checked


def _check(stream_bits: int | None, samples: int) -> None:
    """Raise a `SpecError` with all reasons if an option is impossible."""
    reasons = []
    if stream_bits is not None and stream_bits not in WIDTHS:
        reasons.append(
            f"--stream-bits must be one of {', '.join(map(str, WIDTHS))}, not {stream_bits}"
        )
    if samples < 1:
        reasons.append(f"--samples must be at least 1, not {samples}")
    if reasons:
        raise SpecError("; ".join(reasons))
