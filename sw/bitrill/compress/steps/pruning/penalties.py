"""Penalties on units of weights while a network trains, so that those which go are small before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ....errors import SpecError
from ... import graph_tracing
from ...module_training import Training
from ...state import State, weight_of
from .units import Units, filter_axis, units_of

Penalty = Callable[[nn.Module, float], Tensor]
"""What is added to the loss, by the share of the training that is done, 0..1."""


def train(state: State, training: Training, penalty: Penalty, strength: float) -> None:
    """Train with ``loss + strength * penalty``."""
    part = 0.0

    def before(step: int, steps: int) -> None:
        nonlocal part
        part = step / steps

    def objective(module: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
        return training.objective(module, x, labels) + strength * penalty(module, part)

    state.fit(training, objective, name="penalty", before_step=before)


def slimming(module: nn.Module, _part: float) -> Tensor:
    """Return the sum of sizes of batch norms' factors (Liu et al. 2017)."""
    factors = [m.weight for m in module.modules() if isinstance(m, _BatchNorm) and m.affine]
    if not factors:
        raise SpecError("penalty slimming needs batch norms with factors, and there are none")
    return torch.stack([f.abs().sum() for f in factors]).sum()


def group_lasso(units: Mapping[str, Units]) -> Penalty:
    """Return the sum over units of their L2 norm times the root of their size (Yuan, Lin 2006)."""

    def penalty(module: nn.Module, _part: float) -> Tensor:
        return sum_of_norms((weight_of(module, name), unit) for name, unit in units.items())

    return penalty


def structured(module: nn.Module, _part: float) -> Tensor:
    """Return SSL's sum of norms of filters, and of readers of each input (Wen et al. 2016)."""
    total = next(module.parameters()).new_zeros(())
    for _, layer in graph_tracing.weighted_layers(module):
        weight, filters = layer.weight, units_of(layer, "filter", 1)
        assert isinstance(weight, Tensor)
        inputs = weight.movedim(1 - filter_axis(layer), 0).flatten(1)
        total = (
            total
            + sum_of_norms([(weight, filters)])
            + (inputs.shape[1] ** 0.5 * norms(inputs.square().sum(1)).sum())
        )
    return total


def sum_of_norms(pairs: Iterable[tuple[Tensor, Units]]) -> Tensor:
    """Return the sum of units' norms, each times the root of the unit's size."""
    sums: list[Tensor] = []
    for weight, unit in pairs:
        sizes = unit.sizes.to(weight.device)
        sums.append((sizes.sqrt() * norms(unit.means(weight.square()) * sizes)).sum())
    return torch.stack(sums).sum()


def norms(squares: Tensor) -> Tensor:
    """Return roots, with a gradient of zero where a unit is zero."""
    return (squares + 1e-12).sqrt()


def growing(masks: Mapping[str, Tensor]) -> Penalty:
    """Return half the squares of what will go, growing with the training (Wang et al. 2021)."""

    def penalty(module: nn.Module, part: float) -> Tensor:
        squares = [
            (weight_of(module, n).square()[~m.to(weight_of(module, n).device)]).sum()
            for n, m in masks.items()
        ]
        return 0.5 * part * torch.stack(squares).sum()

    return penalty
