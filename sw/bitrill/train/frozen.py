"""Prepares Brevitas modules for export, if Brevitas' exporter would write another network."""

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from brevitas.core.quant import BinaryQuant, ClampedBinaryQuant
from brevitas.export.onnx.qonnx.function import BrevitasQuantOp
from brevitas.export.onnx.qonnx.handler import (
    BrevitasQuantProxyHandler,
    BrevitasWeightQuantProxyHandler,
)
from brevitas.nn.mixin.parameter import QuantWeightMixin
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ..errors import SpecError
from . import brevitas_quantizers
from .adder import AdderConv2d, AdderLinear


class _Frozen(nn.Module):
    """Replaces a weight quantizer; returns fixed values, scale, zero point and bits."""

    def __init__(self, former: nn.Module, given: tuple[Tensor, ...]):
        super().__init__()
        self.given, self.binary = given, _is_binary(former)

    def forward(self, *_: Tensor) -> tuple[Tensor, ...]:
        return self.given


def _is_binary(quantizer: nn.Module) -> bool:
    """Return whether a Brevitas quantizer returns -1 and +1, and not integers of one bit."""
    if isinstance(quantizer, _Frozen):
        return quantizer.binary
    return isinstance(quantizer, BinaryQuant | ClampedBinaryQuant)


def freeze_weights(module: nn.Module, example: Tensor) -> nn.Module:
    """Return a copy in evaluation mode whose weights are already quantized.

    Brevitas exports latent weights with a plain Quant node, which would lose quantizers that it
    does not know (power of two, codebook) or that depend on the input's bits (A2Q, Colbert et al.
    2023; ``example`` determines these). Quantized values pass that node unchanged.
    """
    frozen = copy.deepcopy(module).eval()
    layers = [layer for _, layer in brevitas_quantizers.quantized_layers(frozen)]
    proxies: list[Any] = [layer.weight_quant for layer in layers]
    by_input = [proxy for proxy in proxies if proxy.requires_quant_input]
    for proxy in by_input:
        proxy.cache_inference_quant_act = True
    with torch.no_grad():
        if by_input:
            frozen(example)
        for layer, proxy in zip(layers, proxies, strict=True):
            if not proxy.is_quant_enabled:
                continue
            about = ()
            if proxy in by_input:
                about = (proxy._cached_act.bit_width, proxy._cached_act.signed)
            given = proxy.tensor_quant(layer.weight, *about)
            proxy.tensor_quant = _Frozen(proxy.tensor_quant, given)
            layer.weight.copy_(given[0])
    return frozen


def check_quantized(module: nn.Module) -> None:
    """Raise a `SpecError` that names every layer with plain weights, if there are any."""
    quantized = {
        name
        for name, layer in brevitas_quantizers.quantized_layers(module)
        if layer.weight_quant.is_quant_enabled
    }
    plain = [
        f"{name or 'module'} ({type(layer).__name__})"
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear | _ConvNd) and name not in quantized
    ]
    if plain:
        raise SpecError(
            f"every layer must have a quantizer of its weights, but {', '.join(plain)} has none;"
            " use Brevitas' QuantLinear, QuantConv2d and the like"
        )
    if not any(
        isinstance(part, QuantWeightMixin | AdderLinear | AdderConv2d) for part in module.modules()
    ):
        raise SpecError("the module must have a quantized layer, and has none")


@contextlib.contextmanager
def one_bit_integers() -> Iterator[None]:
    """Make Brevitas write integers of one bit, such as 0 and 1, as Quant, not BipolarQuant."""
    handlers: tuple[Any, ...] = (BrevitasQuantProxyHandler, BrevitasWeightQuantProxyHandler)
    former = [handler.prepare_for_export for handler in handlers]

    def corrected(prepare: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def prepare_for_export(self: Any, module: Any) -> None:
            prepare(self, module)
            if module.is_quant_enabled and not _is_binary(_tensor_quant(module)):
                self.quant_op = BrevitasQuantOp

        return prepare_for_export

    for handler, prepare in zip(handlers, former, strict=True):
        handler.prepare_for_export = corrected(prepare)
    try:
        yield
    finally:
        for handler, prepare in zip(handlers, former, strict=True):
            handler.prepare_for_export = prepare


def _tensor_quant(proxy: Any) -> nn.Module:
    """Return the quantizer of a proxy; for activations it is fused with their function."""
    fused = getattr(proxy, "fused_activation_quant_proxy", None)
    return proxy.tensor_quant if fused is None else fused.tensor_quant
