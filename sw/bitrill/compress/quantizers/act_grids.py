"""Activation quantizers of papers: ``0 .. 2**N - 1`` times a scale, after a ReLU."""

from __future__ import annotations

import math
from functools import lru_cache

import brevitas.nn as qnn
import torch
from brevitas.quant.solver import ActQuantSolver
from torch import Tensor, nn

from ...train.brevitas_quantizers import Fixed
from ...train.grid_weights import straight
from ...train.logquant import LogActivation


class ActGrid(nn.Module):
    """Base: integers ``0 .. top`` times a scale; Brevitas reads values, scale, zero point, bits.

    `begin` reads the activations of the first training images, which are never negative.
    """

    zero_point: Tensor
    bits: Tensor

    def __init__(self, bit_width: int):
        super().__init__()
        self.top = (1 << bit_width) - 1
        self.register_buffer("zero_point", torch.tensor(0.0), persistent=False)
        self.register_buffer("bits", torch.tensor(float(bit_width)), persistent=False)

    def begin(self, x: Tensor) -> None:
        """Set the scale from activations."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values, scale = self.values(x)
        return values, scale, self.zero_point, self.bits

    def values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return quantized activations and their scale."""
        raise NotImplementedError

    def nearest(self, x: Tensor, scale: Tensor) -> Tensor:
        """Return the values nearest to activations; no gradient."""
        return (x / scale).clamp(0, self.top).round().detach() * scale.detach()


class DorefaAct(ActGrid):
    """DoReFa: ``q(clip(x, 0, 1))``, ``q(x) = round(Q x) / Q``, ``Q = 2**N - 1`` (Zhou 2016)."""

    scale: Tensor

    def __init__(self, bit_width: int):
        super().__init__(bit_width)
        self.register_buffer("scale", torch.tensor(1 / self.top), persistent=False)

    def values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return straight(x.clamp(0, 1), self.nearest(x, self.scale)), self.scale


class PactAct(ActGrid):
    """PACT: ``clip(x, 0, a)`` in ``2**N - 1`` steps, a trained (Choi et al. 2018).

    The gradient of a is 1 where ``x >= a``, else 0; x gets its own below a. The paper's penalty on
    a is the optimizer's weight decay.
    """

    def __init__(self, bit_width: int):
        super().__init__(bit_width)
        self.bound = nn.Parameter(torch.tensor(6.0))

    def begin(self, x: Tensor) -> None:
        self.bound.data.copy_(x.max().clamp(min=1e-3))

    def values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        bound = self.bound.clamp(min=1e-3)
        clipped = torch.where(x >= bound, bound, x.clamp(min=0))
        scale = (bound / self.top).detach()
        return straight(clipped, self.nearest(x, scale)), scale


class LsqAct(ActGrid):
    """LSQ: ``s round(clip(x / s, 0, Q))`` with a trained step s (Esser et al. 2020).

    The gradient of s is ``round(x / s) - x / s`` inside and Q above, times ``1 / sqrt(n Q)``, n
    activations a sample; s begins as ``2 mean |x| / sqrt(Q)``.
    """

    def __init__(self, bit_width: int):
        super().__init__(bit_width)
        self.stride = nn.Parameter(torch.tensor(1.0))

    def begin(self, x: Tensor) -> None:
        self.stride.data.copy_((2 * x.mean() / math.sqrt(self.top)).clamp(min=1e-3))

    def values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        stride = self.stride.clamp(min=1e-4)
        share = 1 / math.sqrt(max(x[0].numel() if x.ndim else 1, 1) * self.top)
        s = straight(stride * share, stride.detach())
        level = (x / s).clamp(0, self.top)
        return straight(level, level.detach().round()) * s, s


class HwgqAct(ActGrid):
    """HWGQ: even steps that fit a half normal distribution (Cai et al. 2017, section 4.2).

    The gradient is that of a clipped ReLU. The paper assumes unit variance, from batch norm; here
    the steps are multiplied by the root mean square of the positive activations of the first
    images, and then fixed.
    """

    size: Tensor

    def __init__(self, bit_width: int):
        super().__init__(bit_width)
        self.register_buffer("size", torch.tensor(1.0))

    def begin(self, x: Tensor) -> None:
        positive = x[x > 0]
        if positive.numel():
            self.size.copy_(positive.square().mean().sqrt())

    def values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scale = self.size * half_normal_step(self.top)
        return straight(x.minimum(self.top * scale).clamp(min=0), self.nearest(x, scale)), scale


@lru_cache
def half_normal_step(top: int) -> float:
    """Return the step s with the least ``E (x - s round(clip(x / s, 0, top)))**2``, x half normal.

    Found by Lloyd's algorithm: in turn, the codes for a step, and the least squares step for codes.
    """
    x = torch.arange(0, 6, 1e-3, dtype=torch.float64) + 5e-4
    weight = torch.exp(-(x**2) / 2)
    step = 3.0 / (top + 1)
    for _ in range(200):
        level = (x / step).round().clamp(0, top)
        step = float((weight * level * x).sum() / (weight * level**2).sum())
    return step


class LogAct(LogActivation):
    """LogNN: 0 and ``2**N - 1`` powers of two, up to the largest activation (Miyashita 2016)."""

    def __init__(self, bits: int):
        super().__init__(bits)
        scale = self.scale
        del self.scale
        self.register_buffer("scale", scale)

    def begin(self, x: Tensor) -> None:
        """Set the scale such that the largest power of two is the largest activation of the first
        images."""
        self.scale.copy_(x.max().clamp(min=1e-3) / 2 ** (2**self.bits - 2))


def quantizer(kind: type[ActGrid], bits: int) -> nn.Module:
    """Return a ReLU with a quantizer of that kind."""
    given = {"tensor_quant": kind, "bit_width": bits, "signed": False, "narrow_range": False}
    name = f"{kind.__name__}Quant"
    return qnn.QuantReLU(act_quant=type(name, (Fixed, ActQuantSolver), given))


def grid_of(module: nn.Module) -> ActGrid | LogAct | None:
    """Return the quantizer of this module that ``module`` is or contains, if any."""
    if isinstance(module, LogAct):
        return module
    if isinstance(module, qnn.QuantReLU):
        return next((part for part in module.modules() if isinstance(part, ActGrid)), None)
    return None
