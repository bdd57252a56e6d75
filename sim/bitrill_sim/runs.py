"""One run of a design and its comparison with the golden model."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bitrill.engines import Engine
from bitrill.ir.graph import Graph
from bitrill.timing.predict import Timing

from . import stalls
from .diagnosis import diagnose
from .job import Capture, Violation, pieces
from .measured import Measured, free_frames, late_beat, measure
from .outcome import Difference, Report
from .rig import Rig


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
    """Runs frames through the rig and compares the results with the golden model.

    If there is a prediction, cycles are compared, too.
    """

    rig: Rig
    graph: Graph
    predicted: Timing | None
    seed: int
    keep: Path

    def __call__(
        self, flat: np.ndarray, schedules: stalls.Schedules, *, look: bool = True
    ) -> RunResult:
        """Run frames once; with ``look``, diagnose the first mismatch and keep its files."""
        with self.rig.run(flat, schedules, seed=self.seed) as capture:
            capture.check_finished()
            wrong = self._compare(capture, flat)
            first, late, measured = None, None, None
            if wrong.any() and look:
                self.rig.progress("diagnosing the mismatch", 0, 0)
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
        """Return which output frames are wrong."""
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
