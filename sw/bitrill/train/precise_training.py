"""Training of the recipe ``precision``: a budget of LUTs is reached, and a front is kept.

The cost's weight follows its target: the LUTs fall from those of the start to the budget within
`REACHED` of the run, and stay there while the rate falls as a cosine. After each epoch the
network's matrices are planned, which counts its LUTs; the estimate is scaled by that count.
Networks that no other one beats in LUTs and in accuracy are the front; their accuracy is that on
`HELD` of the training images, which are not trained on. The most accurate one within the budget is
the run's network.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..arith.shared_columns import Way, share
from ..arith.unrolled_plan import problem
from ..errors import MismatchError, ToolError
from ..frontend import load_model
from ..lowering import to_integer
from ..ops import MatVec
from ..passes.drop_channels import drop_channels
from ..passes.spans import set_spans
from ..storage import remove, write_bytes
from . import datasets, precise_layers
from .epochs import Report, train_epoch
from .evaluation import share_right
from .precise_network import PreciseNetwork, exact_sums, to_onnx
from .precise_recipe import HIDDEN, PrecisionOptions
from .recipe_runs import (
    Progress,
    TrainedNetwork,
    finish,
    load_splits,
    quiet_torch,
    resumed,
    train_epochs,
)

RATE = 0.003
"""First rate of weights."""

WIDTHS_RATE = 0.005
"""First rate of widths, in bits; a larger one in a run of few steps, which moves them ..."""

MOVED_BITS = 40
"""... by this at the most."""

SETTLED = 0.1
"""Part of the run in which LUTs are not driven down yet."""

MOST_OVER = 0.5
"""Largest distance to the target that counts, as a logarithm."""

REACHED = 0.6
"""Part of the run after which the budget is reached."""

HELD = 1 / 12
"""Part of the training images by which networks are compared."""

FOLLOW = 0.02
"""Part of the distance to its target, as a logarithm, that the cost's weight moves in a step."""

FIRST_WEIGHT, LEAST_WEIGHT, MOST_WEIGHT = 3e-6, 1e-8, 1e-2

CLASSES = 10


class EpochFigures(TypedDict):
    """A network after an epoch: LUTs of matrices and thresholds, accuracy on the held images."""

    epoch: int
    loss: float
    luts: int
    held: float


@dataclass
class _PreciseRun:
    """State of a run: everything that a checkpoint holds. ``front``: states by epoch."""

    options: PrecisionOptions
    network: PreciseNetwork
    adam: torch.optim.Adam
    weight: float = FIRST_WEIGHT
    ratio: float = 1.0
    start_luts: float = 0.0
    history: list[EpochFigures] = field(default_factory=list)
    front: dict[int, dict[str, Tensor]] = field(default_factory=dict)

    @staticmethod
    def start(options: PrecisionOptions, inputs: int) -> _PreciseRun:
        torch.manual_seed(options.seed)
        network = PreciseNetwork(inputs, HIDDEN, CLASSES, options.input_bits)
        slow = precise_layers.widths(network)
        fast = [p for p in network.parameters() if all(p is not s for s in slow)]
        groups = [{"params": fast, "lr": RATE}, {"params": slow, "lr": WIDTHS_RATE}]
        run = _PreciseRun(options, network, torch.optim.Adam(groups))
        run.start_luts = float(precise_layers.estimated_luts(network).detach())
        return run

    @property
    def accuracy(self) -> float | None:
        return self.history[-1]["held"] if self.history else None

    def state(self) -> dict[str, object]:
        names = ("weight", "ratio", "start_luts", "history", "front")
        return {
            "network": self.network.state_dict(),
            "adam": self.adam.state_dict(),
            **{name: getattr(self, name) for name in names},
        }

    def take(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.adam.load_state_dict(state["adam"])
        for name in ("weight", "ratio", "start_luts"):
            setattr(self, name, float(state[name]))
        self.history = [EpochFigures(**point) for point in state["history"]]
        self.front = {int(n): dict(kept) for n, kept in state["front"].items()}

    def epoch(self, x: Tensor, labels: Tensor, report: Report) -> float:
        """Train on all images once; return the mean loss."""
        batch, number = self.options.batch, len(self.history) + 1
        steps = self.options.n_epochs * (len(x) // batch)
        self.network.train()

        def step(chosen: Tensor, k: int) -> float:
            return self._step(x[chosen], labels[chosen], k / steps, steps)

        loss = train_epoch(step, len(x), batch, number=number, report=report)
        self.network.eval()
        return loss

    def _step(self, x: Tensor, labels: Tensor, done: float, steps: int) -> float:
        """Move weights and widths; ``done``: the part of the run's ``steps`` that is done."""
        rate = 0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2
        widths = max(WIDTHS_RATE, MOVED_BITS / steps)
        for group, first in zip(self.adam.param_groups, (RATE, widths), strict=True):
            group["lr"] = first * rate
        loss = functional.cross_entropy(self.network(x), labels)
        luts = precise_layers.estimated_luts(self.network)
        self.adam.zero_grad()
        (loss + self.weight * luts).backward()
        self.adam.step()
        precise_layers.clamp(self.network)
        over = math.log(max(1.0, float(luts.detach())) * self.ratio / self._target(done))
        moved = math.exp(FOLLOW * min(max(over, -MOST_OVER), MOST_OVER))
        self.weight = min(max(self.weight * moved, LEAST_WEIGHT), MOST_WEIGHT)
        return loss.item()

    def _target(self, done: float) -> float:
        """Return the LUTs that are due: from those of the start to the budget, geometrically."""
        start = max(self.start_luts, self.options.budget)
        part = min(max((done - SETTLED) / (REACHED - SETTLED), 0.0), 1.0)
        return start * (self.options.budget / start) ** part

    def keep(self, point: EpochFigures) -> None:
        """Add a network to the history, and to the front if no other one beats it."""
        self.history.append(point)
        kept = [self.history[n - 1] for n in self.front]
        if any(p["luts"] <= point["luts"] and p["held"] >= point["held"] for p in kept):
            return
        beaten = [
            p["epoch"] for p in kept if p["luts"] >= point["luts"] and p["held"] <= point["held"]
        ]
        for n in beaten:
            del self.front[n]
        state = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.front[point["epoch"]] = state

    @property
    def points(self) -> list[EpochFigures]:
        """The networks of the front, those of fewest LUTs first."""
        return sorted((self.history[n - 1] for n in self.front), key=lambda p: p["luts"])


def planned_luts(network: PreciseNetwork, shape: tuple[int, ...]) -> int:
    """Return the LUTs of the network's unrolled matrices, planned, and of its thresholds.

    Rows are planned one by one: few weights are left, and rows have hardly a sum in common.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_bytes(path, to_onnx(network, shape).SerializeToString())
        graph = to_integer(load_model(path), drop=drop_channels)
    names = [n.name for n in graph.nodes if isinstance(n, MatVec)]
    graph = set_spans(graph, names, frozenset())
    total = 0.0
    for op in graph.nodes:
        if isinstance(op, MatVec):
            total += share(problem(op), Way(tuple(range(op.rows)), 1, digits=False)).luts
    steps = [float(p.steps().detach().sum()) for p in network.activations if p.bits.requires_grad]
    return round(total + precise_layers.LUTS_OF_A_STEP * sum(steps))


def run(
    options: PrecisionOptions,
    out: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    fetching: datasets.FetchProgress | None = None,
) -> TrainedNetwork:
    """Train the recipe: the work of `bitrill.train.train`."""
    (x, labels), test = load_splits(options, fetching)
    mixed = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    held, trained = mixed.split([round(HELD * len(x)), len(x) - round(HELD * len(x))])
    with quiet_torch():
        state = _PreciseRun.start(options, x[0].numel())
        resumed(state, out, resume)

        def epoch(report: Report) -> None:
            loss = state.epoch(x[trained], labels[trained], report)
            luts = planned_luts(state.network, tuple(x.shape[1:]))
            estimate = float(precise_layers.estimated_luts(state.network).detach())
            state.ratio = luts / max(1.0, estimate)
            right = share_right(state.network, x[held], labels[held])
            number = len(state.history) + 1
            state.keep(EpochFigures(epoch=number, loss=loss, luts=luts, held=right))

        train_epochs(state, epoch, out, progress)
        return _finish(state, test, out)


def _finish(state: _PreciseRun, test: tuple[Tensor, Tensor], out: Path | None) -> TrainedNetwork:
    """Write the front, and the most accurate network within the budget."""
    options, network, points = state.options, state.network.eval(), state.points
    inside = [p for p in points if p["luts"] <= options.budget]
    if not inside:
        raise ToolError(
            f"no network of this run is within the budget of {options.budget} LUTs: the smallest"
            f" takes {points[0]['luts']}; train more epochs, or give it more"
        )
    front = []
    for point in points:
        network.load_state_dict(state.front[point["epoch"]])
        front.append({**point, "accuracy": share_right(network, *test)})
        if out is not None:
            write_model(network, test[0], out / "front" / f"model_{point['luts']}.onnx")
    best = inside[-1]
    network.load_state_dict(state.front[best["epoch"]])
    metrics: dict[str, object] = {
        "front": front,
        "accuracy": next(p["accuracy"] for p in front if p["epoch"] == best["epoch"]),
        "test_images": len(test[0]),
        "parameters": int(sum((w != 0).sum() for w in network.matrices())),
        "luts": best["luts"],
        "versions": {"torch": version("torch")},
    }

    def write(path: Path) -> dict[str, object]:
        write_model(network, test[0], path)
        return {}

    return finish(state, network, metrics, out, write)


def write_model(network: PreciseNetwork, x: Tensor, path: Path) -> bytes:
    """Write the model and return its bytes; `MismatchError` unless it gives torch's sums for x.

    torch's side is in float64, the golden model's in integers: neither rounds.
    """
    data = to_onnx(network, x.shape[1:]).SerializeToString()
    write_bytes(path, data)
    graph = load_model(path)
    ours = graph.sink.dequantize(graph.sink.restore(graph.run(graph.source.quantize(x.numpy()))))
    wrong = np.argwhere(ours != exact_sums(network, x).numpy())
    if len(wrong):
        image, group = wrong[0].tolist()
        remove(path)
        raise MismatchError(
            f"the exported file must give torch's sums, and differs in {len(wrong)}, first in"
            f" class {group} of image {image}"
        )
    return data
