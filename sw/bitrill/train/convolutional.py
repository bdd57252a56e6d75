"""Torch modules of the convolutional recipes; the image's size determines the layers.

All take ``[N, C, H, W]`` (``dilated1d``: ``[N, C, H * W]``) in 0..1, quantize it to 8 bits, and
have batch norm and symmetric signed activations on -1..1 after each layer. ``width`` is the number
of channels of the first layer.
"""

from functools import partial
from typing import Any

import brevitas.nn as qnn
import torch
from torch import Tensor, nn

from . import brevitas_quantizers, datasets
from .adder import AdderConv2d, AdderLinear
from .recipes import Options

INPUT_BITS = 8


class Blocks:
    """Makes layers with the options' quantizers."""

    def __init__(self, options: Options, arguments: dict[str, Any]):
        self.options, self.arguments = options, arguments
        self.colours = datasets.shape(options.dataset)[0]

    def act(self, bits: int | None = None) -> nn.Module:
        """Make an activation quantizer; all have the same scale, so that branches can be added."""
        bits = bits or self.options.n_acts
        return qnn.QuantIdentity(act_quant=brevitas_quantizers.IntActivation, bit_width=bits)

    def conv(
        self, n_in: int, n_out: int, kernel: int = 3, *, rank: int = 2, **given: Any
    ) -> list[nn.Module]:
        """Make a convolution with batch norm and activation quantizer."""
        layer, norm = (
            (qnn.QuantConv1d, nn.BatchNorm1d) if rank == 1 else (qnn.QuantConv2d, nn.BatchNorm2d)
        )
        layer = AdderConv2d if self.options.distances else layer
        convolution: Any = layer(n_in, n_out, kernel, bias=False, **given, **self.arguments)
        return [convolution, norm(n_out), self.act()]

    def linear(self, n_in: int, n_out: int) -> nn.Module:
        kind = AdderLinear if self.options.distances else qnn.QuantLinear
        return kind(n_in, n_out, bias=False, **self.arguments)

    def dense(self, n_in: int, n_out: int) -> list[nn.Module]:
        return [self.linear(n_in, n_out), nn.BatchNorm1d(n_out), self.act()]

    def head(self, channels: int, tail: nn.Module, rank: int = 2) -> list[nn.Module]:
        """Make the last layers: quantized means of ``[N, C, H, W]`` or ``[N, C, L]``, then classes.

        Many means would be exactly between two levels; the batch norm moves them away.
        """
        pool = nn.AdaptiveAvgPool1d(1) if rank == 1 else nn.AdaptiveAvgPool2d(1)
        mean = [pool, nn.Flatten(), nn.BatchNorm1d(channels), self.act()]
        return [*mean, self.linear(channels, datasets.CLASSES), tail]


class Residual(nn.Module):
    """Residual block: two convolutions and a shortcut, on one scale, added and quantized."""

    def __init__(self, blocks: Blocks, n_in: int, n_out: int, stride: int):
        super().__init__()
        first = blocks.conv(n_in, n_out, stride=stride, padding=1)
        self.body = nn.Sequential(*first, *blocks.conv(n_out, n_out, padding=1))
        same = stride == 1 and n_in == n_out
        shortcut = [] if same else blocks.conv(n_in, n_out, 1, stride=stride)
        self.shortcut, self.act = nn.Sequential(*shortcut), blocks.act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.body(x) + self.shortcut(x))


class UnetStage(nn.Module):
    """Stage of a U-net: encode, the stages below at half the size, concatenate, decode."""

    def __init__(self, encode: nn.Module, below: nn.Module, decode: nn.Module):
        super().__init__()
        self.encode, self.below, self.decode = encode, below, decode
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: Tensor) -> Tensor:
        skip = self.encode(x)
        return self.decode(torch.cat([skip, self.up(self.below(self.pool(skip)))], 1))


def cnv(blocks: Blocks, side: int, width: int, tail: nn.Module) -> list[nn.Module]:
    """FINN's CNV: three pairs of unpadded 3x3 convolutions, with a pool after the first two pairs.

    Convolutions on maps smaller than 3, and pools on maps smaller than 2, are left out.
    """
    layers: list[nn.Module] = []
    n = blocks.colours
    for stage in range(3):
        fits = side >= 3
        for _ in range(2):
            if side >= 3:
                layers += blocks.conv(n, width << stage)
                n, side = width << stage, side - 2
        if stage < 2 and fits and side >= 2:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    layers += [nn.Flatten(), *blocks.dense(n * side * side, 8 * width)]
    layers += blocks.dense(8 * width, 8 * width)
    return [*layers, blocks.linear(8 * width, datasets.CLASSES), tail]


def lenet(blocks: Blocks, side: int, width: int, tail: nn.Module) -> list[nn.Module]:
    """LeNet-5 (LeCun et al. 1998; ``width`` 6): 5x5, pool, 5x5, pool, dense 120-84-10.

    The pools take maxima. The first convolution pads 2 pixels around, as MNIST was padded for it;
    the second pads only where its map is smaller than 5.
    """
    second, padding, side = 8 * width // 3, 2 * (side // 2 < 5), side // 2
    layers = [*blocks.conv(blocks.colours, width, 5, padding=2), nn.MaxPool2d(2)]
    layers += [*blocks.conv(width, second, 5, padding=padding), nn.MaxPool2d(2), nn.Flatten()]
    n = second * ((side + 2 * padding - 4) // 2) ** 2
    layers += [*blocks.dense(n, 20 * width), *blocks.dense(20 * width, 14 * width)]
    return [*layers, blocks.linear(14 * width, datasets.CLASSES), tail]


def resnet8(blocks: Blocks, _: int, width: int, tail: nn.Module) -> list[nn.Module]:
    """ResNet-8: a convolution and three residual blocks; the last two halve height and width."""
    layers = blocks.conv(blocks.colours, width, padding=1)
    layers.append(Residual(blocks, width, width, 1))
    layers.append(Residual(blocks, width, 2 * width, 2))
    layers.append(Residual(blocks, 2 * width, 4 * width, 2))
    return [*layers, *blocks.head(4 * width, tail)]


_MOBILENET = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *((16, 1),) * 5, (32, 2), (32, 1))
"""``(channels over width, stride)`` of MobileNet-v1's separable blocks."""


def mobilenet(blocks: Blocks, side: int, width: int, tail: nn.Module) -> list[nn.Module]:
    """MobileNet-v1 (``width`` 8 is its 0.25), cut before a map of one pixel would be halved."""
    layers = blocks.conv(blocks.colours, width, stride=2, padding=1)
    n, side = width, (side + 1) // 2
    for factor, stride in _MOBILENET:
        if stride == 2 and side == 1:
            break
        layers += blocks.conv(n, n, stride=stride, padding=1, groups=n)
        layers += blocks.conv(n, factor * width, 1)
        n, side = factor * width, -(-side // stride)
    return [*layers, *blocks.head(n, tail)]


def unet(blocks: Blocks, _: int, width: int, tail: nn.Module) -> list[nn.Module]:
    """U-net of three stages; its output is a number for each pixel, ``[N, 1, H, W]``.

    H and W must be multiples of 4.
    """
    conv = partial(blocks.conv, padding=1)
    inner = UnetStage(
        nn.Sequential(*conv(width, 2 * width)),
        nn.Sequential(*conv(2 * width, 4 * width)),
        nn.Sequential(*conv(6 * width, 2 * width)),
    )
    outer = UnetStage(nn.Sequential(*conv(1, width)), inner, nn.Sequential(*conv(3 * width, width)))
    return [outer, qnn.QuantConv2d(width, 1, 1, bias=False, **blocks.arguments), tail]


def dilated(blocks: Blocks, side: int, width: int, tail: nn.Module) -> list[nn.Module]:
    """1-D convolutions of 3 taps over the pixels, dilated by 1, 2, 4, .. while the taps fit."""
    layers: list[nn.Module] = []
    n, step = blocks.colours, 1
    while 2 * step < side * side:
        layers += blocks.conv(n, width, rank=1, dilation=step, padding=step)
        n, step = width, 2 * step
    return [*layers, *blocks.head(n, tail, rank=1)]


_BUILDERS = {
    "lenet": lenet,
    "cnv": cnv,
    "resnet8": resnet8,
    "mobilenet": mobilenet,
    "unet-tiny": unet,
    "dilated1d": dilated,
}


def layers(options: Options, arguments: dict[str, Any], tail: nn.Module) -> list[nn.Module]:
    """Make a recipe's layers after the normalized input; ``tail`` is the last one."""
    blocks = Blocks(options, arguments)
    _, side, _ = datasets.shape(options.dataset)
    made = _BUILDERS[options.recipe](blocks, side, options.channels, tail)
    bits = options.n_acts if options.distances else INPUT_BITS  # distances need one scale
    return [blocks.act(bits), *made]
