"""Base classes of weight quantizers that Brevitas lacks: powers of two, codebooks, TTQ, FGQ.

A layer keeps latent real weights in -1..1; a `GridQuant` gives an integer for each, times a fixed
scale. Gradients pass rounding unchanged (straight-through estimator, Bengio et al. 2013).
"""

from typing import Any

import torch
from brevitas.quant.solver import WeightQuantSolver
from torch import Tensor, nn

from .brevitas_quantizers import Fixed

BYTE = 127
"""Largest integer of the signed narrow 8-bit grid."""


class _Straight(torch.autograd.Function):
    """Gives the second tensor forward, and passes its gradient to the first backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None]:
        return given[0], None


def straight(x: Tensor, y: Tensor) -> Tensor:
    """Return ``y``, of x's shape; its gradient goes to ``x`` unchanged."""
    return _Straight.apply(x, y)  # pyright: ignore[reportReturnType]


class GridQuant(nn.Module):
    """Weight quantizer whose integers ``q``, at most ``top`` in magnitude, stand for ``q / top``.

    Brevitas calls it with the latent weights; it gives values, scale, zero point and bit width.
    """

    scale: Tensor
    zero_point: Tensor
    bit_width: Tensor

    def __init__(self, top: int):
        super().__init__()
        bits = top.bit_length() + 1
        for name, value in (("scale", 1 / top), ("zero_point", 0.0), ("bit_width", float(bits))):
            self.register_buffer(name, torch.tensor(value), persistent=False)
        self.top = top

    def integers(self, x: Tensor) -> Tensor:
        """Return the integers of latent weights as floats, with gradients of about ``top``."""
        raise NotImplementedError

    def clamp_(self) -> None:
        """Bring trained scales back into their range; called after each step of the optimizer."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.integers(x) * self.scale, self.scale, self.zero_point, self.bit_width


class GridWeight(Fixed, WeightQuantSolver):
    """Base of ``weight_quant=`` classes; a subclass sets ``tensor_quant`` to its `GridQuant`."""

    scaling_const = 1.0
    bit_width = 8


def ternary(x: Tensor) -> Tensor:
    """Round to the nearest of -1, 0, +1, with a gradient of 1."""
    return straight(x, x.detach().clamp(-1, 1).round())


def byte(x: Tensor) -> Tensor:
    """Round reals in ``1/BYTE..1`` to integers ``1..BYTE``, with a gradient of `BYTE`."""
    scaled = x * BYTE
    return straight(scaled, scaled.detach().round().clamp(1, BYTE))


def clamp_scales(module: nn.Module) -> None:
    """Clamp the trained scales of every `GridQuant` in a module."""
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, GridQuant):
                part.clamp_()
