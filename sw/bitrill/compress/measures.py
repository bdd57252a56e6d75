"""Figures of a network: accuracy, parameters, zeros, bits of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..train.evaluation import decisions
from ..train.magnitude_pruning import Pruned
from . import coded_size, graph_tracing
from .quantizers.quantized_layers import quantizing_layers

FLOAT_BITS = 32


@dataclass(frozen=True)
class Size:
    """Size of a network's weights: how many, how many are not zero, and their bits without coding.

    ``coded_bits``: bits with Huffman codes (`coded_size.coded_bits`); None if that saves nothing.
    """

    parameters: int
    nonzero: int
    weight_bits: int
    coded_bits: int | None


def accuracy(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Return the share of inputs whose largest output is their label's, 0..1."""
    return float((decisions(module, x) == labels).float().mean())


def separation(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Return how often an anomaly (class 1) has a larger error than another input, 0..1.

    It is the area under the ROC curve of the squared error of a network that reconstructs its
    input; equal errors count half. 1 if either class is missing.
    """
    was = module.training
    with torch.no_grad():
        errors = torch.cat([rebuilding_errors(module.eval(), part) for part in x.split(1000)])
    module.train(was)
    odd, usual = errors[labels == 1], errors[labels == 0]
    if not len(odd) or not len(usual):
        return 1.0
    order = torch.cat([odd, usual]).unique(return_inverse=True)[1]
    ranks = order[: len(odd), None] - order[None, len(odd) :]
    return float(((ranks > 0).double() + 0.5 * (ranks == 0)).mean())


def rebuilding_errors(module: nn.Module, x: Tensor) -> Tensor:
    """Return the mean squared error with which a network reconstructs each input, ``[N]``."""
    given = module(x)
    return (getattr(given, "value", given) - x.flatten(1)).square().mean(1)


Measure = Callable[[nn.Module, Tensor, Tensor], float]


def of_loss(loss: str) -> Measure:
    """Return the measure that belongs to a loss."""
    return {"rebuilding": separation}.get(loss, accuracy)


def size(module: nn.Module) -> Size:
    """Count the weights of all layers, quantized where they are; a bit width is its quantizer's.

    Biases and batch norms are among the parameters, not among the bits: hardware has thresholds in
    their place.
    """
    quantized = dict(quantizing_layers(module))
    nonzero = bits = coded = 0
    with torch.no_grad():
        for name, layer in graph_tracing.weighted_layers(module):
            values = quantized[name].quant_weight().value if name in quantized else layer.weight
            assert isinstance(values, Tensor)
            nonzero += int((values != 0).sum())
            width = bits_of(layer) if name in quantized else FLOAT_BITS
            bits += values.numel() * width
            coded += coded_size.coded_bits(values.numpy().ravel(), width)
    count = sum(p.numel() for p in module.parameters())
    return Size(count, nonzero, bits, coded if coded < bits else None)


def bits_of(layer: Any) -> int:
    """Return the bits that store one weight of a quantized layer: of an index, if it has few."""
    quantizer = layer.weight_quant.tensor_quant
    if isinstance(quantizer, Pruned):  # stands around quantizers that have no zero of their own
        return int(quantizer.quantizer.stored_bits) + 1  # pyright: ignore[reportArgumentType]
    stored = getattr(quantizer, "stored_bits", None)
    return int(layer.quant_weight().bit_width) if stored is None else stored
