"""Training of any torch module: the options in a recipe, and the loop over epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import SpecError, ToolError
from ..train import grid_weights
from ..train.training_loop import squared_hinge
from .keys import number

Objective: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Loss of a module on a batch: inputs ``[N, ..]`` and labels ``[N]`` to a scalar."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a step trains: keys of the table ``[training]``, which a step may override for itself.

    ``schedule``: of the learning rate: ``cosine`` falls to zero over the epochs, ``step`` divides
    by ten after one half and after three quarters. ``augment``: ``shift`` moves images by up to one
    pixel in eight, ``flip`` mirrors half of them and shifts. ``loss``: ``squared_hinge`` is that of
    FINN's examples; ``rebuilding`` makes a network reconstruct inputs of class 0, and measures how
    well its errors separate class 1 from it. ``momentum`` is for ``sgd``. ``device``: by torch's
    name; only ``cpu`` is tested.
    """

    epochs: int = number(1, low=0, high=100_000)
    batch: int = number(100, low=2, high=1 << 20)
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = number(1e-3, low=0, high=1e3)
    momentum: float = number(0.9, low=0, high=1)
    weight_decay: float = number(0.0, low=0, high=1e3)
    schedule: Literal["cosine", "constant", "step"] = "cosine"
    loss: Literal["cross_entropy", "squared_hinge", "rebuilding"] = "cross_entropy"
    augment: Literal["none", "shift", "flip"] = "none"
    seed: int = number(0, low=0, high=1 << 62)
    device: str = "cpu"

    def __post_init__(self) -> None:
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0].split(". ")[0]
            raise SpecError(
                f"device must be there, and {self.device!r} is not: {reason}"
            ) from error

    def objective(self, module: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a module's outputs ``[N, classes]``."""
        return LOSSES[self.loss](module(x), x, labels)

    def make_optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        """Make the optimizer of a module's trainable parameters."""
        parameters = [p for p in module.parameters() if p.requires_grad]
        rate, decay = self.learning_rate, self.weight_decay
        if self.optimizer == "sgd":
            given = {"momentum": self.momentum, "nesterov": self.momentum > 0}
            return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, **given)
        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return kind(parameters, lr=rate, weight_decay=decay)

    def factor(self, step: int, steps: int) -> float:
        """Return the factor of the learning rate at a step of the optimizer."""
        t = step / max(steps, 1)
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * t))
        return 1.0 if self.schedule == "constant" or t < 0.5 else 0.1 if t < 0.75 else 0.01


def _cross_entropy(outputs: Tensor, _: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(outputs, labels)


def _squared_hinge(outputs: Tensor, _: Tensor, labels: Tensor) -> Tensor:
    return squared_hinge(outputs, labels)


def _rebuilding(outputs: Tensor, x: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error with which a network reconstructs the inputs of class 0."""
    usual = labels == 0
    return (outputs - x.flatten(1))[usual].square().sum() / usual.sum().clamp(min=1)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "cross_entropy": _cross_entropy,
    "squared_hinge": _squared_hinge,
    "rebuilding": _rebuilding,
}
"""Losses of outputs, inputs and labels."""


class Keeper(Protocol):
    """Keeps the state of a training between epochs, so that a run may be stopped and resumed."""

    def load(self) -> dict[str, object] | None:
        """Return the state that was kept, or None."""
        ...

    def save(self, state: dict[str, object]) -> None:
        """Keep a state in place of the one before."""
        ...


Report: TypeAlias = Callable[[str, int, int], None]
"""Function that reports progress: what is being done, batches done, batches in all."""


@dataclass
class Loop:
    """A training: minimizes ``objective`` on ``x`` and ``labels`` for ``training.epochs`` epochs.

    ``before_step(step, steps)`` is called before each step of the optimizer, ``after_step`` after
    it; masks and penalties are implemented by these. ``masks`` are saved and restored with the
    training.
    """

    module: nn.Module
    x: Tensor
    labels: Tensor
    training: Training
    report: Report
    objective: Objective | None = None
    before_step: Callable[[int, int], None] = lambda _step, _steps: None
    after_step: Callable[[int, int], None] = lambda _step, _steps: None
    keeper: Keeper | None = None
    masks: dict[str, Tensor] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)

    def run(self) -> list[float]:
        """Train; returns the mean loss of each epoch, and leaves the module in evaluation mode."""
        epochs = self.training.epochs
        self.module.to(self.training.device)
        optimizer = self.training.make_optimizer(self.module)
        self._resume(optimizer)
        while len(self.losses) < epochs:
            self.losses.append(self._epoch(optimizer))
            self._keep(optimizer)
        self.module.to("cpu").eval()
        return self.losses

    def _epoch(self, optimizer: torch.optim.Optimizer) -> float:
        size = min(self.training.batch, len(self.x))
        batches = len(self.x) // size
        epoch, steps = len(self.losses), self.training.epochs * batches
        order = torch.randperm(len(self.x))[: batches * size].view(batches, size)
        objective = self.objective or self.training.objective
        total = 0.0
        self.module.train()
        for k, chosen in enumerate(order):
            step = epoch * batches + k
            for group in optimizer.param_groups:
                group["lr"] = self.training.learning_rate * self.training.factor(step, steps)
            grid_weights.advance(self.module, step / steps)
            self.before_step(step, steps)
            x = augmented(self.x[chosen], self.training.augment).to(self.training.device)
            loss = objective(self.module, x, self.labels[chosen].to(self.training.device))
            total += loss.item()
            self._require_finite(total, epoch, k, batches)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            grid_weights.clamp_scales(self.module)
            self.after_step(step + 1, steps)
            self.report(f"epoch {epoch + 1}/{self.training.epochs}", step + 1, steps)
        self._require_finite_state(epoch)
        return total / batches

    @staticmethod
    def _require_finite(total: float, epoch: int, k: int, batches: int) -> None:
        if not math.isfinite(total):
            raise ToolError(
                f"training diverged: the loss is no finite number in epoch {epoch + 1}, batch"
                f" {k + 1} of {batches}; try a lower learning_rate or another seed"
            )

    def _require_finite_state(self, epoch: int) -> None:
        """Refuse weights and statistics that are infinite though the loss was finite."""
        for name, tensor in self.module.state_dict().items():
            if isinstance(tensor, Tensor) and not bool(tensor.isfinite().all()):
                raise ToolError(
                    f"training diverged: {name} is no finite number after epoch {epoch + 1}; try a"
                    " lower learning_rate or another seed"
                )

    def _resume(self, optimizer: torch.optim.Optimizer) -> None:
        state = self.keeper.load() if self.keeper else None
        if state is None:
            return
        load_state(self.module, state["module"])
        optimizer.load_state_dict(state["optimizer"])  # pyright: ignore[reportArgumentType]
        torch.set_rng_state(state["rng"])  # pyright: ignore[reportArgumentType]
        self.losses = list(state["losses"])  # pyright: ignore[reportArgumentType]
        self.masks.update(state["masks"])  # pyright: ignore[reportArgumentType, reportCallIssue]

    def _keep(self, optimizer: torch.optim.Optimizer) -> None:
        if self.keeper is not None:
            self.keeper.save(
                {
                    "module": self.module.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "rng": torch.get_rng_state(),
                    "losses": self.losses,
                    "masks": self.masks,
                }
            )


def load_state(module: nn.Module, state: object) -> None:
    """Load parameters and buffers; the module keeps its own quantizers."""
    from ..train import brevitas_quantizers

    brevitas_quantizers.load_state(module, state)  # pyright: ignore[reportArgumentType]


def augmented(x: Tensor, how: str) -> Tensor:
    """Return images moved at random, edges filled with zeros; others than images stay."""
    if how == "none" or x.ndim != 4:
        return x
    if how == "flip":
        x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
    most = [max(1, side // 8) for side in x.shape[2:]]
    padded = functional.pad(x, (most[1], most[1], most[0], most[0]))
    rows = torch.randint(2 * most[0] + 1, (len(x), 1)) + torch.arange(x.shape[2])
    columns = torch.randint(2 * most[1] + 1, (len(x), 1)) + torch.arange(x.shape[3])
    image = torch.arange(len(x))
    return padded[image[:, None, None], :, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's random numbers, use one thread, and restore the caller's state afterwards.

    Two threads are slower than one on small shared machines, and add in another order.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
