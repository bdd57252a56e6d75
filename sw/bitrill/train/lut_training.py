"""Training of the recipe ``lutnet``: seeds, checkpoints, the export compared with torch.

Tables move by Adam, wires by `LutLayer.rewire`, both at a rate that falls as a cosine. Grey images
of 28x28 pixels are moved by up to one pixel at random.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import MismatchError
from ..frontend import load_model
from ..storage import remove, write_bytes
from . import datasets
from .epochs import Epoch, Report, train_epoch
from .evaluation import share_right
from .lut_network import LutNetwork, Thermometer, live_parts, to_onnx
from .lut_recipe import CLASSES, LutOptions, luts_of
from .recipe_runs import (
    Progress,
    TrainedNetwork,
    finish,
    load_splits,
    quiet_torch,
    restore,
    resumed,
    train_epochs,
)

RATE = 0.02
"""First rate of Adam."""

WIRES_RATE = 0.3
"""Rate of the wires' scores as a part of that of the tables, for a step in three."""

REWIRED = 3
"""Steps from one change of the wires to the next."""

LEVELS = (32, 96, 208)
"""Levels of the thermometer code, of pixels 0 to 255."""

COMPARED = 500
"""Test images on which the exported file is compared with torch."""

MOVED_SIDE = 28
"""Sides of the images that are moved."""


@dataclass
class _LutRun:
    """State of a run: everything that a checkpoint holds."""

    options: LutOptions
    network: LutNetwork
    adam: torch.optim.Adam
    history: list[Epoch] = field(default_factory=list)

    @staticmethod
    def start(options: LutOptions, x: Tensor) -> _LutRun:
        torch.manual_seed(options.seed)
        code = Thermometer.of(x, [(level - 0.5) / 255 for level in LEVELS])
        network = LutNetwork(code, [options.tables], CLASSES, seed=options.seed)
        return _LutRun(options, network, torch.optim.Adam(network.parameters(), lr=RATE))

    @property
    def accuracy(self) -> float | None:
        return self.history[-1]["accuracy"] if self.history else None

    def state(self) -> dict[str, object]:
        return {
            "history": self.history,
            "network": self.network.state_dict(),
            "adam": self.adam.state_dict(),
        }

    def take(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.adam.load_state_dict(state["adam"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def epoch(self, x: Tensor, labels: Tensor, report: Report) -> float:
        """Train on all training images once; return the mean loss."""
        batch, number = self.options.batch, len(self.history) + 1
        steps = self.options.n_epochs * (len(x) // batch)
        self.network.train()

        def step(chosen: Tensor, k: int) -> float:
            rate = (1 + math.cos(math.pi * k / steps)) / 2
            return self._step(moved(x[chosen]), labels[chosen], rate, k)

        return train_epoch(step, len(x), batch, number=number, report=report)

    def _step(self, x: Tensor, labels: Tensor, rate: float, step: int) -> float:
        """Move tables, and every few steps wires; ``rate``: the part of the first rates."""
        for group in self.adam.param_groups:
            group["lr"] = RATE * rate
        for layer in self.network.tables:
            layer.learns = step % REWIRED == 0
        loss = functional.cross_entropy(self.network(x), labels)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        for layer in self.network.tables:
            layer.clamp()
            layer.rewire(RATE * WIRES_RATE * REWIRED / 2 * rate)
        return loss.item()


def moved(x: Tensor) -> Tensor:
    """Return grey images of 28x28, each shifted by up to one pixel both ways; others unchanged."""
    if x.shape[1:] != (1, MOVED_SIDE, MOVED_SIDE):
        return x
    side = MOVED_SIDE + 2
    padded = functional.pad(x, (1, 1, 1, 1)).flatten(1)
    rows = torch.arange(MOVED_SIDE)
    corner = torch.randint(0, 3, (len(x), 2))
    places = rows[:, None] * side + rows
    start = corner[:, :1] * side + corner[:, 1:]
    return padded.gather(1, start + places.flatten()).view_as(x)


def run(
    options: LutOptions,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    fetching: datasets.FetchProgress | None = None,
) -> TrainedNetwork:
    """Train the recipe: the work of `bitrill.train.train`."""
    (x, labels), (x_test, labels_test) = load_splits(options, fetching)
    with quiet_torch():
        state = _LutRun.start(options, x)
        resumed(state, out, resume)

        def epoch(report: Report) -> None:
            loss = state.epoch(x, labels, report)
            right = share_right(state.network, x_test, labels_test)
            state.history.append({"loss": loss, "accuracy": right})

        train_epochs(state, epoch, out, progress)
        return _finish(state, x_test, out)


def restored(options: LutOptions, out: Path) -> LutNetwork:
    """Return the network of the checkpoint in ``out``, of a run with these options."""
    x, _ = datasets.load(options.dataset, "train")
    with quiet_torch():
        state = _LutRun.start(options, torch.from_numpy(x))
        restore(state, out / "checkpoint.pt")
    return state.network.eval()


def _finish(state: _LutRun, x_test: Tensor, out: Path | None) -> TrainedNetwork:
    network, tables = state.network.eval(), state.options.tables
    bits, layers = live_parts(network)
    metrics: dict[str, object] = {
        "accuracy": state.accuracy,
        "test_images": len(x_test),
        "parameters": sum(table.size for _, table in layers),
        "tables": tables,
        "luts": luts_of(tables),
        "code_bits": len(bits),
        "versions": {"torch": version("torch")},
    }

    def write_model(path: Path) -> dict[str, object]:
        write_bytes(path, to_onnx(network, x_test.shape[1:]).SerializeToString())
        compare(network, x_test[:COMPARED], path)
        return {}

    return finish(state, network, metrics, out, write_model)


def compare(network: LutNetwork, x: Tensor, model: Path) -> None:
    """Raise `MismatchError` unless the golden model of a file counts as torch does, image by image.

    Counts are whole numbers, so nothing is rounded.
    """
    with torch.no_grad():
        counts = (network(x) * network.counts.temperature).round().numpy()
    wrong = np.argwhere(load_model(model).run_floats(x.numpy()) != counts)
    if len(wrong):
        image, group = wrong[0].tolist()
        remove(model)
        raise MismatchError(
            f"the exported file must count as torch does, and differs in {len(wrong)} counts,"
            f" first in class {group} of image {image}"
        )
