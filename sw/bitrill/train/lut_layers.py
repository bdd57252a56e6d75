"""Layers of truth tables whose wiring and contents are learned (DWN), for any torch module.

A `LutLayer` of N tables has K input bits for each. Forward, the result of a table is one bit, the
sign of the addressed entry. Backward, an entry gets the gradients of the results that it had
(straight-through), and an input gets the finite difference of the table: the entry with this input
at 1 minus the one with it at 0. Each input has a score for each bit that it might read, and reads
the one with the highest score; a score's gradient is that of the input, times the bit as -1 or +1.
(Bacellar et al. 2024, "Differentiable Weightless Neural Networks", ICML, arXiv 2410.11112.)

There are N * K scores for each bit that can be read. To need no gradients of that size, scores are
no parameters: `LutLayer.rewire` adds the product of the two factors to them in place.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

SPREAD = 0.2
"""Scores begin evenly between 0 and this."""

SAMPLED = 64
"""Bits from which the size of a pin's gradients is estimated."""

MEMORY = 0.99
"""Decay of the running mean of squared gradients, a step."""

MOST_INPUTS = 12
"""Most inputs of a table."""


class _Lookup(torch.autograd.Function):
    """Looks bits up in tables, addressed by other bits; gradients are finite differences."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Tensor, layer: LutLayer) -> Tensor:  # pyright: ignore
        k = layer.wires.shape[1]
        read = x.detach().t().to(torch.uint8).contiguous()[layer.wires.reshape(-1)]
        read = read.view(len(table), k, -1)
        address = read[:, 0].to(torch.int64)
        for i in range(1, k):
            address |= read[:, i].to(torch.int64) << i
        ctx.save_for_backward(x, table, address)
        ctx.layer = layer
        return (table.gather(1, address) > 0).to(x.dtype).t()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor, None]:  # pyright: ignore
        x, table, address = ctx.saved_tensors
        layer: LutLayer = ctx.layer
        g = g.t().contiguous()
        entries = torch.zeros_like(table).scatter_add_(1, address, g)
        if not (ctx.needs_input_grad[0] or layer.learns):
            return None, entries, None
        rows, k = layer.wires.shape
        pins = torch.empty(rows, k, len(x), dtype=g.dtype, device=g.device)
        for i in range(k):
            high = table.gather(1, address | 1 << i)
            pins[:, i] = (high - table.gather(1, address & ~(1 << i))) * g
        pins = pins.view(rows * k, -1)
        if layer.learns:
            layer.kept = pins, x.detach()
        inputs = None
        if ctx.needs_input_grad[0]:
            inputs = torch.zeros_like(x.t()).index_add_(0, layer.wires.view(-1), pins).t()
        return inputs, entries, None


class LutLayer(nn.Module):
    """``y[n, j] = [table[j, sum_i x[n, wires[j, i]] * 2**i] > 0]`` of bits x, 0 and 1.

    x: ``[batch, inputs]``; y: ``[batch, rows]``, both floats. ``table``: a parameter
    ``[rows, 2**k]`` between -1 and 1 (`clamp`); ``wires``: int64 ``[rows, k]``, the bits with the
    best ``scores`` ``[rows * k, inputs]``. After each backward pass in which the layer ``learns``,
    `rewire` moves the scores.
    """

    wires: Tensor
    scores: Tensor
    size: Tensor

    def __init__(self, inputs: int, rows: int, k: int = 6, *, seed: int = 0):
        super().__init__()
        if not 1 <= k <= MOST_INPUTS:
            raise ValueError(f"k must be 1 to {MOST_INPUTS}, not {k!r}")
        generator = torch.Generator().manual_seed(seed)
        self.table = nn.Parameter(torch.rand(rows, 1 << k, generator=generator) * 2 - 1)
        self.register_buffer("scores", torch.rand(rows * k, inputs, generator=generator) * SPREAD)
        self.register_buffer("size", torch.zeros(rows * k, 1))
        self.register_buffer("wires", self.scores.argmax(1).view(rows, k))
        self.learns = True
        self.kept: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        return cast("Tensor", _Lookup.apply(x, self.table, self))

    @torch.no_grad()
    def rewire(self, rate: float) -> None:
        """Move the scores against the last backward pass's gradients, and take the best wires.

        A pin's gradients are divided by the root of their running mean square.
        """
        if self.kept is None:
            return
        pins, x = self.kept
        self.kept = None
        signs = x * 2 - 1
        some = torch.randint(signs.shape[1], (SAMPLED,), device=x.device)
        square = (pins @ signs[:, some]).square().mean(1, keepdim=True)
        self.size.lerp_(square, 1 - MEMORY) if self.size.any() else self.size.copy_(square)
        self.scores.addmm_(pins / (self.size.sqrt() + 1e-9), signs, alpha=-rate)
        self.wires.copy_(self.scores.argmax(1).view_as(self.wires))

    @torch.no_grad()
    def clamp(self) -> None:
        """Bring the tables' entries back to -1 .. 1."""
        self.table.clamp_(-1, 1)


class GroupSum(nn.Module):
    """Scores of classes: ones counted in ``groups`` equal groups, divided by ``temperature``."""

    def __init__(self, groups: int, temperature: float = 1.0):
        super().__init__()
        self.groups, self.temperature = groups, temperature

    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.groups, -1).sum(-1) / self.temperature
