"""The training of recipes with Brevitas: an epoch, the schedule of rates, the export.

`bitrill.train.train` calls it and describes its arguments.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import StorageError
from ..storage import read_bytes, read_json
from . import (
    brevitas_quantizers,
    datasets,
    grid_weights,
    magnitude_pruning,
    qonnx_export,
    recipe_networks,
    weight_statistics,
)
from .epochs import Epoch, Report, train_epoch
from .evaluation import noisy, share_right
from .recipe_runs import (
    Progress,
    TrainedNetwork,
    finish,
    load_splits,
    quiet_torch,
    resumed,
    train_epochs,
)
from .recipes import WIDTHS, Options

LEARNING_RATE = 0.02

EXPORT_SAMPLES = 32
"""Test images on which the export is compared with torch."""


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
            magnitude_pruning.drop_constant_inputs(network, x)
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        steps = options.n_epochs * (len(x) // options.batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return _Run(options, network, optimizer, schedule)

    @property
    def accuracy(self) -> float | None:
        return self.history[-1]["accuracy"] if self.history else None

    def state(self) -> dict[str, object]:
        return {
            "history": self.history,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def take(self, state: Mapping[str, Any]) -> None:
        brevitas_quantizers.load_state(self.network, state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def epoch(self, x: Tensor, labels: Tensor, report: Report) -> float:
        """Train on all training images once; return the mean loss."""
        self.network.train()
        batch, number = self.options.batch, len(self.history) + 1
        steps = self.options.n_epochs * (len(x) // batch)

        def step(chosen: Tensor, k: int) -> float:
            if self.options.prune:
                magnitude_pruning.update(self.network, self.options.prune, k, steps)
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


def run(
    options: Options,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    fetching: datasets.FetchProgress | None = None,
) -> TrainedNetwork:
    """Train a recipe: the work of `bitrill.train.train`."""
    (x, labels), (x_test, labels_test) = load_splits(options, fetching)
    if options.segments:
        (x, labels), (x_test, labels_test) = noisy(x, 1), noisy(x_test, 2)
    if options.sequential:
        x, x_test = x.flatten(2), x_test.flatten(2)
    with quiet_torch():
        state = _Run.start(options, x)
        if resumed(state, out, resume) and out and (done := _finished(out, state)):
            return done

        def epoch(report: Report) -> None:
            loss = state.epoch(x, labels, report)
            right = share_right(state.network, x_test, labels_test)
            state.history.append({"loss": loss, "accuracy": right})

        train_epochs(state, epoch, out, progress)
        return _finish(state, x_test, out)


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
        "accuracy": state.accuracy,
        "test_images": len(x_test),
        "parameters": sum(p.numel() for p in network.parameters()),
        "coding": state.options.weights,
        "layers": weight_statistics.layers(network),
        "versions": {name: version(name) for name in ("torch", "brevitas")},
    }

    def write_model(path: Path) -> dict[str, object]:
        report = qonnx_export.export(network, x_test[:EXPORT_SAMPLES], path)
        return {"export": report.to_json()}

    return finish(state, network, metrics, out, write_model)
