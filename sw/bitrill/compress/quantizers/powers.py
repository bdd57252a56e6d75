"""Weights that are powers of two, sums of them, or short floats: products are shifts."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...train.grid_weights import PotQuant, Scheduled, straight, ternary
from .weight_words import Fitted, at_least_tiny, grid, word


def rounded_log2(x: Tensor) -> Tensor:
    """Return the nearest integers to the base-2 logarithms of magnitudes, as floats."""
    return torch.log2(at_least_tiny(x.abs())).round()


class ShiftQuant(Fitted):
    """DeepShift-Q: ``sign(w) 2**round(log2 |w|)`` of N bits (Elhoushi et al. 2019, section 3.1).

    A sign and ``2**(N-1) - 1`` powers, of which the largest is that of the largest weight. Smaller
    weights become the smallest power; only 0 stays 0.
    """

    def __init__(self, bits: int):
        self.powers = (1 << bits - 1) - 1
        super().__init__(1 << self.powers - 1)
        self.stored = bits

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        powers = rounded_log2(x)
        low = self.spread(self.rows(powers).amax(1), x) - (self.powers - 1)
        one = torch.ones_like(x)
        return x.sign() * torch.ldexp(one, (powers - low).clamp(min=0)), torch.exp2(low)


class ShiftPsQuant(Fitted):
    """DeepShift-PS: ``S 2**P`` with S of -1, 0, +1 and P whole, both trained (Elhoushi 2019, 3.2).

    Latent S and P are rounded; gradients pass that unchanged. Weights that are masked stay zero.
    """

    shift: nn.Parameter
    sign: nn.Parameter
    low: Tensor

    def __init__(self, bits: int):
        self.powers = (1 << bits - 1) - 1
        super().__init__(1 << self.powers - 1)
        self.stored = bits

    def begin(self, x: Tensor) -> None:
        powers = torch.log2(at_least_tiny(x.detach().abs()))
        self.register_buffer("low", powers.round().max() - (self.powers - 1))
        self.shift = nn.Parameter(powers.maximum(self.low))
        self.sign = nn.Parameter(x.detach().sign())

    def latent(self, x: Tensor) -> Tensor:
        return self(x)[0].detach()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        sign = ternary(self.sign) * (x.detach() != 0)
        place = (self.shift - self.low).clamp(0, self.powers - 1)
        power = torch.exp2(straight(place, place.detach().round()))
        exact = torch.ldexp(torch.ones_like(x), place.detach().round())
        scale = torch.exp2(self.low)
        return sign * straight(power, exact) * scale, scale, self.zero_point, self.bit_width


SHARES = (0.5, 0.75, 0.875, 1.0)
"""Shares of weights that INQ has fixed in the quarters of a training (Zhou et al. 2017, 4.1)."""


class InqQuant(Scheduled, Fitted):
    """INQ: the largest weights are fixed to 0 or ``+-2**n`` first, the others trained on.

    ``n1 = floor(log2(4 max |w| / 3))``, ``n2 = n1 + 1 - 2**(N-2)``; with neighbours a < b, b is
    taken where ``(a + b) / 2 <= |w| < 3 b / 2`` (Zhou et al. 2017, equations 1 to 6). Half of the
    weights are fixed when training begins, then 3/4, 7/8 and all. Fixed ones get no gradient.
    Outside of training every weight is quantized.
    """

    unit: Tensor
    share: Tensor
    fixed: Tensor
    held: Tensor

    def __init__(self, bits: int):
        self.powers = 1 << bits - 2
        super().__init__(1 << self.powers - 1)
        self.stored = bits

    def begin(self, x: Tensor) -> None:
        largest = math.floor(math.log2(4 * max(x.abs().max().item(), 1e-30) / 3))
        self.register_buffer("unit", torch.tensor(2.0 ** (largest - self.powers + 1)))
        self.register_buffer("share", torch.zeros(()))
        self.register_buffer("fixed", torch.zeros_like(x, dtype=torch.bool))
        self.register_buffer("held", torch.zeros_like(x.detach()))

    def step(self, done: float) -> None:
        self.share.fill_(SHARES[min(int(4 * done), 3)])

    def latent(self, x: Tensor) -> Tensor:
        return torch.where(self.fixed, self.held * self.unit, x)

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        size = x.abs() / self.unit
        # 3 b / 2 is the middle between b and 2 b, and half of the least power that to zero
        power = torch.frexp(size / 1.5).exponent.clamp(max=self.powers - 1).to(x.dtype)
        whole = torch.where(size < 0.5, 0.0, torch.ldexp(torch.ones_like(x), power.clamp(min=0)))
        return x.sign() * whole, self.unit

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        integers, scale = self.fit(x.detach())
        if self.training:
            self._fix(x.detach(), integers)
        values = torch.where(self.fixed, self.held, integers) * scale
        free = x if self.training else straight(x, values)
        return torch.where(self.fixed, values, free), scale, self.zero_point, self.bit_width

    def _fix(self, x: Tensor, integers: Tensor) -> None:
        """Fix the largest free weights until the share is reached."""
        wanted = round(float(self.share) * x.numel()) - int(self.fixed.sum())
        if wanted > 0:
            size = x.abs().masked_fill(self.fixed, -1).flatten()
            chosen = torch.sort(size, descending=True, stable=True).indices[:wanted]
            self.held.view(-1)[chosen] = integers.flatten()[chosen]
            self.fixed.view(-1)[chosen] = True


FLOATS = {4: (2, 1, 7), 6: (3, 2, 31), 8: (4, 3, 126)}
"""Bits to exponent bits, mantissa bits, and the code of the largest value (OCP MX, table 1)."""


class MinifloatQuant(Fitted):
    """Minifloats as integers: E2M1, E3M2 or E4M3 with subnormals, nearest, halves to even.

    The largest magnitude is the largest float; smallest subnormals are the integer 1 (Gysel et al.
    2018, "Ristretto"; formats of the OCP Microscaling Formats Specification 1.0).
    """

    def __init__(self, bits: int):
        _, self.mantissa, code = FLOATS[bits]
        exponent, rest = divmod(code, 1 << self.mantissa)
        super().__init__(((1 << self.mantissa) + rest) << exponent - 1)
        self.stored = bits

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scale = self.spread(at_least_tiny(self.rows(x).abs().amax(1)), x) / self.top
        size = (x / scale).clamp(-self.top, self.top)
        place = (torch.frexp(size).exponent - 1 - self.mantissa).clamp(min=0).to(x.dtype)
        step = torch.ldexp(torch.ones_like(x), place)
        return (size / step).round() * step, scale


word("pot", lambda n, c: grid(PotQuant, c, terms=n), numbers=range(1, 4))
word("shift", lambda n, c: grid(ShiftQuant, c, bits=n), numbers=range(2, 6))
word("shift_ps", lambda n, _: grid(ShiftPsQuant, False, bits=n), numbers=range(2, 6))
word("inq", lambda n, _: grid(InqQuant, False, bits=n), numbers=range(3, 7))
word("float", lambda n, c: grid(MinifloatQuant, c, bits=n), numbers=range(4, 9, 2))
