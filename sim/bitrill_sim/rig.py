"""A design in a simulator: frames in, a `Capture` out, whatever the engine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from bitrill.errors import SpecError, StorageError, ToolError

from . import cocotb_sim, verilator
from .job import NO_ACCESS, Capture, Job, Progress, Stream, patience, pieces, silent
from .ports import Dut, Ports
from .words import Words

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component

Engine = Literal["verilator", "cocotb", "icarus", "amaranth"]
ENGINES: tuple[Engine, ...] = ("verilator", "cocotb", "icarus", "amaranth")


@dataclass(frozen=True, kw_only=True)
class Rig:
    """``dut`` (Verilog) or, for engine amaranth, ``component``, between two streams.

    ``cycles``: how long a frame may take through an idle design; bounds every wait. ``access`` and
    ``words``: as those of a `Job`, in each run.
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
    words: tuple[Words, ...] = ()
    progress: Progress = silent

    def on(self, engine: Engine) -> Rig:
        """The same design in another simulator."""
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
    ) -> Iterator[Capture]:
        """``frames`` ``[N, *shape]`` through the design; what was recorded lasts for the block.

        A tool that fails leaves its log in the run's folder.
        """
        source, sink = schedules
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="run.", dir=self.work))
        except OSError as error:
            raise StorageError(f"cannot write {self.work}: {error.strerror or error}") from error
        job = Job(
            folder=folder,
            i=self.i,
            o=self.o,
            frames=len(frames),
            source=source,
            sink=sink,
            patience=patience(self.cycles, source, sink),
            seed=seed,
            wave=wave,
            wave_from=wave_from,
            access=self.access,
            words=self.words,
        )
        try:
            job.write(pieces(frames, self.i.tensor.size))
            capture = self._simulate(job)
        except BaseException as error:
            if not (isinstance(error, ToolError) and "log" in error.details):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        try:
            yield capture
        finally:
            shutil.rmtree(folder, ignore_errors=True)

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
                f"engine {self.engine} must have Verilog, not an Amaranth component alone"
            )
        if self.engine == "verilator":
            return verilator.simulate(self.dut, job, self.work, progress=self.progress)
        simulator = "icarus" if self.engine == "icarus" else "verilator"
        return cocotb_sim.simulate(
            self.dut, job, self.work, simulator=simulator, progress=self.progress
        )
