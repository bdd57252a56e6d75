"""Networks that join maps: SqueezeNet, DenseNet, ShiftNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .float_networks import Frame, topology
from .mobile import conv, tail


class Fire(nn.Module):
    """A 1x1 squeeze, then 1x1 and 3x3 side by side (Iandola et al. 2016)."""

    def __init__(self, n_in: int, squeezed: int, n_out: int):
        super().__init__()
        self.squeeze = nn.Sequential(*conv(n_in, squeezed))
        self.one = nn.Sequential(*conv(squeezed, n_out // 2))
        self.three = nn.Sequential(*conv(squeezed, n_out // 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x)
        return torch.cat([self.one(x), self.three(x)], 1)


@topology("squeezenet", 16)
def squeezenet(frame: Frame, width: int) -> nn.Module:
    """SqueezeNet: four fire modules, a 1x1 convolution to the classes, averages."""
    w = width
    return nn.Sequential(
        *conv(frame.channels, w, 3),
        Fire(w, w // 2, 2 * w),
        Fire(2 * w, w // 2, 2 * w),
        nn.MaxPool2d(2),
        Fire(2 * w, w, 4 * w),
        Fire(4 * w, w, 4 * w),
        nn.Conv2d(4 * w, frame.classes, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


class Dense(nn.Module):
    """A 3x3 convolution whose maps are concatenated with its input (Huang et al. 2017)."""

    def __init__(self, n: int, growth: int):
        super().__init__()
        self.body = nn.Sequential(*conv(n, growth, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


@topology("densenet", 8)
def densenet(frame: Frame, width: int) -> nn.Module:
    """DenseNet: two blocks of three layers that each add ``width`` maps, halved between."""
    layers, n = conv(frame.channels, 2 * width, 3), 2 * width
    for block in range(2):
        for _ in range(3):
            layers.append(Dense(n, width))
            n += width
        if not block:
            layers += [*conv(n, n // 2), nn.MaxPool2d(2)]
            n //= 2
    return nn.Sequential(*layers, *tail(n, frame))


class Shift(nn.Module):
    """Moves each ninth of the channels by one pixel, another way each (Wu et al. 2018)."""

    def __init__(self, n: int):
        super().__init__()
        self.bounds = [k * n // 9 for k in range(10)]

    def forward(self, x: Tensor) -> Tensor:
        wide, parts = functional.pad(x, (1, 1, 1, 1)), []
        for k in range(9):
            channels = slice(self.bounds[k], self.bounds[k + 1])
            rows, columns = (slice(d, d - 2 or None) for d in divmod(k, 3))
            if channels.start < channels.stop:
                parts.append(wide[:, channels, rows, columns])
        return torch.cat(parts, 1)


class ShiftBlock(nn.Module):
    """1x1 up, shift, 1x1 down, onto the input."""

    def __init__(self, n: int, expansion: int = 2):
        super().__init__()
        inner = n * expansion
        self.body = nn.Sequential(*conv(n, inner), Shift(inner), *conv(inner, n, 1, None))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.body(x))


@topology("shiftnet", 9)
def shiftnet(frame: Frame, width: int) -> nn.Module:
    """ShiftNet: a first convolution, then four shift blocks with only 1x1 convolutions."""
    w = width
    return nn.Sequential(
        *conv(frame.channels, w, 3),
        ShiftBlock(w),
        ShiftBlock(w),
        nn.MaxPool2d(2),
        *conv(w, 2 * w),
        ShiftBlock(2 * w),
        ShiftBlock(2 * w),
        *tail(2 * w, frame),
    )
