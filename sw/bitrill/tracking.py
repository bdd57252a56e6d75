"""Experiment tracking: what `train`, `compress` and `search` tell a tracker, and two known ones.

MLflow and Weights & Biases are imported by name when they are asked for; Bitrill needs neither.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from .errors import SpecError, ToolError, meant

LOG = logging.getLogger("bitrill.tracking")

Figures: TypeAlias = Mapping[str, object]
"""Figures by name; trackers take the numbers among them."""


class Tracker(Protocol):
    """What is told of a run: one beginning, steps in order, one end."""

    def on_start(self, name: str, parameters: Figures) -> None:
        """Begin a run of a verb with its options."""
        ...

    def on_step(self, step: int, figures: Figures) -> None:
        """Take the figures after an epoch of `train`, a step of `compress`, a trial of `search`."""
        ...

    def on_end(self, figures: Figures, files: Sequence[Path], error: str | None) -> None:
        """End the run: last figures, files to keep, and why it failed, None if it did not."""
        ...


def numbers(figures: Figures) -> dict[str, float]:
    """Return the figures that are numbers."""
    return {
        name: float(value)
        for name, value in figures.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


class MLflow:
    """A run of MLflow, where its own variables say (``MLFLOW_TRACKING_URI``)."""

    def __init__(self) -> None:
        self.mlflow = _module("mlflow")

    def on_start(self, name: str, parameters: Figures) -> None:
        """Start a run."""
        self.mlflow.start_run(run_name=name)
        self.mlflow.log_params({key: str(value) for key, value in parameters.items()})

    def on_step(self, step: int, figures: Figures) -> None:
        """Log metrics."""
        self.mlflow.log_metrics(numbers(figures), step=step)

    def on_end(self, figures: Figures, files: Sequence[Path], error: str | None) -> None:
        """Log metrics and files, and end the run."""
        try:
            self.mlflow.log_metrics(numbers(figures))
            for path in files:
                self.mlflow.log_artifact(str(path))
        finally:
            self.mlflow.end_run("FINISHED" if error is None else "FAILED")


class WandB:
    """A run of Weights & Biases, where its own variables say (``WANDB_PROJECT``)."""

    def __init__(self) -> None:
        self.wandb = _module("wandb")
        self.run: Any = None

    def on_start(self, name: str, parameters: Figures) -> None:
        """Start a run."""
        self.run = self.wandb.init(name=name, config=dict(parameters))

    def on_step(self, step: int, figures: Figures) -> None:
        """Log figures."""
        self.run.log(numbers(figures), step=step)

    def on_end(self, figures: Figures, files: Sequence[Path], error: str | None) -> None:
        """Keep last figures and files, and finish the run."""
        try:
            self.run.summary.update(numbers(figures))
            for path in files:
                self.run.save(str(path), base_path=str(path.parent))
        finally:
            self.run.finish(exit_code=0 if error is None else 1)


TRACKERS: dict[str, type[MLflow | WandB]] = {"mlflow": MLflow, "wandb": WandB}
"""Trackers by the word of ``--track``."""


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ToolError(
            f"tracking needs {error.name}, which is not installed: pip install {name}",
            missing=True,
            package=error.name,
        ) from error


@dataclass
class TrackedRun:
    """A run that is tracked, or not. A tracker that fails is told of once, and left alone."""

    tracker: Tracker | None
    steps: int = 0
    last: dict[str, object] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def step(self, figures: Figures) -> None:
        """Tell the figures of the next step."""
        self.steps += 1
        self.last = dict(figures)
        if self.tracker is not None:
            try:
                self.tracker.on_step(self.steps, figures)
            except Exception as error:  # of the tracker's: the training goes on
                self._left(error)

    def end(self, error: BaseException | None) -> None:
        """Tell the end."""
        if self.tracker is None:
            return
        reason = None if error is None else str(error) or type(error).__name__
        try:
            files = [path for path in self.files if path.is_file()]
            self.tracker.on_end(self.last, files, reason)
        except Exception as fault:
            self._left(fault)

    def _left(self, error: Exception) -> None:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        LOG.warning("the tracker failed, and is told nothing more: %s", reason)
        tracker, self.tracker = self.tracker, None
        if tracker is not None:
            with suppress(Exception):
                tracker.on_end({}, [], reason)


@contextmanager
def tracked(track: str | Tracker | None, name: str, parameters: Figures) -> Iterator[TrackedRun]:
    """Track a run by a word of `TRACKERS`, or by a tracker of the caller's.

    Raises `SpecError` for another word, `ToolError` if its package is missing or does not start.
    """
    if isinstance(track, str):
        if track not in TRACKERS:
            raise SpecError(
                f"track must be one of {', '.join(TRACKERS)}, not {track!r}"
                f"{meant(track, list(TRACKERS))}"
            )
        track = TRACKERS[track]()
    if track is not None:
        try:
            track.on_start(name, parameters)
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ToolError(f"the tracker does not start: {reason}") from error
    run = TrackedRun(track)
    try:
        yield run
    except BaseException as error:
        run.end(error)
        raise
    run.end(None)
