"""Runs a design in any engine: frames in, a `Capture` out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bitrill.engines import Engine
from bitrill.errors import SpecError, ToolError
from bitrill.progress import Progress, silent

from . import cocotb_sim, verilator
from .job import NO_ACCESS, Capture, Job, Stream, patience, pieces
from .ports import Dut, Ports
from .tools import discard, scratch_folder
from .words import StreamWords

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A design to run in one engine: ``dut`` (Verilog), or ``component`` for engine amaranth.

    ``cycles``: how long a frame may take in an idle design, which bounds every wait. ``access`` and
    ``words`` are passed to the `Job` of each run. ``models``: folder of the Verilator models,
    ``work`` if None.
    """

    engine: Engine
    i: Stream
    o: Stream
    work: Path
    cycles: int
    ports: Ports
    dut: Dut | None = None
    component: Component | None = None
    access: np.ndarray = field(default_factory=lambda: NO_ACCESS)
    words: tuple[StreamWords, ...] = ()
    models: Path | None = None
    progress: Progress = silent

    def on(self, engine: Engine) -> Rig:
        """Return the same design in another engine."""
        return replace(self, engine=engine)

    @contextmanager
    def run(
        self,
        frames: np.ndarray,
        schedules: tuple[np.ndarray, np.ndarray],
        *,
        seed: int = 0,
        wave: Path | None = None,
        wave_from: int = -(1 << 40),
        wave_to: int = 1 << 40,
    ) -> Iterator[Capture]:
        """Run ``frames`` ``[N, *shape]`` through the design; a context with the recording.

        ``schedules``: stall schedules of source and sink. The run's folder is removed at the end;
        if a tool fails, its log is kept.
        """
        source, sink = schedules
        job = Job(
            folder=scratch_folder("run.", self.work),
            i=self.i,
            o=self.o,
            frames=len(frames),
            source=source,
            sink=sink,
            patience=patience(self.cycles, source, sink),
            frame_cycles=self.cycles,
            seed=seed,
            wave=wave,
            wave_from=wave_from,
            wave_to=wave_to,
            access=self.access,
            words=self.words,
        )
        try:
            job.write(pieces(frames, self.i.tensor.size))
            capture = self._simulate(job)
        except BaseException as error:
            _clear(job.folder, error.details.get("log") if isinstance(error, ToolError) else None)
            raise
        try:
            yield capture
        finally:
            shutil.rmtree(job.folder, ignore_errors=True)

    def _simulate(self, job: Job) -> Capture:
        if self.engine == "amaranth":
            from . import amaranth_sim

            if self.component is None:
                raise SpecError("engine amaranth must have an Amaranth component, not Verilog")
            return amaranth_sim.simulate(
                self.component, job, ports=self.ports, progress=self.progress
            )
        if self.dut is None:
            raise SpecError(
                f"engine {self.engine} must have Verilog, not only an Amaranth component"
            )
        if self.engine == "verilator":
            return verilator.simulate(
                self.dut, job, self.work, models=self.models, progress=self.progress
            )
        simulator = "icarus" if self.engine == "icarus" else "verilator"
        return cocotb_sim.simulate(
            self.dut,
            job,
            self.work,
            simulator=simulator,
            models=self.models,
            progress=self.progress,
        )


def _clear(folder: Path, log: object) -> None:
    """Remove a run's folder, except the log that an error names, if it is in it."""
    if log is None or not Path(str(log)).is_relative_to(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path != Path(str(log)):
            discard(path)
