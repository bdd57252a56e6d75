"""Makes the torch networks of recipes: dense ones here, convolutional ones in `convolutional`."""

from typing import Any

import brevitas.nn as qnn
import torch
from torch import Tensor, nn

from . import brevitas_quantizers, convolutional, datasets, magnitude_pruning
from .adder import AdderLinear
from .convolutional import INPUT_BITS
from .grid_weights import CodebookWeight, FgqWeight, PotWeight, TtqWeight
from .logquant import LogActivation
from .recipes import CHANNELS, Options, split

DROPOUT = {"tfc": 0.0, "sfc": 0.2, "lfc": 0.2}
"""Dropout after each hidden layer, as FINN trains. ``tfc`` has none: its 64 binary neurons then
reach 94.6 % instead of 94.0 % on MNIST in 15 epochs."""


class Normalize(nn.Module):
    """Computes ``(x - mean) / std`` as ``scale * x - offset``: ``2x - 1`` for 0.5 and 0.5."""

    def __init__(self, mean: float, std: float):
        super().__init__()
        self.scale, self.offset = 1.0 / std, mean / std

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x - self.offset


class TensorNorm(nn.Module):
    """Batch norm with one mean and variance for the whole tensor, as in FINN's last layer.

    ``y = (x - mean) / sqrt(var + eps) * weight + bias``, all scalars, so the order of logits stays.
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
    """Return a quantized layer's keyword arguments for an option ``weights``.

    ``adder`` is no such option: an `AdderLinear` gets the arguments of integer weights.
    """
    name, number = split(weights)
    quant, argument = {
        "binary": (brevitas_quantizers.BinaryWeight, ""),
        "ternary": (brevitas_quantizers.TernaryWeight, ""),
        "int": (brevitas_quantizers.IntWeight, "weight_bit_width"),
        "pot": (PotWeight, "weight_terms"),
        "codebook": (CodebookWeight, "weight_entries"),
        "ttq": (TtqWeight, ""),
        "fgq": (FgqWeight, ""),
    }[name]
    return {"weight_quant": quant} | ({argument: number} if argument else {})


def build(options: Options) -> nn.Sequential:
    """Make the recipe's network; torch's random generator initialises its weights.

    Input ``[N, C, H, W]`` in 0..1; output ``[N, 10]`` logits, or ``[N, 1, H, W]`` for a
    segmentation network, where a value above 0 means ink.
    """
    normalize = Normalize(*options.normalization)
    if options.recipe in CHANNELS:
        arguments = weight_arguments(_weights(options))
        network = nn.Sequential(normalize, *convolutional.layers(options, arguments, TensorNorm()))
    else:
        network = nn.Sequential(nn.Flatten(), normalize, *_dense(options))
    if options.prune:
        magnitude_pruning.wrap(network)
    brevitas_quantizers.init_weights(network)
    return network


def _weights(options: Options) -> str:
    """Return the word of the quantizer of weights.

    Those of distances share the inputs' scale, and have at least 2 bits, so that 0 is one.
    """
    if options.distances:
        return f"int{max(options.n_acts, 2)}"
    return options.weights or "binary"


def _dense(options: Options) -> list[nn.Module]:
    """Make the layers of a dense recipe, those after `Normalize`."""

    def linear(n_in: int, n_out: int) -> nn.Module:
        kind = AdderLinear if options.distances else qnn.QuantLinear
        return kind(n_in, n_out, bias=False, **arguments)

    def integers(bits: int) -> nn.Module:
        return qnn.QuantIdentity(act_quant=brevitas_quantizers.IntActivation, bit_width=bits)

    def activation() -> nn.Module:
        return LogActivation(options.n_acts) if options.logarithmic else integers(options.n_acts)

    arguments = weight_arguments(_weights(options))
    bits = INPUT_BITS if options.logarithmic else options.n_acts
    channels, height, width = datasets.shape(options.dataset)
    n = channels * height * width
    layers = [integers(bits)]
    for _ in range(3):
        layers += [linear(n, options.hidden), nn.BatchNorm1d(options.hidden), activation()]
        layers += [nn.Dropout(DROPOUT[options.recipe])] if DROPOUT[options.recipe] else []
        n = options.hidden
    return [*layers, linear(n, datasets.CLASSES), TensorNorm()]
