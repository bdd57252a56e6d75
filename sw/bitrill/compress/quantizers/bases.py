"""Weights that are sums of a few signs, each times a number of its own: 2**N levels of N bits."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from .binary import BYTE, signs
from .weight_words import Fitted, at_least_tiny, grid, word

MOST = 4
"""Largest number of signs of a weight: the hardware's codebooks have at most 16 values."""


class SignsQuant(Fitted):
    """Base of ``sum_i v_i e_i`` with e of -1 or +1; v are ``k_i / 127`` of their sum, k whole."""

    def __init__(self, bits: int):
        super().__init__(BYTE)
        self.stored = bits

    @staticmethod
    def on_grid(v: Tensor) -> tuple[Tensor, Tensor]:
        """Return whole numbers for ``v``, ``[rows, N]``, and their scale, ``[rows]``."""
        # each may be rounded up by one half, and the sum must not be above 127
        scale = at_least_tiny(v.abs().sum(1) / (BYTE - v.shape[1]))
        return (v / scale[:, None]).round(), scale


class AbcQuant(SignsQuant):
    """ABC-Net: ``sum a_i sign(w - mean(w) + u_i std(w))``, u even in -1..1 (Lin et al. 2017).

    ``a`` are the least squares of ``w``. One base has ``u = 0``.
    """

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows, n = self.rows(x), self.stored or 1
        u = torch.linspace(-1, 1, n) if n > 1 else torch.zeros(1)
        centred = rows - rows.mean(1, keepdim=True)
        std = rows.std(1, correction=0, keepdim=True)
        bases = signs(centred[..., None] + u * std[..., None])
        a = least_squares(bases, rows)
        whole, scale = self.on_grid(a)
        return (bases @ whole[..., None]).view(x.shape), self.spread(scale, x)


def least_squares(bases: Tensor, rows: Tensor) -> Tensor:
    """Return ``v [rows, N]`` with the least ``|bases v - rows|**2``; bases ``[rows, n, N]``."""
    square = bases.transpose(1, 2) @ bases
    # bases that are equal, as of few weights, share their part
    ridge = 1e-6 * bases.shape[1] * torch.eye(bases.shape[2])
    side = bases.transpose(1, 2) @ rows[..., None]
    return torch.linalg.solve(square + ridge, side)[..., 0]


class LqQuant(SignsQuant):
    """LQ-Nets: the nearest of the levels ``v . e``, with v learned (Zhang et al. 2018).

    On each batch, v is moved by a tenth towards the least squares solution for its codes (QEM,
    algorithm 1).
    """

    basis: Tensor
    FOLLOW = 0.1
    ROUNDS = 20

    def begin(self, x: Tensor) -> None:
        n = self.stored or 1
        rows = self.rows(x.detach())
        start = rows.abs().mean(1, keepdim=True) * 2.0 ** (torch.arange(n) - n + 1)
        self.register_buffer("basis", at_least_tiny(start))
        for _ in range(self.ROUNDS):
            self._follow(rows, 1.0)

    def codes(self, rows: Tensor, v: Tensor) -> Tensor:
        """Return the signs ``[rows, n, N]`` whose level is nearest to each weight."""
        every = torch.tensor(list(product((-1.0, 1.0), repeat=v.shape[1])))
        levels, order = (v @ every.T).sort(1)
        middles = (levels[:, 1:] + levels[:, :-1]) / 2
        nearest = torch.searchsorted(middles, rows.contiguous())
        return every[order.gather(1, nearest)]

    def _follow(self, rows: Tensor, share: float) -> None:
        best = least_squares(self.codes(rows, self.basis), rows)
        self.basis.lerp_(at_least_tiny(best), share)

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.rows(x)
        if self.training:
            self._follow(rows, self.FOLLOW)
        whole, scale = self.on_grid(self.basis)
        whole = whole.clamp(min=1)
        codes = self.codes(rows / scale[:, None], whole)
        return (codes @ whole[..., None]).view(x.shape), self.spread(scale, x)


word("abc", lambda n, c: grid(AbcQuant, c, bits=n), numbers=range(1, MOST + 1), zeros=False)
word("lq", lambda n, c: grid(LqQuant, c, bits=n), numbers=range(1, MOST + 1), zeros=False)
