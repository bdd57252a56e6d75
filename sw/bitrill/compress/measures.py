"""Figures of a network: accuracy, parameters, zeros, bits of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..train.evaluation import decisions
from ..train.prune import Pruned
from . import coding, tracing
from .quantizers.places import quantizing_layers

FLOAT_BITS = 32


@dataclass(frozen=True)
class Size:
    """Weights of a network: how many, how many are not zero, bits that they take unpacked.

    ``coded_bits``: what they take behind Huffman's code (`coding.coded_bits`); None where that is
    no gain.
    """

    parameters: int
    nonzero: int
    weight_bits: int
    coded_bits: int | None


def accuracy(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Return the share of inputs whose largest output is their label's, 0..1."""
    return float((decisions(module, x) == labels).float().mean())


def size(module: nn.Module) -> Size:
    """Count the weights of all layers, quantized where they are; a bit width is its quantizer's.

    Biases and batch norms are among the parameters, not among the bits: hardware has thresholds in
    their place.
    """
    quantized = dict(quantizing_layers(module))
    nonzero = bits = coded = 0
    with torch.no_grad():
        for name, layer in tracing.weighted_layers(module):
            values = quantized[name].quant_weight().value if name in quantized else layer.weight
            assert isinstance(values, Tensor)
            nonzero += int((values != 0).sum())
            width = bits_of(layer) if name in quantized else FLOAT_BITS
            bits += values.numel() * width
            coded += coding.coded_bits(values.numpy().ravel(), width)
    count = sum(p.numel() for p in module.parameters())
    return Size(count, nonzero, bits, coded if coded < bits else None)


def bits_of(layer: Any) -> int:
    """Return the bits that store one weight of a quantized layer: of an index, if it has few."""
    quantizer = layer.weight_quant.tensor_quant
    if isinstance(quantizer, Pruned):  # stands around quantizers that have no zero of their own
        return int(quantizer.quantizer.stored_bits) + 1  # pyright: ignore[reportArgumentType]
    stored = getattr(quantizer, "stored_bits", None)
    return int(layer.quant_weight().bit_width) if stored is None else stored
