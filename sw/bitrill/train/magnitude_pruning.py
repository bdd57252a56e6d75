"""Magnitude pruning: a share of each layer's weights becomes zero while it trains.

The share grows as ``F * (1 - (1 - t)**3)`` (Zhu and Gupta 2017), with t from 0 to 1 over the first
`RAMP` of all steps. During that time the smallest latent weights are zero, and may become nonzero
again. Then the mask is fixed, and the rest of the training is fine-tuning.

Inputs of a dense first layer that are the same in every training image add a constant to each row,
which batch norm absorbs. Their weights are zero from the start, and the share counts the others.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from . import brevitas_quantizers

RAMP = 0.5
"""Share of the training in which weights are pruned."""

EVERY = 16
"""Steps between two selections of zeros; fewer in a short run."""


class Pruned(nn.Module):
    """Weight quantizer with zeros where ``mask`` is 0; binary weights become -1, 0, +1.

    ``alive``: the weights that may be nonzero. Both are saved in a checkpoint.
    """

    mask: Tensor
    alive: Tensor

    def __init__(self, quantizer: nn.Module, weight: Tensor):
        super().__init__()
        self.quantizer = quantizer
        self.register_buffer("mask", torch.ones(weight.shape, dtype=torch.bool))
        self.register_buffer("alive", torch.ones(weight.shape, dtype=torch.bool))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        y, scale, zero, bits = self.quantizer(x)
        return torch.where(self.mask, y, torch.zeros(())), scale, zero, bits.clamp(min=2.0)

    def keep(self, weight: Tensor, share: float) -> None:
        """Set the smallest ``share`` of the alive weights to zero; the first among equal ones."""
        alive = self.alive.flatten()
        size = weight.detach().abs().flatten().masked_fill(~alive, -1)
        drop = int(share * int(alive.sum()))
        order = torch.sort(size, stable=True).indices
        mask = alive.clone()
        mask[order[: int((~alive).sum()) + drop]] = False
        self.mask.copy_(mask.view_as(self.mask))


def wrap(network: nn.Module) -> None:
    """Put a `Pruned` around the weight quantizer of each layer."""
    for _, layer in brevitas_quantizers.quantized_layers(network):
        proxy = layer.weight_quant
        proxy.tensor_quant = Pruned(proxy.tensor_quant, layer.weight)


def masked(network: nn.Module) -> Iterator[tuple[Tensor, Pruned]]:
    """Yield weights and `Pruned` of each layer that has one."""
    for _, layer in brevitas_quantizers.quantized_layers(network):
        if isinstance(layer.weight_quant.tensor_quant, Pruned):
            yield layer.weight, layer.weight_quant.tensor_quant


def drop_constant_inputs(network: nn.Sequential, x: Tensor, batch: int = 1000) -> None:
    """Mark first-layer weights as not alive whose input is the same in all images ``x``."""
    network.eval()
    place = next(i for i, layer in enumerate(network) if isinstance(layer, nn.Linear))
    front, (_, pruned) = network[:place], next(masked(network))
    with torch.no_grad():
        first = front(x[:1])
        changes = torch.zeros(first.shape[1], dtype=torch.bool)
        for part in x.split(batch):
            changes |= (front(part) != first).any(0)
        pruned.alive.copy_(changes.expand_as(pruned.alive))


def share(final: float, step: int, steps: int) -> float:
    """Return the share of zeros before a step, counted from 0."""
    t = min(step / (RAMP * steps), 1.0)
    return final * (1 - (1 - t) ** 3)


def update(network: nn.Module, final: float, step: int, steps: int) -> None:
    """Select the zeros again before a step, if a selection is due."""
    every = max(1, min(EVERY, int(RAMP * steps) // EVERY))
    if step % every == 0 and step < RAMP * steps + every:
        for weight, pruned in masked(network):
            pruned.keep(weight, share(final, step, steps))
