"""Networks designed for 1-bit convolutions: Bi-Real net and MeliusNet.

These are the float networks: each convolution reads the result of a Hardtanh. A compression recipe
(TOML) that gives its layers ``acts = 1`` adds a sign after each Hardtanh.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .float_networks import Frame, topology
from .mobile import conv, tail


def binary_conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """Return a Hardtanh, a 3x3 convolution and batch norm."""
    return nn.Sequential(nn.Hardtanh(), *conv(n_in, n_out, 3, activation=None, stride=stride))


class BiReal(nn.Module):
    """A convolution with a shortcut around it (Liu et al. 2018, Bi-Real net).

    Where the shapes differ, the shortcut is average pooling and a 1x1 convolution.
    """

    def __init__(self, n_in: int, n_out: int, stride: int = 1):
        super().__init__()
        self.body = binary_conv(n_in, n_out, stride)
        same = stride == 1 and n_in == n_out
        pooling = [nn.AvgPool2d(2, 2)] if stride == 2 else []
        matching = [*pooling, *conv(n_in, n_out, activation=None)]
        self.shortcut = nn.Sequential(*([] if same else matching))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


@topology("bireal", 16)
def bireal(frame: Frame, width: int) -> nn.Module:
    """Return Bi-Real net: three stages of two convolutions, each with a shortcut."""
    w = width
    sizes = [(w, w), (w, w), (w, 2 * w, 2), (2 * w, 2 * w), (2 * w, 4 * w, 2), (4 * w, 4 * w)]
    blocks = [BiReal(*size) for size in sizes]
    first = conv(frame.channels, w, 3, activation=None)
    return nn.Sequential(*first, *blocks, *tail(4 * w, frame))


class Melius(nn.Module):
    """MeliusNet's pair of blocks (Bethge et al. 2020).

    The dense block appends ``growth`` channels to its ``n`` input channels; the improvement block
    adds a residual to just these.
    """

    def __init__(self, n: int, growth: int):
        super().__init__()
        self.n = n
        self.dense, self.improve = binary_conv(n, growth), binary_conv(n + growth, growth)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, self.dense(x)], 1)
        return torch.cat([x[:, : self.n], x[:, self.n :] + self.improve(x)], 1)


@topology("meliusnet", 16)
def meliusnet(frame: Frame, width: int) -> nn.Module:
    """Return MeliusNet: two stages of two blocks, each of which appends ``width`` channels.

    Between the stages, pooling halves the image and a 1x1 convolution goes back to ``width``
    channels.
    """
    layers, n = conv(frame.channels, width, 3, activation=None), width
    for stage in range(2):
        for _ in range(2):
            layers.append(Melius(n, width))
            n += width
        if not stage:
            layers += [nn.MaxPool2d(2), *conv(n, width)]
            n = width
    return nn.Sequential(*layers, *tail(n, frame))
