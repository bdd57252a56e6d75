"""Networks whose layers follow one another: dense ones, LeNets, small VGGs, an autoencoder."""

from __future__ import annotations

from torch import nn

from .float_networks import Frame, topology


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


topology("kws_mlp", 256)(mlp)
topology("intrusion_mlp", 64)(mlp)


@topology("autoencoder", 72)
def autoencoder(frame: Frame, width: int) -> nn.Module:
    """Dense layers to ``width / 9`` values and back to the input (as MLPerf Tiny's, 72 wide).

    Reconstructs its input: an input that it cannot reconstruct is an anomaly. It is trained with a
    loss of the user's, not with classes.
    """
    hidden = [*dense_block(frame.size, width), *dense_block(width, width)]
    back = [*dense_block(max(1, width // 9), width), *dense_block(width, width)]
    middle = dense_block(width, max(1, width // 9))
    return nn.Sequential(nn.Flatten(), *hidden, *middle, *back, nn.Linear(width, frame.size))


@topology("lenet", 6)
def lenet(frame: Frame, width: int) -> nn.Module:
    """LeNet-5 as LeCun et al. 1998: 6 and 16 channels of 5x5, dense 120 and 84; rectifiers, maxima.

    Images smaller than 28x28 are padded.
    """
    second, padding = 8 * width // 3, 2
    after = (frame.side // 2 + (0 if frame.side >= 28 else 4) - 4) // 2
    return nn.Sequential(
        *conv_block(frame.channels, width, 5, padding=padding),
        nn.MaxPool2d(2),
        *conv_block(width, second, 5, padding=0 if frame.side >= 28 else 2),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *dense_block(second * after * after, 20 * width),
        *dense_block(20 * width, 14 * width),
        nn.Linear(14 * width, frame.classes),
    )


@topology("cnv", 64)
def cnv(frame: Frame, width: int) -> nn.Module:
    """FINN's CNV: six 3x3 convolutions of 1, 2 and 4 times ``width``, two dense ones of 8 times.

    Without padding on 32x32, as there (Umuroglu et al. 2017); smaller images are padded.
    """
    padding = 0 if frame.side >= 28 else 1
    layers, n, side = [], frame.channels, frame.side
    for factor in (1, 2, 4):
        layers += conv_block(n, factor * width, padding=padding)
        layers += conv_block(factor * width, factor * width, padding=padding)
        n, side = factor * width, side - 4 * (1 - padding)
        if factor < 4:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        *dense_block(n * side * side, 8 * width),
        *dense_block(8 * width, 8 * width),
        nn.Linear(8 * width, frame.classes),
    )


@topology("tiny_yolo", 8)
def tiny_yolo(frame: Frame, width: int) -> nn.Module:
    """Finds and names: a score for each class in each cell of 8x8 pixels, as YOLO's grid.

    As Tincy YOLO (Preusser et al. 2018): rectifiers, not leaky ones, and strides in place of
    maxima. Outputs ``[N, classes per cell * cells]``, class by class.
    """
    cells = (frame.side // 8) ** 2
    return nn.Sequential(
        *conv_block(frame.channels, width, stride=2, padding=1),
        *conv_block(width, 2 * width, stride=2, padding=1),
        *conv_block(2 * width, 4 * width, stride=2, padding=1),
        *conv_block(4 * width, 4 * width, padding=1),
        nn.Conv2d(4 * width, -(-frame.classes // cells), 1),
        nn.Flatten(),
    )


@topology("lenet5", 20)
def lenet5(frame: Frame, width: int) -> nn.Module:
    """LeNet-5 of compression papers: 20 and 50 channels of 5x5, dense 500 (Han et al. 2016).

    430,500 weights on 28x28. Images smaller than that are padded.
    """
    second, padding = 5 * width // 2, 0 if frame.side >= 28 else 2
    after = ((frame.side + 2 * padding - 4) // 2 + 2 * padding - 4) // 2
    return nn.Sequential(
        nn.Conv2d(frame.channels, width, 5, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, second, 5, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * after * after, 25 * width),
        nn.ReLU(),
        nn.Linear(25 * width, frame.classes),
    )


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
