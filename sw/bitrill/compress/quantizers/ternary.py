"""Weights of three values: a negative one, zero and a positive one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...train.grid_weights import straight
from .binary import BYTE
from .weight_words import Fitted, at_least_tiny, grid, word


def kept_mean(magnitude: Tensor, kept: Tensor) -> Tensor:
    """Return, for each row, the mean of the magnitudes that are kept; never zero."""
    return at_least_tiny((magnitude * kept).sum(-1) / kept.sum(-1).clamp(min=1))


class TernaryQuant(Fitted):
    """TWN: ``a sign(w)``, or 0 where ``|w| <= 0.7 mean |w|`` (Li et al. 2016).

    a is the mean of the magnitudes that are not zeroed. Zeroed weights get a gradient, too (the
    base class passes it on unchanged), else training collapses.
    """

    THRESHOLD = 0.7

    def __init__(self) -> None:
        super().__init__(1)

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.rows(x)
        magnitude = rows.abs()
        kept = self.kept(magnitude)
        scale = self.spread(kept_mean(magnitude, kept), x)
        return (rows.sign() * kept).view(x.shape), scale

    def kept(self, magnitude: Tensor) -> Tensor:
        """Return which weights are not zero, from the magnitudes of each row."""
        return magnitude > self.THRESHOLD * magnitude.mean(1, keepdim=True)


class TsqQuant(TernaryQuant):
    """TSQ's second step: ternary weights with the least squared error (Wang et al. 2018).

    If the n largest are kept, the error is ``sum w**2 - (sum of kept |w|)**2 / n``; sorting finds
    the best n. The first step quantizes only activations (``weights = "float"``).
    """

    def kept(self, magnitude: Tensor) -> Tensor:
        order = magnitude.sort(1, descending=True)
        count = torch.arange(1, magnitude.shape[1] + 1)
        best = (order.values.cumsum(1) ** 2 / count).argmax(1, keepdim=True)
        return (magnitude >= order.values.gather(1, best)) & (magnitude > 0)


class FittedTtqQuant(Fitted):
    """TTQ: -n, 0 or +p; 0 where ``|w| <= 0.05 max |w|``; n and p are trained (Zhu et al. 2017).

    p gets the sum of the gradients of positive weights, n that of negative ones, negated; a latent
    weight gets its value's gradient times p, n, or 1 where the weight is zero. In hardware, the
    larger of n and p is the integer 127, and the other is rounded to 1..127.
    """

    THRESHOLD = 0.05
    positive: nn.Parameter
    negative: nn.Parameter

    def __init__(self) -> None:
        super().__init__(BYTE)
        self.stored = 2  # an index into -n, 0 and p, though the values need a byte

    def begin(self, x: Tensor) -> None:
        t, flat = self.signs(x.detach()).flatten(), x.detach().flatten()
        for name, side in (("positive", t > 0), ("negative", t < 0)):
            mean = kept_mean(flat.abs(), side)
            setattr(self, name, nn.Parameter(mean))

    def signs(self, x: Tensor) -> Tensor:
        """Return -1, 0 or +1 for each weight."""
        return x.sign() * (x.abs() > self.THRESHOLD * x.abs().max())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        larger = torch.maximum(self.positive, self.negative).detach()
        scale = larger / BYTE
        up, down = (self._byte(size, scale) for size in (self.positive, self.negative))
        t = straight(x, self.signs(x.detach()))
        factor = torch.where(t > 0, up, torch.where(t < 0, down, 1 / scale))
        return t * factor * scale, scale, self.zero_point, self.bit_width

    @staticmethod
    def _byte(size: Tensor, scale: Tensor) -> Tensor:
        whole = size / scale
        return straight(whole, whole.detach().round().clamp(1, BYTE))

    def clamp_(self) -> None:
        for size in (self.positive, self.negative):
            size.clamp_(min=torch.finfo(torch.float32).tiny)


class FittedFgqQuant(Fitted):
    """FGQ: TWN's rule for every group of 16 weights of an output (Mellempudi 2017).

    Each group has a scale, ``k / 127`` of the largest one, k whole. Inputs of a convolution are its
    channels and taps, flattened; the last group may be smaller.
    """

    THRESHOLD = 0.7
    GROUP = 16

    def __init__(self) -> None:
        super().__init__(BYTE)
        self.stored = 2  # a sign or zero; the group's scale is stored beside them

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = x.flatten(1)
        count = rows.shape[1]
        groups = functional.pad(rows.abs(), (0, -count % self.GROUP)).unflatten(1, (-1, self.GROUP))
        sizes = torch.full_like(groups[0, :, 0], self.GROUP)
        sizes[-1] -= -count % self.GROUP
        kept = groups > (self.THRESHOLD * groups.sum(2) / sizes)[..., None]
        means = kept_mean(groups, kept)
        scale = means.max() / BYTE
        whole = (means / scale).round().clamp(1, BYTE)[..., None] * kept
        return (whole.flatten(1)[:, :count] * rows.sign()).view(x.shape), scale


# names as a recipe's option `weight_words` spells them; c: whether each output has its own scale
word("ternary", lambda _, c: grid(TernaryQuant, c))
word("tsq", lambda _, c: grid(TsqQuant, c))
word("ttq", lambda _, c: grid(FittedTtqQuant, False))
word("fgq", lambda _, c: grid(FittedFgqQuant, False))
