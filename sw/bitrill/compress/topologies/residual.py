"""Residual networks for small images (He et al. 2016, section 4.2)."""

from __future__ import annotations

from torch import Tensor, nn

from .chains import conv_block
from .float_networks import Frame, topology


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: the input, or a 1x1 convolution where shapes differ."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1):
        super().__init__()
        first = conv_block(n_in, n_out, stride=stride, padding=1)
        second = conv_block(n_out, n_out, padding=1)[:2]
        self.body = nn.Sequential(*first, *second)
        same = stride == 1 and n_in == n_out
        self.shortcut = nn.Sequential(
            *([] if same else conv_block(n_in, n_out, 1, stride=stride)[:2])
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + self.shortcut(x))


def resnet(frame: Frame, width: int, blocks: int) -> nn.Module:
    """Return three stages of residual blocks; the last two halve maps and double channels."""
    layers, n = conv_block(frame.channels, width, padding=1), width
    for stage in range(3):
        for k in range(blocks):
            n_out, stride = width << stage, 2 if stage and not k else 1
            layers.append(ResidualBlock(n, n_out, stride))
            n = n_out
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, frame.classes)
    )


@topology("resnet8", 16)
def resnet8(frame: Frame, width: int) -> nn.Module:
    """ResNet-8: one block a stage."""
    return resnet(frame, width, 1)


@topology("resnet20", 16)
def resnet20(frame: Frame, width: int) -> nn.Module:
    """ResNet-20: three blocks a stage."""
    return resnet(frame, width, 3)
