"""Learned rounding of weights: up or down, whichever keeps a layer's outputs (AdaRound)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..quantizers.quantized_layers import quantizing_layers
from ..state import State
from .calibration import batches

STEPS = 300
"""Steps of the optimizer for a layer."""

IMAGES = 64
"""Images of a step."""

PENALTY = 0.1
"""Weight of what draws each choice to 0 or 1."""


def learn_rounding(state: State, samples: int) -> None:
    """Choose for each weight the integer below or above, layer by layer (Nagel et al. 2020).

    Minimized are the squared error of a layer's outputs, on inputs from the quantized layers before
    it, and a penalty that moves choices to 0 or 1.
    """
    layers = list(quantizing_layers(state.module.eval()))
    for k, (_, layer) in enumerate(layers):
        x = inputs_of(state, layer, samples)
        layer.weight.data.copy_(rounded(layer, x))
        state.report(f"learned rounding, layer {k + 1}", k + 1, len(layers))


def inputs_of(state: State, layer: nn.Module, samples: int) -> Tensor:
    """Return the inputs of a layer for the first training images."""
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(
        lambda _, given: seen.append(getattr(given[0], "value", given[0]))
    )
    with torch.no_grad():
        for part in batches(state, samples):
            state.module(part)
    hook.remove()
    return torch.cat(seen)


def rounded(layer: Any, x: Tensor) -> Tensor:
    """Return the weights of a layer on its grid, rounded for the outputs on inputs x."""
    with torch.no_grad():
        target = layer.inner_forward_impl(x, layer.weight, layer.bias)
        q = layer.quant_weight()
        lo, hi = bounds(q, layer.weight_quant.is_narrow_range)
        place = layer.weight / q.scale + q.zero_point
        below = place.floor()
        size = target.square().mean().clamp(min=1e-12)
    choice = nn.Parameter(inverse_gate((place - below).clamp(0.01, 0.99)))
    optimizer = torch.optim.Adam([choice], lr=0.05)
    for step in range(STEPS):
        part = torch.randint(len(x), (min(IMAGES, len(x)),))
        soft = (below + gate(choice)).clamp(lo, hi)
        out = layer.inner_forward_impl(x[part], (soft - q.zero_point) * q.scale, layer.bias)
        loss = functional.mse_loss(out, target[part]) / size + PENALTY * penalty(choice, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    whole = (below + (gate(choice.detach()) >= 0.5)).clamp(lo, hi)
    return (whole - q.zero_point) * q.scale


def bounds(q: Any, narrow: bool) -> tuple[int, int]:
    """Return the least and the largest integer of a quantized tensor."""
    bits = int(q.bit_width)
    if not q.signed:
        return 0, (1 << bits) - 1
    return -(1 << bits - 1) + narrow, (1 << bits - 1) - 1


def gate(choice: Tensor) -> Tensor:
    """Return the stretched sigmoid ``clip(1.2 sigmoid(v) - 0.1, 0, 1)``."""
    return (1.2 * torch.sigmoid(choice) - 0.1).clamp(0, 1)


def inverse_gate(share: Tensor) -> Tensor:
    """Return the inverse of `gate`."""
    return torch.logit((share + 0.1) / 1.2)


def penalty(choice: Tensor, step: int) -> Tensor:
    """Return the mean of ``1 - |2 h - 1|**b``, where b falls from 20 to 2; 0 in the first steps."""
    done = step / STEPS
    if done < 0.2:
        return torch.zeros(())
    b = 2 + 18 * (1 - (done - 0.2) / 0.8)
    return (1 - (2 * gate(choice) - 1).abs() ** b).mean()
