"""Weight quantizers with learned parameters: LSQ, QIL and codebooks; and `Blend`.

`Blend` fades from float to quantized weights during training.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...train.grid_weights import CodebookQuant, Scheduled, straight
from .weight_words import Fitted, at_least_tiny, grid, word


def largest_integer(bits: int) -> int:
    """Return the largest integer of a symmetric signed range, ``2**(bits - 1) - 1``."""
    return (1 << bits - 1) - 1


class LsqQuant(Fitted):
    """LSQ: ``s round(clip(w / s, -Q, Q))`` with a trained step s (Esser et al. 2020).

    ``Q = 2**(N-1) - 1``. The gradient of s is ``round(w / s) - w / s`` inside the range, -Q or Q
    outside, times ``1 / sqrt(n Q)`` for n weights that share a step; s begins as
    ``2 mean |w| / sqrt(Q)``. Only weights inside the range get a gradient.
    """

    stride: nn.Parameter
    """The step s."""

    least: Tensor
    """Lower bound of s."""

    RANGE = 16
    """``s`` may fall to 1/16 of its first value: a single update of the optimizer could otherwise
    make it zero or negative."""

    def __init__(self, bits: int):
        super().__init__(largest_integer(bits))

    def begin(self, x: Tensor) -> None:
        mean = at_least_tiny(self.rows(x.detach().abs()).mean(1))
        start = self.spread(2 * mean / math.sqrt(self.top), x)
        self.stride = nn.Parameter(start)
        self.register_buffer("least", start / self.RANGE)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        share = 1 / math.sqrt(x.numel() / self.stride.numel() * self.top)
        s = straight(self.stride * share, self.stride.detach())
        level = (x / s).clamp(-self.top, self.top)
        integers = straight(level, level.detach().round())
        return integers * s, s, self.zero_point, self.bit_width

    def clamp_(self) -> None:
        self.stride.copy_(torch.maximum(self.stride, self.least))


class QilQuant(Fitted):
    """QIL: rounds a trained curve of the weights (Jung et al. 2019).

    The curve is 0 where ``|w| < c - d``, ``sign(w)`` where ``|w| > c + d``, and
    ``sign(w) (0.5 (|w| - c) / d + 0.5)**g`` between them; c, d and g are trained. Values are
    multiplied by ``c + d``, so that the weights' magnitude does not change when training begins;
    the paper leaves that to batch norm.
    """

    centre: nn.Parameter
    half_width: nn.Parameter
    power: nn.Parameter

    def __init__(self, bits: int):
        super().__init__(largest_integer(bits))

    def begin(self, x: Tensor) -> None:
        half = at_least_tiny(x.detach().abs().max() / 2)
        self.centre, self.half_width = nn.Parameter(half.clone()), nn.Parameter(half.clone())
        self.power = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        place = (0.5 * (x.abs() - self.centre) / self.half_width + 0.5).clamp(0, 1)
        tiny = torch.finfo(x.dtype).eps  # 0**g has no gradient
        curve = torch.where(place > 0, place.clamp(min=tiny) ** self.power, place)
        level = x.sign() * curve * self.top
        scale = (self.centre + self.half_width).detach() / self.top
        integers = straight(level, level.detach().round())
        return integers * scale, scale, self.zero_point, self.bit_width

    def clamp_(self) -> None:
        self.half_width.clamp_(min=1e-6)
        self.centre.copy_(torch.maximum(self.centre, self.half_width))
        self.power.clamp_(min=0.1)


class Blend(Scheduled):
    """Alpha-blending: ``(1 - a) w + a Q(w)`` in training, a from 0 to 1 (Liu and Mattina 2019).

    ``a = 1 - (1 - t)**3`` after a share t of the training. No gradient goes through Q. In
    evaluation mode: ``Q(w)``.
    """

    share: Tensor

    def __init__(self, quantizer: nn.Module):
        super().__init__()
        self.quantizer = quantizer
        self.register_buffer("share", torch.zeros(()))

    def step(self, done: float) -> None:
        self.share.fill_(1 - (1 - done) ** 3)

    @property
    def stored_bits(self) -> int | None:
        """Bits that store one weight, if the quantizer states them, else None."""
        return getattr(self.quantizer, "stored_bits", None)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values, *others = self.quantizer(x)
        if self.training:
            values = (1 - self.share) * x + self.share * values.detach()
        return values, *others  # pyright: ignore[reportReturnType]


# names as a recipe's option `weight_words` spells them, with a number n after them; c: whether each
# output channel has its own scale
word("lsq", lambda n, c: grid(LsqQuant, c, bits=n), numbers=range(2, 9))
word("qil", lambda n, _: grid(QilQuant, False, bits=n), numbers=range(2, 9))
word("codebook", lambda n, c: grid(CodebookQuant, c, entries=n), numbers=range(2, 17))
