"""Activation quantizers that are several nodes of a graph: a shifted one, and uneven levels."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from ...train.grid_weights import straight
from .act_grids import ActGrid, PactAct, quantizer
from .bases import least_squares


class QilAct(nn.Module):
    """QIL: 0 below ``c - d``, even steps to ``2 d`` at ``c + d``; c, d trained (Jung et al. 2019).

    The paper's values end at 1; these keep the slope, which is the same for what follows.
    """

    def __init__(self, bits: int):
        super().__init__()
        self.low = nn.Parameter(torch.zeros(()))
        self.quant = quantizer(PactAct, bits)

    def forward(self, x: Tensor) -> Tensor:
        return self.quant(x - self.low)


class StepAct(ActGrid):
    """A quantizer of one step: 0, or the size of the step for x of at least half of it."""

    size: Tensor

    def __init__(self, bit_width: int):
        super().__init__(bit_width)
        self.register_buffer("size", torch.tensor(1.0))

    def values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.nearest(x, self.size), self.size


class UnevenAct(nn.Module):
    """Base of ``2**N`` levels from 0 on: whole multiples of one scale of 12 significant bits.

    A network has them as a sum of one-bit quantizers, one for each step from a level to the next.
    """

    places: Tensor
    top: Tensor

    def __init__(self, bits: int):
        super().__init__()
        count = (1 << bits) - 1
        self.register_buffer("places", torch.arange(count) + 0.0)
        self.register_buffer("top", torch.tensor(float(count)))
        self.steps = nn.ModuleList(quantizer(StepAct, 1) for _ in range(count))

    def begin(self, x: Tensor) -> None:
        """Set the levels by the first images' activations."""
        raise NotImplementedError

    def follow(self, x: Tensor) -> None:
        """Move the levels while a network trains."""

    def set_levels(self, whole: Tensor, bounds: Tensor, unit: Tensor) -> None:
        """Set the levels: ascending integers from 0 on, their lower bounds, and the unit."""
        part, exponent = torch.frexp(unit)
        scale = torch.ldexp((part * 4096).round(), exponent - 12)
        sizes = whole.diff()
        self.places.copy_((bounds - sizes / 2) * scale)
        self.top.copy_(whole[-1] * scale)
        for step, size in zip(self.steps, (sizes * scale).tolist(), strict=True):
            next(p for p in step.modules() if isinstance(p, StepAct)).size.fill_(size)

    def forward(self, x: Tensor) -> Tensor:
        first: Any = self.steps[0]
        if not first.act_quant.is_quant_enabled:  # while Brevitas calibrates
            return x.relu()
        if self.training:
            self.follow(x.detach().relu())
        places = self.places.tolist()
        total = first(x - places[0])
        for step, place in zip(self.steps[1:], places[1:], strict=True):
            total = total + step(x - place)
        if self.training:
            return straight(x.clamp(torch.zeros(()), self.top), total.detach())
        return total


class LqAct(UnevenAct):
    """LQ-Nets: the nearest of the levels ``v . b``, b of 0 or 1, v learned (Zhang et al. 2018).

    On each batch, v is moved by a tenth towards the least squares solution for its codes.
    """

    basis: Tensor
    FOLLOW = 0.1
    ROUNDS = 20
    GRID = 4
    """Whole numbers that the levels of an even grid would be apart."""

    def __init__(self, bits: int):
        super().__init__(bits)
        self.register_buffer("basis", 2.0 ** torch.arange(bits))

    def begin(self, x: Tensor) -> None:
        even = 2.0 ** torch.arange(len(self.basis))
        self.basis.copy_(even * x.max().clamp(min=1e-3) / even.sum())
        for _ in range(self.ROUNDS):
            self._fit(x, 1.0)
        self._place()

    def follow(self, x: Tensor) -> None:
        self._fit(x, self.FOLLOW)
        self._place()

    def _every(self) -> Tensor:
        return torch.tensor(list(product((0.0, 1.0), repeat=len(self.basis))))

    def _fit(self, x: Tensor, share: float) -> None:
        every, flat = self._every(), x.flatten()
        levels, order = (every @ self.basis).sort()
        codes = every[order[torch.bucketize(flat, (levels[1:] + levels[:-1]) / 2)]]
        best = least_squares(codes[None], flat[None])[0].clamp(min=1e-4)
        self.basis.copy_(self.basis.lerp(best, share).sort().values)

    def _place(self) -> None:
        unit = self.basis.sum() / (self.GRID * len(self.steps))
        whole: list[int] = []
        for v in (self.basis / unit).round().int().tolist():
            whole.append(max(v, sum(whole) + 1))  # no two levels are the same
        levels = (self._every() @ torch.tensor(whole, dtype=torch.float32)).sort().values
        self.set_levels(levels, (levels[1:] + levels[:-1]) / 2, unit)


class RootLogAct(UnevenAct):
    """LogNN of base root two: 0 and ``2**(k/2)``, rounded to multiples of 1/16.

    Values are rounded on the logarithmic scale: ``x >= 2**((k - 1/2) / 2)`` has at least level k.
    The largest level is the largest activation of the first images (Miyashita et al. 2016).
    """

    UNIT = 16

    def begin(self, x: Tensor) -> None:
        powers = torch.arange(len(self.steps)) / 2
        whole = torch.cat([torch.zeros(1), (self.UNIT * 2**powers).round()])
        bounds = self.UNIT * 2 ** (powers - 0.25)
        self.set_levels(whole, bounds, x.max().clamp(min=1e-3) / whole[-1])
