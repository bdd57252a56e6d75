"""The training loop of recipes: seeds, checkpoints, resuming, and the metrics of a finished run.

`bitrill.train.train` calls it and describes its arguments.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import StorageError
from ..storage import read_bytes, read_json, remove, write_json
from . import (
    brevitas_quantizers,
    datasets,
    grid_weights,
    prune,
    qonnx_export,
    recipe_networks,
    weight_statistics,
)
from .epochs import Report, train_epoch
from .evaluation import decisions, noisy
from .lut_recipe import LutOptions
from .precise_recipe import PrecisionOptions
from .recipes import WIDTHS, Options
from .state_files import check_options, read_state, warn_of_restart, whole, write_state

Progress: TypeAlias = Callable[[int, int, int, int, float, float | None], None]
"""Function called after every batch: ``(epoch, epochs, batch, batches, loss, accuracy)``.

Epochs and batches count from 1; ``loss`` is the mean over the epoch so far, ``accuracy`` the last
one measured, None before.
"""

FORMAT = 1
"""Version of ``checkpoint.pt``; any other is refused."""

LEARNING_RATE = 0.02

EXPORT_SAMPLES = 32
"""Test images on which the export is compared with torch."""


@dataclass(frozen=True)
class TrainedNetwork:
    """Result of a finished run; ``out`` and ``model`` are None if nothing was written."""

    options: Options | LutOptions | PrecisionOptions
    metrics: dict[str, Any]
    module: nn.Module
    out: Path | None
    model: Path | None

    @property
    def accuracy(self) -> float:
        """Accuracy over the whole test split after the last epoch, 0..1."""
        return self.metrics["accuracy"]


class Epoch(TypedDict):
    """Mean loss of an epoch, and the accuracy on the test split after it."""

    loss: float
    accuracy: float


@dataclass
class _Run:
    """State of a run, as it is saved in a checkpoint."""

    options: Options
    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    history: list[Epoch] = field(default_factory=list)

    @staticmethod
    def start(options: Options, x: Tensor) -> "_Run":
        torch.manual_seed(options.seed)
        network = recipe_networks.build(options)
        if options.prune and options.recipe in WIDTHS:
            prune.drop_constant_inputs(network, x)
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        steps = options.n_epochs * (len(x) // options.batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return _Run(options, network, optimizer, schedule)

    def save(self, path: Path) -> None:
        """Write the checkpoint, completely or not at all."""
        state = {
            "options": self.options.to_json(),
            "history": self.history,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "rng": torch.get_rng_state(),
        }
        write_state(path, state, FORMAT)

    def restore(self, path: Path) -> None:
        """Restore the state from a checkpoint.

        Raises `SpecError` for another run's checkpoint, `StorageError` for a damaged one.
        """
        state = read_state(path, FORMAT, ["options"])
        check_options(path, state["options"], self.options.to_json())
        with whole(path):
            brevitas_quantizers.load_state(self.network, state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            torch.set_rng_state(state["rng"])
            self.history = [Epoch(**epoch) for epoch in state["history"]]

    def epoch(self, x: Tensor, labels: Tensor, report: Report) -> float:
        """Train on all training images once; return the mean loss."""
        self.network.train()
        batch, number = self.options.batch, len(self.history) + 1
        steps = self.options.n_epochs * (len(x) // batch)

        def step(chosen: Tensor, k: int) -> float:
            if self.options.prune:
                prune.update(self.network, self.options.prune, k, steps)
            return self._step(x[chosen], labels[chosen])

        hint = "; try another seed, or check mean and std"
        return train_epoch(step, len(x), batch, number=number, report=report, hint=hint)

    def _step(self, x: Tensor, labels: Tensor) -> float:
        """Train on one batch; return its loss."""
        loss = squared_hinge(self.network(x), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        brevitas_quantizers.clamp_weights(self.network)
        grid_weights.clamp_scales(self.network)
        return loss.item()


def squared_hinge(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean of ``max(0, 1 - t*y)**2`` with targets t of -1 and +1.

    ``labels``: classes ``[N]``, or 0 and 1 of the logits' shape.
    """
    each = labels.shape == logits.shape
    targets = (labels if each else functional.one_hot(labels, logits.shape[1])) * 2 - 1
    return functional.relu(1 - logits * targets).square().mean()


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


def run(
    options: Options,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    fetching: datasets.FetchProgress | None = None,
) -> TrainedNetwork:
    """Train a recipe: the work of `bitrill.train.train`."""

    def load(split: datasets.Split) -> Iterator[Tensor]:
        return map(torch.from_numpy, datasets.load(options.dataset, split, progress=fetching))

    x, labels = load("train")
    x_test, labels_test = load("test")
    if options.segments:
        (x, labels), (x_test, labels_test) = noisy(x, 1), noisy(x_test, 2)
    if options.sequential:
        x, x_test = x.flatten(2), x_test.flatten(2)
    with quiet_torch():
        state = _Run.start(options, x)
        checkpoint = out / "checkpoint.pt" if out else None
        if checkpoint and resume and checkpoint.exists():
            state.restore(checkpoint)
            if out and (done := _finished(out, state)):
                return done
        elif checkpoint:
            warn_of_restart(checkpoint)
            state.save(checkpoint)
        if out:
            for stale in ("model.onnx", "metrics.json"):
                remove(out / stale)
        while len(state.history) < options.n_epochs:
            _epoch(state, (x, labels, x_test, labels_test), progress)
            if checkpoint:
                state.save(checkpoint)
        return _finish(state, x_test, out)


def _epoch(state: _Run, data: tuple[Tensor, ...], progress: Progress | None) -> None:
    x, labels, x_test, labels_test = data
    number, epochs = len(state.history) + 1, state.options.n_epochs
    last = state.history[-1]["accuracy"] if state.history else None

    def report(batch: int, batches: int, loss: float) -> None:
        if progress is not None:
            progress(number, epochs, batch, batches, loss, last)

    loss = state.epoch(x, labels, report)
    right = decisions(state.network, x_test) == labels_test
    state.history.append({"loss": loss, "accuracy": int(right.sum()) / right.numel()})
    if progress is not None:
        batches = len(x) // state.options.batch
        progress(number, epochs, batches, batches, loss, state.history[-1]["accuracy"])


def _finished(out: Path, state: _Run) -> TrainedNetwork | None:
    """Return the result of a run if its files are complete and belong to this checkpoint."""
    if len(state.history) < state.options.n_epochs:
        return None
    try:
        metrics = read_json(out / "metrics.json")
        digest = hashlib.sha256(read_bytes(out / "model.onnx")).hexdigest()
    except StorageError:
        return None
    if metrics.get("model_sha256") != digest or metrics.get("epochs") != state.history:
        return None
    state.network.eval()
    return TrainedNetwork(state.options, metrics, state.network, out, out / "model.onnx")


def _finish(state: _Run, x_test: Tensor, out: Path | None) -> TrainedNetwork:
    network = state.network.eval()
    metrics: dict[str, object] = {
        "name": state.options.name,
        "options": state.options.to_json(),
        "epochs": state.history,
        "accuracy": state.history[-1]["accuracy"],
        "test_images": len(x_test),
        "parameters": sum(p.numel() for p in network.parameters()),
        "coding": state.options.weights,
        "layers": weight_statistics.layers(network),
        "versions": {name: version(name) for name in ("torch", "brevitas")},
    }
    if out is None:
        return TrainedNetwork(state.options, metrics, network, None, None)
    model = out / "model.onnx"
    report = qonnx_export.export(network, x_test[:EXPORT_SAMPLES], model)
    metrics["export"] = report.to_json()
    metrics["model_sha256"] = hashlib.sha256(read_bytes(model)).hexdigest()
    write_json(out / "metrics.json", metrics)
    return TrainedNetwork(state.options, metrics, network, out, model)
