"""Schedules of masks: when weights are pruned, and whether they may return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ....errors import SpecError
from ....train.magnitude_pruning import share as cubic_share
from ... import graph_tracing
from ...module_training import Training
from ...state import State, hold, weight_of
from .criteria import Context
from .selection import Ratios, Selection
from .units import kept_by_layer

CHOICES = 16
"""Number of times at which masks are chosen anew while the ratio grows or weights may return."""

MARGIN = 0.1
"""Surgery: masks change for weights so much below or above the threshold, as a share of it."""


@dataclass(frozen=True)
class Pruning:
    """A pruning by masks: the units, the ratios, and how the network is trained."""

    state: State
    training: Training
    context: Context
    selection: Selection
    ratios: Ratios

    def choose(self, share: float = 1.0) -> None:
        """Set the masks by the present weights."""
        self.state.masks.update(self.selection.masks(self.context, self.ratios, share))

    def one_shot(self) -> None:
        """Mask, then train what stays."""
        self.choose()
        self.state.fit(self.training)

    def cubic(self) -> None:
        """Mask more and more, by ``r (1 - (1 - t)^3)`` over half the training (Zhu, Gupta 2017)."""

        def before(step: int, steps: int) -> None:
            ramp = max(1, steps // 2)
            if step <= ramp and (step % max(1, ramp // CHOICES) == 0 or step == ramp):
                self.choose(cubic_share(1.0, step, steps))
                self.state.apply_masks()

        self.state.fit(self.training, before_step=before)
        self.choose()
        self.state.apply_masks()

    def iterative(self, rounds: int, start: nn.Module | None) -> None:
        """Mask in rounds, each the same share of what stayed, and train after each.

        ``start``: the network whose weights those that stay are set back to before each training
        (the lottery ticket, Frankle and Carbin 2019).
        """
        for k in range(1, rounds + 1):
            self._choose_round(k / rounds)
            if start is not None:
                rewind(self.state.module, start)
            self.state.fit(self.training, name=f"round-{k}")

    def _choose_round(self, part: float) -> None:
        ratios = {name: 1 - (1 - ratio) ** part for name, ratio in self.ratios.items()}
        self.state.masks.update(self.selection.masks(self.context, ratios))

    def dense_again(self) -> None:
        """Mask and train, then train all at a tenth of the rate (DSD, Han et al. 2017)."""
        before = dict(self.state.masks)
        self.one_shot()
        self._release(before)
        slow = replace(self.training, learning_rate=self.training.learning_rate / 10)
        self.state.fit(slow, name="dense")

    def _release(self, before: dict[str, Tensor]) -> None:
        for name in self.ratios:
            self.state.masks.pop(name)
            layer = self.state.module.get_submodule(name)
            hold(layer, before.get(name, torch.ones_like(weight_of(self.state.module, name))))
        self.state.masks.update(before)

    def surgery(self) -> None:
        """Train all weights, masked ones too, and change masks by magnitude (Guo et al. 2016).

        A weight is masked when it is smaller than 0.9 times the threshold, and unmasked when it is
        larger than 1.1 times the threshold: the magnitude below which the ratio of all weights is.
        """
        self.choose()
        hidden: dict[str, Tensor] = {}

        def before(step: int, steps: int) -> None:
            if step % max(1, steps // 2 // CHOICES) == 0 and step <= steps // 2:
                self._splice()
            with torch.no_grad():
                for name in self.ratios:
                    weight, mask = weight_of(self.state.module, name), self.state.masks[name]
                    hidden[name] = weight.detach() * ~mask.to(weight.device)
                    hold(self.state.module.get_submodule(name), mask)

        def after(_step: int, _steps: int) -> None:
            with torch.no_grad():
                for name, each in hidden.items():
                    weight_of(self.state.module, name).add_(each)

        self.state.fit(self.training, before_step=before, after_step=after, masked=False)
        self.choose_by_size()

    def _splice(self) -> None:
        for name, ratio in self.ratios.items():
            size = weight_of(self.state.module, name).detach().abs().cpu()
            threshold = size.flatten().kthvalue(max(1, round(ratio * size.numel()))).values
            mask = self.state.masks[name] & (size >= (1 - MARGIN) * threshold)
            self.state.masks[name] = mask | (size > (1 + MARGIN) * threshold)

    def choose_by_size(self) -> None:
        """Set the masks to the ratios exactly, and the weights outside to zero."""
        for name, ratio in self.ratios.items():
            weight = weight_of(self.state.module, name)
            kept = kept_by_layer(weight.detach().abs().flatten(), ratio)
            self.state.masks[name] = kept.view(weight.shape)
        self.state.apply_masks()


def soft(state: State, training: Training, masks: Callable[[], Mapping[str, Tensor]]) -> None:
    """Set what would go to zero before each epoch, and train all of it (SFP, He et al. 2018)."""

    def before(step: int, steps: int) -> None:
        if step % max(1, steps // max(1, training.epochs)) == 0:
            with torch.no_grad():
                for name, mask in masks().items():
                    weight = weight_of(state.module, name)
                    weight.mul_(mask.to(weight.device))

    state.fit(training, name="soft", before_step=before)


def rewind(module: nn.Module, start: nn.Module) -> None:
    """Set a module's parameters and buffers to those of the same name and shape of another.

    Raises `SpecError` if weights of a layer are not among them.
    """
    known = start.state_dict()
    others = [
        name
        for name in graph_tracing.weighted_names(module)
        if (weight := known.get(f"{name}.weight")) is None
        or weight.shape != weight_of(module, name).shape
    ]
    if others:
        raise SpecError(
            "rewind must name a step with the same layers, but there are no such weights of"
            f" {', '.join(others)}"
        )
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name in known and known[name].shape == value.shape:
                value.copy_(known[name])
