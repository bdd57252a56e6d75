"""Small Brevitas networks with the blocks of SqueezeNet, ShuffleNet, DenseNet and Inception.

Each takes ``[N, 2, H, W]`` in 0..1 and gives ten scores. Weights and activations are of 1 to 4
bits, mixed; scales are of both kinds: fixed ones, on which branches share a grid, and ones that
are learnt from statistics, so that no two agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brevitas.nn as qnn
import torch
from bitrill.train.brevitas_quantizers import (
    BinaryWeight,
    IntActivation,
    IntWeight,
    TernaryWeight,
    init_weights,
)
from torch import Tensor, nn

CHANNELS, CLASSES = 2, 10

WEIGHTS: dict[Any, dict[str, Any]] = {
    1: {"weight_quant": BinaryWeight},
    2: {"weight_quant": TernaryWeight},
    3: {"weight_quant": IntWeight, "weight_bit_width": 3},
    4: {"weight_quant": IntWeight, "weight_bit_width": 4},
    "learnt": {"weight_bit_width": 4},
}
"""Quantizers of weights, by bits; "learnt" has a scale that follows the weights."""


def fixed(bits: int = 4) -> nn.Module:
    """A quantizer to signed integers on -1..1; all with equal bits share one grid."""
    return qnn.QuantIdentity(act_quant=IntActivation, bit_width=bits)


def learnt(bits: int = 4) -> nn.Module:
    """A ReLU onto unsigned integers, whose scale follows the data."""
    return qnn.QuantReLU(bit_width=bits)


def conv(n_in: int, n_out: int, kernel: int = 1, bits: Any = 4, **given: Any) -> nn.Module:
    """Convolution and batch norm; maps keep their size where the stride is 1."""
    layer: Any = qnn.QuantConv2d(
        n_in, n_out, kernel, bias=False, padding=kernel // 2, **given, **WEIGHTS[bits]
    )
    return nn.Sequential(layer, nn.BatchNorm2d(n_out))


def head(channels: int, act: nn.Module) -> nn.Module:
    """Mean over all places, quantized, and the classes."""
    mean = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(channels), act]
    return nn.Sequential(*mean, qnn.QuantLinear(channels, CLASSES, bias=True, **WEIGHTS[4]))


class Fire(nn.Module):
    """Squeeze by 1x1, then expand by 1x1 and 3x3 side by side (Iandola et al. 2016, 3.1).

    One quantizer behind both halves, or the same one on each.
    """

    def __init__(self, n_in: int, squeezed: int, expanded: int, *, behind: bool, bits: Any = 4):
        super().__init__()
        self.squeeze = nn.Sequential(conv(n_in, squeezed, bits=bits), learnt())
        self.points, self.places = conv(squeezed, expanded), conv(squeezed, expanded, 3, bits)
        self.act, self.behind = learnt(3), behind

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x)
        halves = [self.points(x), self.places(x)]
        if self.behind:
            return self.act(torch.cat(halves, 1))
        return torch.cat([self.act(h) for h in halves], 1)


def squeezenet() -> nn.Module:
    """A stem, two fire blocks with a pool between, and scores by a convolution and a mean."""
    scores: Any = qnn.QuantConv2d(8, CLASSES, 1, bias=True, **WEIGHTS[3])
    return nn.Sequential(
        fixed(8),
        conv(2, 6, 3, stride=2),
        learnt(),
        Fire(6, 3, 4, behind=True),
        nn.MaxPool2d(2),
        Fire(8, 4, 4, behind=False, bits=2),
        scores,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def shuffled(x: Tensor, groups: int) -> Tensor:
    """A channel shuffle: the first channel of each group, then the second of each, .."""
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class GroupUnit(nn.Module):
    """Grouped 1x1, a shuffle, depthwise 3x3, grouped 1x1 (Zhang et al. 2018, fig. 2).

    Added to the input (b), or at half the size put beside its average (c).
    """

    def __init__(self, channels: int, groups: int, stride: int):
        super().__init__()
        self.groups, self.stride = groups, stride
        self.first = nn.Sequential(conv(channels, channels, groups=groups), learnt())
        self.spread = conv(channels, channels, 3, 3, stride=stride, groups=channels)
        self.last = conv(channels, channels, bits=2, groups=groups)
        self.between, self.onto = fixed(3), fixed(4)
        self.average = nn.Sequential(nn.AvgPool2d(3, stride=2, padding=1), fixed(4))
        self.act = learnt()

    def forward(self, x: Tensor) -> Tensor:
        y = self.between(self.spread(shuffled(self.first(x), self.groups)))
        y = self.onto(self.last(y))
        return self.act(x + y if self.stride == 1 else torch.cat([self.average(x), y], 1))


def shufflenet_v1() -> nn.Module:
    """A stem, a unit that halves the size, a unit that adds."""
    return nn.Sequential(
        fixed(8),
        conv(2, 6, 3),
        learnt(),
        GroupUnit(6, 3, 2),
        GroupUnit(12, 2, 1),
        head(12, learnt()),
    )


class SplitUnit(nn.Module):
    """Half of the channels pass, half take 1x1, depthwise 3x3, 1x1 (Ma et al. 2018, fig. 3c).

    All on one grid; both halves are joined and shuffled.
    """

    def __init__(self, channels: int, bits: int):
        super().__init__()
        half = channels // 2
        self.body = nn.Sequential(
            conv(half, half, bits=bits),
            fixed(bits),
            conv(half, half, 3, 4, groups=half),
            fixed(),
            conv(half, half, bits=1),
            fixed(4),
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1)
        return shuffled(torch.cat([left, self.body(right)], 1), 2)


class SplitDown(nn.Module):
    """Both branches on all channels, at half the size (Ma et al. 2018, fig. 3d)."""

    def __init__(self, channels: int):
        super().__init__()
        self.left = nn.Sequential(
            conv(channels, channels, 3, stride=2, groups=channels),
            fixed(3),
            conv(channels, channels),
            fixed(4),
        )
        self.right = nn.Sequential(
            conv(channels, channels, bits=2),
            fixed(2),
            conv(channels, channels, 3, stride=2, groups=channels),
            fixed(4),
            conv(channels, channels),
            fixed(4),
        )

    def forward(self, x: Tensor) -> Tensor:
        return shuffled(torch.cat([self.left(x), self.right(x)], 1), 2)


def shufflenet_v2() -> nn.Module:
    """A stem, a unit that halves the size, two units that split."""
    return nn.Sequential(
        fixed(8),
        conv(2, 4, 3),
        fixed(4),
        SplitDown(4),
        SplitUnit(8, 4),
        SplitUnit(8, 2),
        head(8, fixed(4)),
    )


class DenseLayer(nn.Module):
    """Norm, quantizer, 1x1; norm, quantizer, 3x3; concatenated with the input.

    The narrow one of DenseNet-BC (Huang et al. 2017, 3): what is joined keeps a scale a branch.
    """

    def __init__(self, n_in: int, growth: int, bits: Any):
        super().__init__()
        points: Any = qnn.QuantConv2d(n_in, 2 * growth, 1, bias=False, **WEIGHTS["learnt"])
        places: Any = qnn.QuantConv2d(2 * growth, growth, 3, padding=1, bias=False, **WEIGHTS[bits])
        self.body = nn.Sequential(
            nn.BatchNorm2d(n_in),
            learnt(3),
            points,
            nn.BatchNorm2d(2 * growth),
            learnt(4),
            places,
            qnn.QuantIdentity(bit_width=5),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


def densenet() -> nn.Module:
    """A stem, three layers that grow, a transition to half the size, one more layer."""
    grow = [DenseLayer(4, 3, 4), DenseLayer(7, 3, 2), DenseLayer(10, 3, 3)]
    halve: Any = qnn.QuantConv2d(13, 6, 1, bias=False, **WEIGHTS[4])
    transition = [nn.BatchNorm2d(13), learnt(), halve, nn.AvgPool2d(2)]
    return nn.Sequential(
        fixed(8),
        conv(2, 4, 3, stride=2),
        fixed(4),
        *grow,
        *transition,
        fixed(4),
        DenseLayer(6, 2, 1),
        head(8, learnt()),
    )


class Inception(nn.Module):
    """Branches 1x1; 1x1 and 3x3; 1x1 and 5x5; pool and 1x1 (Szegedy et al. 2015, fig. 2b)."""

    def __init__(self, n_in: int, reduced: int, widths: tuple[int, int, int, int], bits: int):
        super().__init__()
        a, b, c, d = widths
        self.branches = nn.ModuleList(
            [
                nn.Sequential(conv(n_in, a, bits=3), fixed(bits)),
                nn.Sequential(conv(n_in, reduced), learnt(), conv(reduced, b, 3), fixed(bits)),
                nn.Sequential(conv(n_in, reduced), learnt(3), conv(reduced, c, 5, 2), fixed(bits)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(n_in, d, bits=2), fixed(bits)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([b(x) for b in self.branches], 1)


def inception() -> nn.Module:
    """A stem at half the size, two blocks, a pool between."""
    return nn.Sequential(
        fixed(8),
        conv(2, 4, 3, stride=2),
        fixed(4),
        Inception(4, 3, (2, 3, 2, 1), 4),
        nn.MaxPool2d(3, 2, 1),
        Inception(8, 3, (3, 2, 2, 2), 3),
        head(9, fixed(4)),
    )


def together() -> nn.Module:
    """One block of each kind in a row, small: one simulator for all of them."""
    return nn.Sequential(
        fixed(8),
        conv(2, 4, 3, stride=2),
        learnt(),
        Fire(4, 2, 2, behind=True),
        GroupUnit(4, 2, 1),
        DenseLayer(4, 2, 2),
        learnt(3),
        conv(6, 4),
        fixed(4),
        SplitUnit(4, 3),
        Inception(4, 2, (1, 2, 1, 2), 4),
        head(6, learnt()),
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "squeezenet": squeezenet,
    "shufflenet-v1": shufflenet_v1,
    "shufflenet-v2": shufflenet_v2,
    "densenet": densenet,
    "inception": inception,
}


def pictures(n: int, side: int, seed: int) -> Tensor:
    """``[N, 2, side, side]`` in 0..1: large spots of unlike brightness, and noise."""
    generator = torch.Generator().manual_seed(seed)
    spots = torch.rand(n, CHANNELS, 2, 2, generator=generator)
    spots = nn.functional.interpolate(spots, size=side, mode="nearest")
    return (0.8 * spots + 0.2 * torch.rand(n, CHANNELS, side, side, generator=generator)).clamp(
        0, 1
    )


def settled(network: nn.Module, side: int, seed: int = 0) -> nn.Module:
    """The module with drawn weights, slopes of both signs and statistics, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    init_weights(network, generator)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.weight.uniform_(-1.5, 1.5, generator=generator)
                part.bias.uniform_(-1, 1, generator=generator)
            if isinstance(part, qnn.QuantLinear | qnn.QuantConv2d) and part.bias is not None:
                part.bias.uniform_(-1, 1, generator=generator)
        network.train()
        for k in range(30):
            network(pictures(64, side, 100 + k))
    return network.eval()
