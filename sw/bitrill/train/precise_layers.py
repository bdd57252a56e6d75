"""Layers that learn the bits of each weight and of each activation, for any torch module: HGQ.

A weight w with f fraction bits is ``round(w * 2**f) / 2**f``. Both are learned: w gets the gradient
of its rounded value, and f that times ``ln 2`` times what rounding took away. An activation is
rounded in the same way between 0 and 1. The cost of a weight is the number of its signed digits
(additions of a constant product) times the bits of what it multiplies; each bit that f loses takes
half a digit away. So widths fall until the loss that they cause outweighs what they cost, to 0 bits
too: pruned. (Sun et al. 2024, "Gradient-based Automatic Mixed Precision Quantization for Neural
Networks On-Chip", arXiv 2405.00645; digits as cost: Ding et al. 2019, "FLightNNs", DAC.)
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

Grain = Literal["element", "row", "tensor"]
"""What shares a number of fraction bits: nothing, an output's weights, all of them."""

GRAINS: tuple[Grain, ...] = ("element", "row", "tensor")

MOST_BITS = 16
"""Most bits of a weight, its sign included."""

DIGITS_OF_A_BIT = 0.5
"""Signed digits that a bit of a weight is worth, in the cost's gradient."""

LUTS_OF_A_DIGIT = 0.5
"""LUTs of a signed digit of a weight times one bit of an activation, in an unrolled matrix."""

LUTS_OF_A_STEP = 2.5
"""LUTs of a threshold between two values of an activation."""

_LN2 = math.log(2)


class _Rounded(torch.autograd.Function):
    """``round(w * 2**f) / 2**f`` with whole f; gradients of both, see above."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, f: Tensor) -> Tensor:  # pyright: ignore
        scale = torch.exp2(f.round())
        rounded = (w * scale).round() / scale
        ctx.save_for_backward(w - rounded)
        ctx.shape = f.shape
        return rounded

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore
        (lost,) = ctx.saved_tensors
        return g, (g * lost * _LN2).sum_to_size(ctx.shape)


class _Digits(torch.autograd.Function):
    """Nonzero signed digits of each integer ``round(w * 2**f)``; one less where it gets smaller."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, f: Tensor) -> Tensor:  # pyright: ignore
        scale = torch.exp2(f.round())
        n = (w * scale).round().abs().to(torch.int64)
        slope = (n > 0).to(w.dtype) * DIGITS_OF_A_BIT
        ctx.save_for_backward(slope, slope * w.sign() * scale)
        ctx.shape = f.shape
        return signed_digits(n).to(w.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore
        of_bits, of_weights = ctx.saved_tensors
        return g * of_weights, (g * of_bits).sum_to_size(ctx.shape)


class _Steps(torch.autograd.Function):
    """``z`` between 0 and 1 in steps of ``2**-b``, the largest ``1 - 2**-b``, by channel."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, b: Tensor) -> Tensor:  # pyright: ignore
        scale = torch.exp2(b.round())
        near = z.clamp(0, 1)
        y = torch.minimum((near * scale).round(), scale - 1) / scale
        ctx.save_for_backward(near - y, (z > 0) & (z < 1))
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore
        lost, inside = ctx.saved_tensors
        return g * inside, (g * lost * _LN2).sum(0)


@cache
def _digits_of_integers() -> Tensor:
    """Return the digits of 0 .. ``2**MOST_BITS - 1``."""
    n = torch.arange(1 << MOST_BITS)
    digits, count = n ^ 3 * n, torch.zeros_like(n)
    while digits.any():
        count += digits & 1
        digits = digits >> 1
    return count


def signed_digits(n: Tensor) -> Tensor:
    """Return how many powers of two, added or subtracted, make each integer of 0 or above."""
    return _digits_of_integers()[n]


class PreciseLinear(nn.Module):
    """``y = x @ q.T``, ``q = round(weight * 2**f) / 2**f`` with learned weights and f.

    x: ``[batch, inputs]``; y: ``[batch, outputs]``. ``fraction``: the f before rounding, a
    parameter ``[outputs, inputs]``, ``[outputs, 1]`` or ``[1, 1]`` by ``grain``. After each step of
    the optimizer, `clamp` keeps every weight within `MOST_BITS`.
    """

    def __init__(self, inputs: int, outputs: int, *, grain: Grain = "element", bits: float = 2.0):
        super().__init__()
        if grain not in GRAINS:
            raise ValueError(f"grain must be one of {', '.join(GRAINS)}, not {grain!r}")
        if not 1 <= bits < MOST_BITS:
            raise ValueError(f"bits must be from 1 to below {MOST_BITS}, not {bits!r}")
        largest = (3 / inputs) ** 0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-largest, largest))
        shape = {"element": (outputs, inputs), "row": (outputs, 1), "tensor": (1, 1)}[grain]
        self.fraction = nn.Parameter(torch.full(shape, bits - 1 - math.log2(largest)))

    def values(self) -> Tensor:
        """Return the rounded weights."""
        return cast("Tensor", _Rounded.apply(self.weight, self.fraction))

    def digits(self) -> Tensor:
        """Return the signed digits of each weight, with a gradient for its value and its bits."""
        return cast("Tensor", _Digits.apply(self.weight, self.fraction))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.values().t()

    @torch.no_grad()
    def clamp(self) -> None:
        """Keep f, and the weights at this f, within `MOST_BITS`."""
        self.fraction.clamp_(-MOST_BITS, MOST_BITS)
        top = (2 ** (MOST_BITS - 1) - 1) / torch.exp2(self.fraction.round())
        self.weight.copy_(self.weight.minimum(top).maximum(-top))


class PreciseActivation(nn.Module):
    """Values from 0 to 1, each channel in steps of ``2**-b`` with a learned number of bits b.

    x and y: ``[batch, channels]``; y is ``min(round(x * 2**b), 2**b - 1) / 2**b``, 0 where b is 0.
    ``bits``: a parameter ``[channels]``; ``learned=False`` fixes them.
    """

    def __init__(self, channels: int, *, bits: float = 2.0, most: int = 4, learned: bool = True):
        super().__init__()
        if not 0 <= bits <= most <= MOST_BITS:
            raise ValueError(f"bits must be from 0 to most, at most {MOST_BITS}, not {bits!r}")
        self.bits = nn.Parameter(torch.full((channels,), float(bits)), requires_grad=learned)
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        return cast("Tensor", _Steps.apply(x, self.bits))

    def steps(self) -> Tensor:
        """Return the thresholds of each channel, with a gradient for its bits."""
        return torch.exp2(self.bits + (self.bits.round() - self.bits).detach()) - 1

    @torch.no_grad()
    def clamp(self) -> None:
        """Keep the bits between 0 and the most."""
        self.bits.clamp_(0, self.most)


def estimated_luts(module: nn.Module) -> Tensor:
    """Return the LUTs that a module's learned layers take unrolled, with gradients for all widths.

    Layers follow each other in the order of ``modules()``: a matrix reads the activation before it.
    """
    total, bits = torch.zeros(()), None
    for part in module.modules():
        if isinstance(part, PreciseActivation):
            bits = part.bits + (part.bits.round() - part.bits).detach()
            if part.bits.requires_grad:
                total = total + LUTS_OF_A_STEP * part.steps().sum()
        elif isinstance(part, PreciseLinear):
            digits = part.digits()
            total = total + LUTS_OF_A_DIGIT * (digits if bits is None else digits * bits).sum()
    return total


def clamp(module: nn.Module) -> None:
    """Clamp every learned layer of a module; call it after each step of the optimizer."""
    for part in module.modules():
        if isinstance(part, PreciseActivation | PreciseLinear):
            part.clamp()


def widths(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are widths; they take a smaller rate than weights do."""
    parts = module.modules()
    parameters = [
        p.fraction if isinstance(p, PreciseLinear) else p.bits
        for p in parts
        if isinstance(p, PreciseActivation | PreciseLinear)
    ]
    return [p for p in parameters if p.requires_grad]
