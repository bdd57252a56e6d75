"""AdderNet: layers that compute distances instead of products (Chen et al. 2020)."""

from typing import Any

import brevitas.nn as qnn
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from ..frontend.reader.local_functions import DOMAIN

STEP = 0.2
"""The paper's eta: length of a layer's gradient over the root of the number of its weights."""


class L1MatMul(torch.autograd.Function):
    """Computes ``y[n, r] = -sum_j |x[n, j] - w[r, j]|``; exported as the ONNX function `L1MatMul`.

    Gradients as published: w gets the full difference ``x - w``, scaled to a length of
    ``STEP * sqrt(weights)`` (the layer's own learning rate); x gets ``w - x`` clipped to -1..1.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return -torch.cdist(x, w, p=1.0)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, Tensor]:
        (g,), (x, w) = given, ctx.saved_tensors
        return _gradients(g, x, w, ctx.needs_input_grad[0])

    @staticmethod
    def symbolic(g: Any, x: Any, w: Any) -> Any:
        y = g.op(f"{DOMAIN}::L1MatMul", x, g.op("Transpose", w, perm_i=[1, 0]))
        sizes = x.type().varyingSizes() or [None]
        y.setType(x.type().with_sizes([sizes[0], w.type().sizes()[0]]))
        return y


class L1Conv(torch.autograd.Function):
    """Computes `L1MatMul` of each window, stride 1, no padding; exported as the function `L1Conv`.

    x: ``[N, C, H, W]``, w: ``[O, C, kh, kw]``.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        y = -torch.cdist(_windows(x, w), w.flatten(1), p=1.0)
        places = (x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1)
        return y.unflatten(0, (len(x), -1)).transpose(1, 2).unflatten(2, places)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, Tensor]:
        (g,), (x, w) = given, ctx.saved_tensors
        rows = g.flatten(2).transpose(1, 2).flatten(0, 1)
        to_x, to_w = _gradients(rows, _windows(x, w), w.flatten(1), ctx.needs_input_grad[0])
        if to_x is not None:
            columns = to_x.unflatten(0, (len(x), -1)).transpose(1, 2)
            to_x = functional.fold(columns, x.shape[2:], w.shape[2:])
        return to_x, to_w.view_as(w)

    @staticmethod
    def symbolic(g: Any, x: Any, w: Any) -> Any:
        y = g.op(f"{DOMAIN}::L1Conv", x, w)
        (filters, _, *kernel), sizes = w.type().sizes(), x.type().varyingSizes() or [None] * 4
        places = [n and n - k + 1 for n, k in zip(sizes[2:], kernel, strict=True)]
        y.setType(x.type().with_sizes([sizes[0], filters, *places]))
        return y


def _windows(x: Tensor, w: Tensor) -> Tensor:
    """Return the windows of x, ``[N * places, C * kh * kw]``."""
    return functional.unfold(x, w.shape[2:]).transpose(1, 2).flatten(0, 1)


def _gradients(g: Tensor, x: Tensor, w: Tensor, to_input: bool) -> tuple[Tensor | None, Tensor]:
    """Return the gradients of x and of w for ``y = -sum |x - w|``, as `L1MatMul` says."""
    to_w = g.T @ x - g.sum(0)[:, None] * w
    length = to_w.norm().clamp(min=torch.finfo(to_w.dtype).tiny)
    to_x = None
    if to_input:
        to_x = torch.einsum("nr,nrj->nj", g, (w - x[:, None]).clamp(-1, 1))
    return to_x, to_w * (STEP * to_w.numel() ** 0.5 / length)


class AdderLinear(qnn.QuantLinear):
    """Dense layer ``y = -sum |x - w|`` without bias, with the quantizers of `QuantLinear`.

    Weights and inputs must have the same scale: give both the same number of bits.
    """

    def inner_forward_impl(self, x: Tensor, quant_weight: object, quant_bias: object) -> Tensor:
        weight = getattr(quant_weight, "value", quant_weight)
        return L1MatMul.apply(x, weight)  # pyright: ignore[reportReturnType]


class AdderConv2d(qnn.QuantConv2d):
    """Convolution of distances, ``y = -sum |x - w|``, stride 1, without bias; else `AdderLinear`.

    It pads with zeros, which count their distance.
    """

    def inner_forward_impl(self, x: Tensor, quant_weight: object, quant_bias: object) -> Tensor:
        weight = getattr(quant_weight, "value", quant_weight)
        high, wide = (int(n) for n in self.padding)
        if high or wide:
            x = functional.pad(x, (wide, wide, high, high))
        return L1Conv.apply(x, weight)  # pyright: ignore[reportReturnType]
