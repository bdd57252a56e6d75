"""Networks made for 1-bit convolutions: Bi-Real, MeliusNet. In floats, a clamp stands for the sign.

A table that gives ``acts = 1`` to their layers puts the sign behind each clamp.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .mobile import conv, tail
from .registry import Frame, topology


def signed(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """Return a clamp, a 3x3 convolution and batch norm."""
    return nn.Sequential(nn.Hardtanh(), *conv(n_in, n_out, 3, None, stride=stride))


class BiReal(nn.Module):
    """A shortcut round each convolution: averages and 1x1 where shapes differ (Liu et al. 2018)."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1):
        super().__init__()
        self.body = signed(n_in, n_out, stride)
        same = stride == 1 and n_in == n_out
        halved = [nn.AvgPool2d(2, 2)] if stride == 2 else []
        self.shortcut = nn.Sequential(*([] if same else [*halved, *conv(n_in, n_out, 1, None)]))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


@topology("bireal", 16)
def bireal(frame: Frame, width: int) -> nn.Module:
    """Bi-Real net: three stages of two convolutions, each with its shortcut."""
    w = width
    sizes = [(w, w), (w, w), (w, 2 * w, 2), (2 * w, 2 * w), (2 * w, 4 * w, 2), (4 * w, 4 * w)]
    blocks = [BiReal(*size) for size in sizes]
    return nn.Sequential(*conv(frame.channels, w, 3, None), *blocks, *tail(4 * w, frame))


class Melius(nn.Module):
    """A dense block adds channels, an improvement block adds onto them (Bethge et al. 2020)."""

    def __init__(self, n: int, growth: int):
        super().__init__()
        self.n = n
        self.dense, self.improve = signed(n, growth), signed(n + growth, growth)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, self.dense(x)], 1)
        return torch.cat([x[:, : self.n], x[:, self.n :] + self.improve(x)], 1)


@topology("meliusnet", 16)
def meliusnet(frame: Frame, width: int) -> nn.Module:
    """MeliusNet: two stages of two blocks that each add ``width`` channels, halved between."""
    layers, n = conv(frame.channels, width, 3, None), width
    for stage in range(2):
        for _ in range(2):
            layers.append(Melius(n, width))
            n += width
        if not stage:
            layers += [nn.MaxPool2d(2), *conv(n, width)]
            n = width
    return nn.Sequential(*layers, *tail(n, frame))
