"""Networks of depthwise convolutions: MobileNets, ShuffleNet, DS-CNN."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .chains import conv_block
from .float_networks import Frame, topology

Activation = Callable[[], nn.Module]


def conv(
    n_in: int, n_out: int, kernel: int = 1, activation: Activation | None = nn.ReLU, **given: int
) -> list[nn.Module]:
    """Return a padded convolution with batch norm and, if asked, an activation."""
    layers = conv_block(n_in, n_out, kernel, padding=kernel // 2, **given)[:2]
    return layers + ([activation()] if activation else [])


def tail(n: int, frame: Frame) -> list[nn.Module]:
    """Return the average of each map, and a dense layer to the classes."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, frame.classes)]


def separable(n_in: int, n_out: int, stride: int = 1) -> list[nn.Module]:
    """Return a 3x3 convolution a channel, then 1x1 (MobileNet's block)."""
    return [*conv(n_in, n_in, 3, stride=stride, groups=n_in), *conv(n_in, n_out)]


@topology("mobilenet_v1", 8)
def mobilenet_v1(frame: Frame, width: int) -> nn.Module:
    """MobileNet (Howard et al. 2017), six blocks for small images."""
    w = width
    sizes = [(w, 2 * w, 1), (2 * w, 4 * w, 2), (4 * w, 4 * w, 1), (4 * w, 8 * w, 2)]
    blocks = [layer for size in sizes for layer in separable(*size)]
    return nn.Sequential(*conv(frame.channels, w, 3), *blocks, *tail(8 * w, frame))


@topology("ds_cnn", 64)
def ds_cnn(frame: Frame, width: int) -> nn.Module:
    """DS-CNN of keyword spotting: 10x4, four separable blocks (Zhang et al. 2017), 49x10 inputs."""
    first = nn.Conv2d(frame.channels, width, (10, 4), 2, (5, 1), bias=False)
    blocks = [layer for _ in range(4) for layer in separable(width, width)]
    return nn.Sequential(first, nn.BatchNorm2d(width), nn.ReLU(), *blocks, *tail(width, frame))


class SqueezeExcite(nn.Module):
    """Scales channels by what their averages say (Hu et al. 2018)."""

    def __init__(self, n: int):
        super().__init__()
        squeezed = max(1, n // 4)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(n, squeezed, 1),
            nn.ReLU(),
            nn.Conv2d(squeezed, n, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class InvertedResidual(nn.Module):
    """1x1 up, depthwise, linear 1x1 down; a shortcut where shapes agree (Sandler et al. 2018)."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        stride: int,
        expansion: int,
        activation: Activation,
        excite: bool = False,
    ):
        super().__init__()
        n = n_in * expansion
        deep = conv(n, n, 3, activation, stride=stride, groups=n)
        gate = [SqueezeExcite(n)] if excite else []
        up, down = conv(n_in, n, 1, activation), conv(n, n_out, 1, None)
        self.body = nn.Sequential(*up, *deep, *gate, *down)
        self.same = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.same else self.body(x)


def inverted(frame: Frame, width: int, activation: Activation, excite: bool = False) -> nn.Module:
    """Four inverted residuals, the second and the fourth of stride 2, between 3x3 and 1x1."""
    w = width
    sizes = [(w, w, 1), (w, 2 * w, 2), (2 * w, 2 * w, 1), (2 * w, 4 * w, 2)]
    blocks = [InvertedResidual(*size, 4, activation, excite) for size in sizes]
    return nn.Sequential(
        *conv(frame.channels, w, 3, activation),
        *blocks,
        *conv(4 * w, 8 * w, 1, activation),
        *tail(8 * w, frame),
    )


@topology("mobilenet_v2", 8)
def mobilenet_v2(frame: Frame, width: int) -> nn.Module:
    """MobileNet-v2: inverted residuals with ReLU6 (Sandler et al. 2018), for small images."""
    return inverted(frame, width, nn.ReLU6)


@topology("mobilenet_v3", 8)
def mobilenet_v3(frame: Frame, width: int) -> nn.Module:
    """MobileNet-v3: hard-swish (Howard et al. 2019), without squeeze-excite, for small images."""
    return inverted(frame, width, nn.Hardswish)


@topology("mobilenet_v3_se", 8)
def mobilenet_v3_se(frame: Frame, width: int) -> nn.Module:
    """MobileNet-v3 with squeeze-excite, which hardware cannot hold yet."""
    return inverted(frame, width, nn.Hardswish, excite=True)


class Shuffled(nn.Module):
    """Grouped 1x1, shuffle, depthwise, grouped 1x1 (Zhang et al. 2018).

    Onto the input at stride 1, beside its averages at stride 2.
    """

    order: Tensor

    def __init__(self, n_in: int, n_out: int, stride: int, groups: int):
        super().__init__()
        n = n_out // 4
        n_body = n_out if stride == 1 else n_out - n_in
        order = torch.arange(n).view(groups, n // groups).T.flatten()
        self.register_buffer("order", order, persistent=False)
        self.squeeze = nn.Sequential(*conv(n_in, n, groups=groups))
        self.body = nn.Sequential(
            *conv(n, n, 3, None, stride=stride, groups=n), *conv(n, n_body, 1, None, groups=groups)
        )
        self.pool = nn.AvgPool2d(2, 2) if stride == 2 else None
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = torch.index_select(self.squeeze(x), 1, self.order)
        if self.pool is None:
            return self.relu(x + self.body(y))
        return self.relu(torch.cat([self.pool(x), self.body(y)], 1))


@topology("shufflenet", 16)
def shufflenet(frame: Frame, width: int) -> nn.Module:
    """ShuffleNet of two groups and two stages, for small images (Zhang et al. 2018)."""
    w = width
    sizes = [(w, 2 * w, 2), (2 * w, 2 * w, 1), (2 * w, 4 * w, 2), (4 * w, 4 * w, 1)]
    blocks = [Shuffled(*size, groups=2) for size in sizes]
    return nn.Sequential(*conv(frame.channels, w, 3), *blocks, *tail(4 * w, frame))
