"""Networks whose layers follow one another: dense ones, LeNet, a small VGG."""

from __future__ import annotations

from torch import nn

from .registry import Frame, topology


def conv_block(n_in: int, n_out: int, kernel: int = 3, **given: int) -> list[nn.Module]:
    """Return a convolution with batch norm and a rectifier."""
    conv = nn.Conv2d(n_in, n_out, kernel, bias=False, **given)  # pyright: ignore[reportArgumentType]
    return [conv, nn.BatchNorm2d(n_out), nn.ReLU()]


def dense_block(n_in: int, n_out: int) -> list[nn.Module]:
    """Return a dense layer with batch norm and a rectifier."""
    return [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.ReLU()]


@topology("mlp", 64)
def mlp(frame: Frame, width: int) -> nn.Module:
    """Three hidden layers of ``width`` neurons, as FINN's TFC."""
    hidden = [
        *dense_block(frame.size, width),
        *dense_block(width, width),
        *dense_block(width, width),
    ]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, frame.classes))


@topology("lenet5", 20)
def lenet5(frame: Frame, width: int) -> nn.Module:
    """LeNet-5 of compression papers: 20 and 50 channels of 5x5, dense 500 (Han et al. 2016).

    430,500 weights on 28x28. Images smaller than that are padded.
    """
    second, padding = 5 * width // 2, 0 if frame.side >= 28 else 2
    after = ((frame.side + 2 * padding - 4) // 2 + 2 * padding - 4) // 2
    return nn.Sequential(
        nn.Conv2d(frame.channels, width, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, second, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(second * after * after, 25 * width), nn.ReLU(),
        nn.Linear(25 * width, frame.classes),
    )  # fmt: skip


@topology("vgg_small", 16)
def vgg_small(frame: Frame, width: int) -> nn.Module:
    """Pairs of 3x3 convolutions of 1, 2 and 4 times ``width`` channels, halved between, dense."""
    layers, n, side = [], frame.channels, frame.side
    for factor in (1, 2, 4):
        layers += conv_block(n, factor * width, padding=1)
        layers += conv_block(factor * width, factor * width, padding=1)
        n = factor * width
        if side >= 4:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(n * side * side, frame.classes))
