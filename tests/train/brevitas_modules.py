"""Small Brevitas modules for tests, and a quantizer that exporters lose."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import torch
from bitrill.train import recipe_networks
from bitrill.train.brevitas_quantizers import (
    BinaryWeight,
    IntActivation,
    TernaryWeight,
    init_weights,
)
from bitrill.train.recipes import Options
from torch import Tensor, nn


def settled(
    network: nn.Module, shape: tuple[int, ...], seed: int = 0, batch: int = 64, steps: int = 20
) -> nn.Module:
    """The module with drawn weights and norms as after training, slopes of both signs, in
    evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    init_weights(network, generator)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | recipe_networks.TensorNorm):
                for values, low, high in ((part.weight, -1.5, 1.5), (part.bias, -1.0, 1.0)):
                    values.uniform_(low, high, generator=generator)
        network.train()
        for _ in range(steps):
            network(torch.rand(batch, *shape, generator=generator))
    return network.eval()


def images(n: int, shape: tuple[int, ...] = (1, 8, 8), seed: int = 1) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


def recipe(weights: str, acts: int | str) -> nn.Module:
    network = recipe_networks.build(Options(recipe="tfc", weights=weights, acts=acts))
    return settled(network, (1, 8, 8))


class Codebook(nn.Module):
    """A weight quantizer of one's own: one of -1, -1/4, 1/4, 1, as 4-bit integers."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = torch.where(x.abs() > 0.6, 1.0, 0.25) * torch.where(x >= 0, 1.0, -1.0)
        return y, torch.tensor(0.25), torch.tensor(0.0), torch.tensor(4.0)


class StepUp(nn.Module):
    """An activation quantizer of one's own: a plain one, a level higher at one of its levels."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        third = torch.tensor(1.0) / 3
        q = torch.clamp(torch.round(x / third), -3, 3)
        return torch.where(q == 1, 2.0, q) * third, third, torch.tensor(0.0), torch.tensor(3.0)


def two_layers(
    act_bits: int = 3, weights: Any = TernaryWeight, tail: nn.Module | None = None
) -> nn.Sequential:
    """``[N, 12]`` to ``[N, 5]``, a quantizer in front of each layer."""
    return nn.Sequential(
        qnn.QuantIdentity(act_quant=IntActivation, bit_width=act_bits),
        qnn.QuantLinear(12, 9, bias=False, weight_quant=weights),
        nn.BatchNorm1d(9),
        qnn.QuantIdentity(act_quant=IntActivation, bit_width=act_bits),
        qnn.QuantLinear(9, 5, bias=False, weight_quant=weights),
        tail or nn.BatchNorm1d(5),
    )


def with_codebook() -> nn.Module:
    network = two_layers()
    settled(network, (12,))
    for layer in (network[1], network[4]):
        layer.weight_quant.tensor_quant = Codebook()  # pyright: ignore
    return settled(network, (12,))


def with_lost_activation() -> nn.Module:
    network = settled(two_layers(), (12,))
    quantizer: Any = network[3]  # pyright: ignore
    quantizer.act_quant.fused_activation_quant_proxy.tensor_quant = StepUp()
    return network


def convolutional() -> nn.Module:
    """``[N, 2, 9, 8]``: convolution with stride and padding, pool, average, bias."""
    network = nn.Sequential(
        qnn.QuantIdentity(act_quant=IntActivation, bit_width=2),
        qnn.QuantConv2d(2, 6, (3, 2), stride=2, padding=1, bias=False, weight_quant=TernaryWeight),
        nn.BatchNorm2d(6),
        qnn.QuantReLU(bit_width=3),
        qnn.QuantConv2d(6, 6, 3, padding=1, groups=3, bias=True, weight_quant=BinaryWeight),
        nn.BatchNorm2d(6),
        qnn.QuantReLU(bit_width=3),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        qnn.QuantLinear(6, 4, bias=True, weight_quant=TernaryWeight),
    )
    return settled(network, (2, 9, 8))
