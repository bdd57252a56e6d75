"""Runs of recipes: epochs with a checkpoint after each, resuming, the files of a finished run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from ..storage import read_bytes, remove, write_json
from . import datasets
from .epochs import Report
from .run_options import RunOptions
from .state_files import check_options, read_state, warn_of_restart, whole, write_state

Progress: TypeAlias = Callable[[int, int, int, int, float, float | None], None]
"""Function called after every batch: ``(epoch, epochs, batch, batches, loss, accuracy)``.

Epochs and batches count from 1; ``loss`` is the mean over the epoch so far, ``accuracy`` the last
one measured, None before.
"""

FORMAT = 1
"""Version of ``checkpoint.pt``; any other is refused."""

STALE = ("model.onnx", "metrics.json")
"""Files of a finished run, which a run that begins or goes on removes."""


@dataclass(frozen=True)
class TrainedNetwork:
    """Result of a finished run; ``out`` and ``model`` are None if nothing was written."""

    options: RunOptions
    metrics: dict[str, Any]
    module: nn.Module
    out: Path | None
    model: Path | None

    @property
    def accuracy(self) -> float:
        """Accuracy over the whole test split, 0..1."""
        return self.metrics["accuracy"]


class RecipeRun(Protocol):
    """State of a recipe's run."""

    @property
    def options(self) -> RunOptions:
        """Options of the run."""
        ...

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """Figures of each epoch that is done, ``loss`` among them."""
        ...

    @property
    def accuracy(self) -> float | None:
        """The accuracy after the last epoch; None before the first."""
        ...

    def state(self) -> dict[str, object]:
        """Return what a checkpoint holds: tensors and plain values."""
        ...

    def take(self, state: Mapping[str, Any]) -> None:
        """Continue from a checkpoint's state."""
        ...


@contextmanager
def quiet_torch() -> Iterator[None]:
    """Use one thread (two are slower on small shared machines), and keep the caller's RNG."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)


def load_splits(
    options: RunOptions, fetching: datasets.FetchProgress | None
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return images and labels of the data set, to train on and to test."""

    def load(split: datasets.Split) -> tuple[Tensor, Tensor]:
        x, labels = datasets.load(options.dataset, split, progress=fetching)
        return torch.from_numpy(x), torch.from_numpy(labels)

    return load("train"), load("test")


def restore(run: RecipeRun, path: Path) -> None:
    """Restore the state from a checkpoint.

    Raises `SpecError` for another run's checkpoint, `StorageError` for a damaged one.
    """
    state = read_state(path, FORMAT, ["options"])
    check_options(path, state["options"], run.options.to_json())
    with whole(path):
        run.take(state)
        torch.set_rng_state(state["rng"])


def resumed(run: RecipeRun, out: Path | None, resume: bool) -> bool:
    """Return whether the run goes on from its checkpoint in ``out``; else write its first one."""
    if out is None:
        return False
    checkpoint = out / "checkpoint.pt"
    if resume and checkpoint.exists():
        restore(run, checkpoint)
        return True
    warn_of_restart(checkpoint)
    _save(run, out)
    return False


def train_epochs(
    run: RecipeRun, epoch: Callable[[Report], None], out: Path | None, progress: Progress | None
) -> None:
    """Call ``epoch`` for each epoch that is not done yet, and write a checkpoint after each.

    ``epoch`` trains on all images once and adds to the run's history.
    """
    if out:
        for name in STALE:
            remove(out / name)
    epochs, batches = run.options.n_epochs, 0

    def report(batch: int, n: int, loss: float) -> None:
        nonlocal batches
        batches = n
        if progress is not None:
            progress(len(run.history) + 1, epochs, batch, n, loss, run.accuracy)

    while len(run.history) < epochs:
        epoch(report)
        if progress is not None:
            loss = run.history[-1]["loss"]
            progress(len(run.history), epochs, batches, batches, loss, run.accuracy)
        if out:
            _save(run, out)


def _save(run: RecipeRun, out: Path) -> None:
    """Write the checkpoint, whole or not at all."""
    about = {"options": run.options.to_json(), "rng": torch.get_rng_state()}
    write_state(out / "checkpoint.pt", about | run.state(), FORMAT)


def finish(
    run: RecipeRun,
    network: nn.Module,
    metrics: Mapping[str, object],
    out: Path | None,
    write_model: Callable[[Path], Mapping[str, object]],
) -> TrainedNetwork:
    """Write the model and ``metrics.json``, and return the result of a run.

    ``metrics``: the recipe's own figures; ``write_model`` writes the model to a path and returns
    what is to be said of the file.
    """
    options = run.options
    known = {"name": options.name, "options": options.to_json(), "epochs": run.history, **metrics}
    if out is None:
        return TrainedNetwork(options, known, network, None, None)
    model = out / "model.onnx"
    known |= write_model(model)
    known["model_sha256"] = hashlib.sha256(read_bytes(model)).hexdigest()
    write_json(out / "metrics.json", known)
    return TrainedNetwork(options, known, network, out, model)
