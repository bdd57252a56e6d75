"""TTQ: ternary weights with two trained scales a layer, -n, 0, +p (Zhu et al. 2017)."""

import torch
from torch import Tensor, nn

from .grid_weights import BYTE, GridQuant, GridWeight, byte, ternary


class TtqQuant(GridQuant):
    """Rounds to -n, 0, +p by the nearest of -1, 0, +1; n and p are ``1..127`` over 127.

    Gradients as published: p gets the sum over positive weights, n over negative ones; a latent
    weight gets its value's gradient times p, n, or 1 where the weight is zero.
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
    """Weights -n/127, 0, +p/127, with one trained pair n and p a layer."""

    tensor_quant = TtqQuant  # pyright: ignore[reportAssignmentType]
