"""Layers with quantizers of their weights: made from plain ones, made plain again, and listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.nn.mixin.parameter import QuantWeightMixin
from torch import nn

from ...train.magnitude_pruning import Pruned
from .. import graph_tracing
from . import weight_words
from .integers import RangeRule, of_weights
from .learned import Blend
from .quantizer_table import PatternSettings

KINDS = {
    nn.Linear: qnn.QuantLinear,
    nn.Conv1d: qnn.QuantConv1d,
    nn.Conv2d: qnn.QuantConv2d,
    nn.ConvTranspose1d: qnn.QuantConvTranspose1d,
    nn.ConvTranspose2d: qnn.QuantConvTranspose2d,
}

_LINEAR = ("in_features", "out_features")
_CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation")
_CONVOLUTION += ("groups", "padding_mode")


def quantized_layer(layer: nn.Module, row: PatternSettings, ranges: RangeRule) -> nn.Module:
    """Return a Brevitas layer with the weights of a plain one, and the row's quantizer."""
    word = row.weights or "int8"
    name, bits = weight_words.quantizer_words.split(
        word.removeprefix(weight_words.BLEND), weight_words.WORDS
    )
    channel = row.scale == "channel"
    given = (
        of_weights(bits or 8, channel, ranges)
        if name == weight_words.INTEGER
        else weight_words.arguments(word, channel)
    )
    new = _same_layer(layer, KINDS[type(layer)], given)  # pyright: ignore[reportArgumentType]
    proxy = new.weight_quant
    if isinstance(proxy.tensor_quant, weight_words.Fitted):
        proxy.tensor_quant.begin(new.weight)
    if word.startswith(weight_words.BLEND):
        proxy.tensor_quant = Blend(proxy.tensor_quant)
    if not weight_words.has_zeros(word) and not bool((new.weight != 0).all()):
        proxy.tensor_quant = Pruned(proxy.tensor_quant, new.weight)
        proxy.tensor_quant.mask.copy_(new.weight != 0)
    return new


def plain_layer(layer: nn.Module) -> nn.Module:
    kind = next(plain for plain, kind in KINDS.items() if isinstance(layer, kind))
    new = _same_layer(layer, kind, {})
    for part in layer.modules():
        if isinstance(part, weight_words.Fitted):
            with torch.no_grad():
                new.weight.copy_(part.latent(new.weight))
    return new


def _same_layer(layer: Any, kind: Callable[..., Any], given: Mapping[str, object]) -> Any:
    """Return a layer of another kind with the same shape, weights and bias."""
    names = _LINEAR if isinstance(layer, nn.Linear) else _CONVOLUTION
    if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
        names += ("output_padding",)
    shape = {name: getattr(layer, name) for name in names}
    new = kind(**shape, bias=layer.bias is not None, **given)
    with torch.no_grad():
        new.weight.copy_(layer.weight)
        if layer.bias is not None:
            new.bias.copy_(layer.bias)
    return new.train(layer.training)


def quantizing_layers(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield ``(name, layer)`` of each layer whose weights are quantized."""
    for name, each in graph_tracing.weighted_layers(module):
        layer: Any = each
        if isinstance(layer, QuantWeightMixin) and layer.weight_quant.is_quant_enabled:  # pyright: ignore[reportAttributeAccessIssue]
            yield name, layer


def is_quantized(module: nn.Module) -> bool:
    """Return whether every layer with weights has a quantizer for them, and there is one."""
    layers = graph_tracing.weighted_names(module)
    return bool(layers) and len(layers) == sum(1 for _ in quantizing_layers(module))
