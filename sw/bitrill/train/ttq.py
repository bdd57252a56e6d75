"""Ternary weights with two trained scales a layer: -n, 0, +p (TTQ, Zhu et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .latent import BYTE, GridQuant, GridWeight, byte, ternary


class TtqQuant(GridQuant):
    """-n, 0, +p by the sign of the nearest of -1, 0, +1; n and p are ``1..127`` of 127.

    Gradients as published: of p the sum over positive weights, of n over negative ones; of a latent
    weight that of its own value times p, n, or 1 where the weight is zero.
    """

    def __init__(self) -> None:
        super().__init__(BYTE)
        self.positive = nn.Parameter(torch.tensor(0.75))
        self.negative = nn.Parameter(torch.tensor(0.75))

    def integers(self, x: Tensor) -> Tensor:
        t = ternary(x)
        below = torch.where(t < 0, t * byte(self.negative), t * BYTE)
        return torch.where(t > 0, t * byte(self.positive), below)

    def clamp_(self) -> None:
        self.positive.clamp_(1 / BYTE, 1)
        self.negative.clamp_(1 / BYTE, 1)


class TtqWeight(GridWeight):
    """-n/127, 0, +p/127, with n and p trained, one pair a layer."""

    tensor_quant = TtqQuant  # pyright: ignore[reportAssignmentType]
