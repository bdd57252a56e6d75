"""Weights of two values: -a and +a, and DoReFa's k-bit ones, which have no zero either."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...train.grid_weights import straight
from .weight_words import Fitted, Scaled, at_least_tiny, grid, word


def signs(x: Tensor) -> Tensor:
    """Return -1 or +1 for each number; +1 for zero."""
    return torch.where(x < 0, -1.0, 1.0)


class BinaryQuant(Fitted):
    """BWN: ``a sign(w)`` with ``a = mean |w|`` (Rastegari et al. 2016, "XNOR-Net").

    With one a for each channel it is the weight scale of XNOR-Net. ``sign(0)`` is +1.
    """

    def __init__(self) -> None:
        super().__init__(1)
        self.stored = 1

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return signs(x), self.spread(at_least_tiny(self.mean(self.rows(x).abs(), x)), x)

    def mean(self, magnitude: Tensor, x: Tensor) -> Tensor:
        """Return the scale of each row from the magnitudes of its weights."""
        return magnitude.mean(1)


class SignQuant(Fitted):
    """BNN: ``sign(w)``, -1 or +1; no gradient where ``|w| > 1`` (Courbariaux et al. 2016)."""

    def __init__(self) -> None:
        super().__init__(1)
        self.stored = 1

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = straight(x.clamp(-1, 1), signs(x.detach()))
        return values, self.scale, self.zero_point, self.bit_width


class StochasticQuant(BinaryQuant):
    """BinaryConnect: in training, ``+a`` with ``p = clamp((w / a + 1) / 2, 0, 1)``, else ``-a``.

    ``a = mean |w|``; the paper has weights of about 1 and uses a = 1. In evaluation mode: ``a
    sign(w)`` (Courbariaux et al. 2015, sections 2.3 and 2.6).
    """

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        integers, scale = super().fit(x)
        if self.training:
            chance = ((x / scale + 1) / 2).clamp(0, 1)
            integers = signs(chance - torch.rand_like(x).clamp(min=1e-9))
        return integers, scale


class LossAwareQuant(BinaryQuant):
    """Loss-aware binarisation: ``a = sum d |w| / sum d`` (Hou et al. 2017, theorem 3.1).

    d, a diagonal of the Hessian: the root of the second moment of the gradients of the values, as
    in Adam. Equal for all weights before the first gradient.
    """

    moment: Tensor
    FOLLOW = 1e-3

    def begin(self, x: Tensor) -> None:
        self.register_buffer("moment", torch.zeros_like(x))

    def mean(self, magnitude: Tensor, x: Tensor) -> Tensor:
        d = self.rows(self.moment.sqrt() + torch.finfo(x.dtype).eps)
        return (d * magnitude).sum(1) / d.sum(1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values, *others = super().forward(x)
        if self.training and values.requires_grad:
            values.register_hook(self._note)
        return values, *others  # pyright: ignore[reportReturnType]

    def _note(self, gradient: Tensor) -> None:
        self.moment.lerp_(gradient.detach() ** 2, self.FOLLOW)


class DorefaQuant(Scaled):
    """DoReFa: ``2 q(tanh w / (2 max |tanh w|) + 1/2) - 1`` of k bits (Zhou et al. 2016).

    ``q(x) = round((2**k - 1) x) / (2**k - 1)``; so values are odd integers over ``2**k - 1``.
    """

    def __init__(self, bits: int):
        super().__init__((1 << bits) - 1)
        self.stored = bits

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        squashed = torch.tanh(x)
        largest = self.size(squashed.detach())
        level = (squashed / (2 * largest) + 0.5) * self.top
        integers = 2 * straight(level, level.detach().round()) - self.top
        return integers * self.scale, self.scale, self.zero_point, self.bit_width


BYTE = 127


class SyqQuant(Fitted):
    """SYQ: ``a_i sign(w)`` with a trained scale for each place of a kernel (Faraone et al. 2018).

    A dense layer has one scale. ``a_i = k_i / 127`` of the largest, k whole, so that hardware has
    one grid. The gradient of a scale is the sum of its places', times the sign.
    """

    places: nn.Parameter

    def __init__(self) -> None:
        super().__init__(BYTE)
        self.stored = 1

    def begin(self, x: Tensor) -> None:
        axes = (0, 1)
        self.places = nn.Parameter(x.detach().abs().mean(axes, keepdim=True))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        scale = self.places.detach().max() / BYTE
        sizes = self.places / scale
        whole = straight(sizes, sizes.detach().round().clamp(1, BYTE))
        sign = straight(x, signs(x.detach()))
        # the latent weights' gradient is the values': not times the scale, as for `binary`
        values = straight(x, sign * whole.detach() * scale) + (
            sign.detach() * (whole - whole.detach()) * scale
        )
        return values, scale, self.zero_point, self.bit_width

    def clamp_(self) -> None:
        self.places.clamp_(min=torch.finfo(torch.float32).tiny)


word("binary", lambda _, c: grid(BinaryQuant, c), zeros=False)
word("xnor", lambda _, __: grid(BinaryQuant, True), zeros=False)
word("sign", lambda _, c: grid(SignQuant, c), zeros=False)
word("binary_stochastic", lambda _, c: grid(StochasticQuant, c), zeros=False)
word("lab", lambda _, c: grid(LossAwareQuant, c), zeros=False)
word("syq", lambda _, c: grid(SyqQuant, c), zeros=False)


def _dorefa(bits: int, per_channel: bool) -> dict[str, object]:
    if bits == 1:  # the paper has BWN's weights there
        return grid(BinaryQuant, per_channel)
    return grid(DorefaQuant, False, bits=bits)


word("dorefa", _dorefa, numbers=range(1, 9), zeros=False)
