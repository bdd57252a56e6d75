"""Logarithmic activations: zero and powers of two, so that products are shifts.

LogNN, Miyashita et al. 2016.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction, FunctionCtx

from ..frontend.reader.local_functions import DOMAIN

LARGEST = 2.0
"""Largest activation; batch norm leaves few values above it."""


class LogQuant(torch.autograd.Function):
    """Rounds to 0 or ``scale * 2**k``, ``k = 0 .. 2**bits - 2``, the nearest in the log domain.

    ``x >= scale * 2**(k - 1/2)`` becomes at least ``scale * 2**k``; smaller x becomes 0. The
    gradient is passed on if x is between 0 and the largest value.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, scale: Tensor, bits: int) -> Tensor:
        levels = 2**bits - 1
        bounds = torch.pow(torch.tensor(2.0), torch.arange(levels) - 0.5)
        values = torch.cat([torch.zeros(1), torch.pow(torch.tensor(2.0), torch.arange(levels))])
        ctx.save_for_backward((x >= 0) & (x <= scale * values[-1]))
        # right=True: an x equal to a bound reaches it
        return values[torch.bucketize(x / scale, bounds, right=True)] * scale

    @staticmethod
    def backward(ctx: BackwardCFunction, *given: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return given[0] * inside, None, None

    @staticmethod
    def symbolic(g: Any, x: Any, scale: Any, bits: int) -> Any:
        y = g.op(f"{DOMAIN}::LogQuant", x, scale, bits_i=bits)
        y.setType(x.type())
        return y


class LogActivation(nn.Module):
    """Quantizes to 0 and the ``2**bits - 1`` powers of two up to `LARGEST`."""

    scale: Tensor

    def __init__(self, bits: int):
        super().__init__()
        self.bits = bits
        scale = torch.tensor(LARGEST / 2 ** (2**bits - 2))
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return LogQuant.apply(x, self.scale, self.bits)  # pyright: ignore[reportReturnType]
