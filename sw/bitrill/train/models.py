"""The networks of the recipes, as torch modules."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import torch
from torch import Tensor, nn

from . import convolutional, datasets, prune, quantizers
from .adder import AdderLinear
from .codebooks import CodebookWeight
from .convolutional import INPUT_BITS
from .fgq import FgqWeight
from .logquant import LogActivation
from .pot import PotWeight
from .recipes import CHANNELS, Options, split
from .ttq import TtqWeight

DROPOUT = {"tfc": 0.0, "sfc": 0.2, "lfc": 0.2}
"""After each hidden layer, as FINN trains; 64 binary neurons have nothing to spare, and gain from
none: 94.6 % instead of 94.0 % on MNIST in 15 epochs."""


class Normalize(nn.Module):
    """``(x - mean) / std``, computed as ``scale * x - offset``; ``2x - 1`` for 0.5 and 0.5."""

    def __init__(self, mean: float, std: float):
        super().__init__()
        self.scale, self.offset = 1.0 / std, mean / std

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x - self.offset


class TensorNorm(nn.Module):
    """Batch norm with one mean and variance for the whole tensor: the order of logits stays.

    ``y = (x - mean) / sqrt(var + eps) * weight + bias``, all scalars (FINN's last layer).
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, eps: float = 1e-4, momentum: float = 0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))
        self.register_buffer("running_mean", torch.zeros(1))
        self.register_buffer("running_var", torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(), x.var(unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var(unbiased=True), self.momentum)
        return (x - mean) / (var + self.eps).pow(0.5) * self.weight + self.bias


def weight_arguments(weights: str) -> dict[str, Any]:
    """Keyword arguments of a quantized layer for an option ``weights``, but adder."""
    family, number = split(weights)
    quant, argument = {
        "binary": (quantizers.BinaryWeight, ""),
        "ternary": (quantizers.TernaryWeight, ""),
        "int": (quantizers.IntWeight, "weight_bit_width"),
        "pot": (PotWeight, "weight_terms"),
        "codebook": (CodebookWeight, "weight_entries"),
        "ttq": (TtqWeight, ""),
        "fgq": (FgqWeight, ""),
    }[family]
    return {"weight_quant": quant} | ({argument: number} if argument else {})


def build(options: Options) -> nn.Sequential:
    """The recipe's network, weights drawn by torch's RNG.

    Input ``[N, 1, H, W]`` in 0..1, output ``[N, 10]`` logits, ``[N, 1, H, W]`` of one that segments
    (above 0: ink). Dense ones are ``in-H-H-H-10`` with batch norm and quantized activations.
    """
    normalize = Normalize(*options.normalization)
    if options.recipe in CHANNELS:
        arguments = weight_arguments(options.weights or "binary")
        network = nn.Sequential(normalize, *convolutional.layers(options, arguments, TensorNorm()))
    else:
        network = nn.Sequential(nn.Flatten(), normalize, *_dense(options))
    if options.prune:
        prune.wrap(network)
    quantizers.init_weights(network)
    return network


def _dense(options: Options) -> list[nn.Module]:
    """Layers of a dense recipe behind `Normalize`; ``log3`` has an input of 8 bits."""

    def linear(n_in: int, n_out: int) -> nn.Module:
        if options.weights == "adder":  # weights on the inputs' scale; zeros beside +-1
            bits = max(options.n_acts, 2)
            given: dict[str, Any] = {"weight_quant": quantizers.IntWeight, "weight_bit_width": bits}
            return AdderLinear(n_in, n_out, bias=False, **given)
        return qnn.QuantLinear(n_in, n_out, bias=False, **arguments)

    def activation() -> nn.Module:
        if options.logarithmic:
            return LogActivation(options.n_acts)
        return qnn.QuantIdentity(act_quant=quantizers.Activation, bit_width=options.n_acts)

    arguments = {} if options.weights == "adder" else weight_arguments(options.weights or "binary")
    bits = INPUT_BITS if options.logarithmic else options.n_acts
    channels, height, width = datasets.shape(options.dataset)
    n = channels * height * width
    layers = [qnn.QuantIdentity(act_quant=quantizers.Activation, bit_width=bits)]
    for _ in range(3):
        layers += [linear(n, options.hidden), nn.BatchNorm1d(options.hidden), activation()]
        layers += [nn.Dropout(DROPOUT[options.recipe])] if DROPOUT[options.recipe] else []
        n = options.hidden
    return [*layers, linear(n, datasets.CLASSES), TensorNorm()]
