"""AdderNet: dense layers that compute distances instead of products (Chen et al. 2020)."""

from typing import Any

import brevitas.nn as qnn
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from ..frontend.reader.functions import DOMAIN

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
        to_w = g.T @ x - g.sum(0)[:, None] * w
        length = to_w.norm().clamp(min=torch.finfo(to_w.dtype).tiny)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = torch.einsum("nr,nrj->nj", g, (w - x[:, None]).clamp(-1, 1))
        return to_x, to_w * (STEP * to_w.numel() ** 0.5 / length)

    @staticmethod
    def symbolic(g: Any, x: Any, w: Any) -> Any:
        y = g.op(f"{DOMAIN}::L1MatMul", x, g.op("Transpose", w, perm_i=[1, 0]))
        y.setType(x.type().with_sizes([x.type().sizes()[0], w.type().sizes()[0]]))
        return y


class AdderLinear(qnn.QuantLinear):
    """Dense layer ``y = -sum |x - w|`` without bias, with the quantizers of `QuantLinear`.

    Weights and inputs must have the same scale: give both the same number of bits.
    """

    def inner_forward_impl(self, x: Tensor, quant_weight: object, quant_bias: object) -> Tensor:
        weight = getattr(quant_weight, "value", quant_weight)
        return L1MatMul.apply(x, weight)  # pyright: ignore[reportReturnType]
