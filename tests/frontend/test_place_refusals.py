"""Every construct of convolutional and branching networks that is refused, and the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from frontend.onnx_models import Net, imported

Build = Callable[[Net], str]
SHAPE = (1, 4, 5, 6)


def conv(*shape: int, **attributes: object) -> Build:
    return lambda n: n.conv(n.quant("x", 0.5), *(shape or (3, 4, 2, 2)), **attributes)  # type: ignore[arg-type]


def pool(op: str, **attributes: object) -> Build:
    return lambda n: n.node(op, n.conv(n.quant("x", 0.5), 3, 4, 1, 1), **attributes)


def deconv(*shape: int, zero: float = 0.0, **attributes: object) -> Build:
    return lambda n: n.node(
        "ConvTranspose", n.quant("x", 0.5, zero), n.kernel(*(shape or (4, 3, 2, 2))), **attributes
    )


def resize(*scales: float, **attributes: object) -> Build:
    return lambda n: n.node("Resize", n.quant("x", 0.5), "", n.const(scales), **attributes)


def two(op: str, first: float, second: float, **attributes: object) -> Build:
    """Two quantized branches of those scales, then ``op``."""

    def build(n: Net) -> str:
        x = n.quant("x", 0.5)
        parts = [n.quant(n.conv(x, 3, 4, 1, 1, seed=k), s) for k, s in enumerate((first, second))]
        return n.node(op, *parts, **attributes)

    return build


def lengths(op: str, **attributes: object) -> Build:
    def build(n: Net) -> str:
        x = n.quant("x", 0.5)
        return n.node(op, n.conv(x, 3, 4, 1, 1), n.conv(x, 3, 4, 2, 2), **attributes)

    return build


def split(*sizes: int, axis: int = 1) -> Build:
    def build(n: Net) -> str:
        first = n.node("Split", n.quant("x", 0.5), split=list(sizes), axis=axis)
        n.nodes[-1].output.append("rest")
        return n.node("Add", first, "rest")

    return build


def turned_maximum(n: Net) -> str:
    x = n.node("Mul", n.conv(n.quant("x", 0.5), 3, 4, 1, 1), n.const(-1.0))
    return n.node("Add", n.node("MaxPool", x, kernel_shape=[2, 2]), n.const(1.0))


def mixed(n: Net) -> str:
    """Neither the values in front of the maximum rise, nor those behind it."""
    x = n.norm(n.conv(n.quant("x", 0.5), 3, 4, 1, 1), 3)
    return n.quant(n.norm(n.node("MaxPool", x, kernel_shape=[2, 2]), 3, seed=2), 0.5)


def average_of_relu(n: Net) -> str:
    return n.node("GlobalAveragePool", n.node("Relu", n.conv(n.quant("x", 0.5), 3, 4, 1, 1)))


def padded_off_grid(n: Net) -> str:
    return n.conv(n.quant("x", 0.5, 0.25), 3, 4, 2, 2, pads=[1] * 4)


def padded_unlike(n: Net) -> str:
    zero = np.arange(4.0).reshape(4, 1, 1)
    return n.conv(n.quant("x", 0.5, zero), 3, 4, 2, 2, pads=[1] * 4)


def scales_of_channels(n: Net) -> str:
    return n.conv(n.quant("x", np.sqrt(np.arange(1.0, 5.0)).reshape(4, 1, 1)), 3, 4, 2, 2)


def scales_of_places(n: Net) -> str:
    return n.conv(n.quant("x", np.arange(1.0, 7.0)), 3, 4, 2, 2)


def joined_scales(n: Net) -> str:
    return n.conv(two("Concat", 0.713, 0.402, axis=1)(n), 2, 6, 1, 1)


def channels_last(n: Net) -> str:
    return n.conv(n.node("Transpose", n.quant("x", 0.5), perm=[0, 2, 3, 1]), 3, 5, 1, 1)


def negative_slope_before_sum(n: Net) -> str:
    return n.quant(n.node("LeakyRelu", two("Add", 0.713, 0.402)(n), alpha=-0.5), 0.5)


CASES: dict[str, tuple[Build, str]] = {
    "conv of floats": (
        lambda n: n.conv("x", 3, 4, 2, 2),
        "it takes unquantized floats; .*--raw-input uint8 --input-scale 1/255",
    ),
    "pool of floats": (
        lambda n: n.node("MaxPool", "x", kernel_shape=[2, 2]),
        "it takes unquantized floats",
    ),
    "conv on a conv": (
        lambda n: n.conv(n.conv(n.quant("x", 0.5), 3, 4, 1, 1), 3, 3, 1, 1),
        "its data are not quantized; put Quant or BipolarQuant right before",
    ),
    "other kernel": (
        conv(kernel_shape=[3, 2]),
        r"its kernel_shape must be that of its weights, \[2, 2\], not \[3, 2\]",
    ),
    "weights of one axis": (conv(3, 4, 2), "its weights must have 4 axes for data with 2"),
    "weights of other channels": (
        conv(3, 5, 2, 2),
        "its weights must have 4 channels a group, not 5",
    ),
    "groups": (conv(3, 2, 2, 2, group=3), "group must divide its 4 input and 3 output channels"),
    "kernel larger than the input": (
        conv(3, 4, 6, 2),
        r"its kernel must span at most its padded input, \[5, 6\], not \[6, 2\]",
    ),
    "strides of another number": (conv(strides=[1]), r"strides must have 2 sizes of at least 1"),
    "stride zero": (conv(strides=[0, 1]), r"strides must have 2 sizes of at least 1, not \[0, 1\]"),
    "negative pads": (conv(pads=[-1, 0, 0, 0]), "pads must have 4 sizes of at least 0"),
    "unknown auto_pad": (conv(auto_pad="SAME"), "auto_pad must be NOTSET, .*, not 'SAME'"),
    "pads beside auto_pad": (
        conv(auto_pad="VALID", pads=[1] * 4),
        "pads must not be given together with auto_pad",
    ),
    "padding off the grid": (
        padded_off_grid,
        r"its padding with 0 must lie on the grid of its data, 0.5 \* integer",
    ),
    "padding by channel": (padded_unlike, "must be the same integer on all channels"),
    "scale for each channel": (
        scales_of_channels,
        "the scales of its data's channels lie on one grid only with weights of",
    ),
    "scale for each place": (
        scales_of_places,
        "one for each of 4 channels, not one for each place",
    ),
    "weight scale for each input": (
        lambda n: n.node(
            "Conv",
            n.quant("x", 0.5),
            n.kernel(3, 4, 2, 2, scale=np.sqrt(np.arange(1.0, 5.0)).reshape(1, 4, 1, 1)),
        ),
        "the scales of its weights in a row lie on one grid only with weights of",
    ),
    "short bias": (
        lambda n: n.node("Conv", n.quant("x", 0.5), n.kernel(3, 4, 2, 2), n.const([1.0])),
        r"its bias must have 3 numbers, not \[1\]",
    ),
    "channels last": (channels_last, "in the order that a layer gives them"),
    "pool without kernel": (pool("MaxPool"), "attribute kernel_shape must be given"),
    "column major": (
        pool("MaxPool", kernel_shape=[2, 2], storage_order=1),
        "storage_order must be 0",
    ),
    "maximum of turned values": (turned_maximum, "is over numbers with negative scales"),
    "maximum between turned values": (mixed, "is over numbers with negative scales"),
    "average of a relu": (average_of_relu, "quantize before it"),
    "average of padding": (
        pool("AveragePool", kernel_shape=[2, 2], pads=[2, 0, 0, 0]),
        "each of its windows must have a place that counts, and one has none",
    ),
    "mean of the batch": (
        pool("ReduceMean", axes=[0, 2], keepdims=0),
        r"its axes must leave the batch, axis 0, and be among \[1, 2, 3\], not \[0, 2\]",
    ),
    "transposed weights": (deconv(3, 4, 2, 2), r"its weights must be \[4, outputs, kernel\]"),
    "transposed auto_pad": (deconv(auto_pad="SAME_UPPER"), "auto_pad of a ConvTranspose must be"),
    "transposed pads": (
        deconv(pads=[2, 0, 0, 0]),
        r"its pads must be below the kernel's span, \[2, 2\]",
    ),
    "downsampling": (
        resize(1, 1, 0.75, 1),
        r"each axis must repeat every place equally often, or take .* a scale of 0.75 over 5 places"
        r" by half_pixel with round_prefer_floor takes \[0, 1, 3\]",
    ),
    "resized channels": (resize(1, 2, 1, 1), "its scale must be 1 for the channels"),
    "linear": (resize(1, 1, 2, 2, mode="linear"), "its mode must be nearest, not 'linear'"),
    "other places": (
        resize(1, 1, 2, 2, coordinate_transformation_mode="asymmetric", nearest_mode="ceil"),
        "a scale of 2 over 5 places by asymmetric with ceil takes .* floor repeats for every",
    ),
    "unknown places": (resize(1, 1, 2, 2, nearest_mode="odd"), "with 'odd' is not known"),
    "no scales": (
        lambda n: n.node("Resize", n.quant("x", 0.5), "", n.const([])),
        "scales or sizes must be given",
    ),
    "blocks of channels": (
        lambda n: n.node("DepthToSpace", n.quant("x", 0.5), blocksize=3),
        "a multiple of 9 channels",
    ),
    "blocks of places": (
        lambda n: n.node("SpaceToDepth", n.quant("x", 0.5), blocksize=2),
        "multiples of 2 rows and",
    ),
    "block size": (
        lambda n: n.node("DepthToSpace", n.quant("x", 0.5)),
        "its blocksize must be 1 to 1024",
    ),
    "block mode": (
        lambda n: n.node("DepthToSpace", n.quant("x", 0.5), blocksize=2, mode="RCD"),
        "its mode must be DCR or CRD, not 'RCD'",
    ),
    "branches of other lengths": (
        lengths("Add"),
        r"its branches must have the same shape, except for axes of size 1, not"
        r" \['batch', 3, 5, 6\] and \['batch', 3, 4, 5\]",
    ),
    "joined lengths": (
        lengths("Concat", axis=1),
        "its branches must have the same shape except for their",
    ),
    "joined along rows": (
        lambda n: n.quant(two("Concat", 1.0, 1.0, axis=2)(n), 0.1),
        "its axis must be 1, the channels, not",
    ),
    "sum of unlike scales": (
        two("Add", 0.713, 0.402),
        "must come to one grid, but the ratio of their scales 0.713 and 0.402 has more than 8 bits",
    ),
    "unlike scales side by side": (
        joined_scales,
        "the scales of the branches of Concat node 'concat7', whose channels this node adds up,",
    ),
    "sum of a relu": (
        lambda n: n.node("Add", n.node("Relu", conv(4, 4, 1, 1)(n)), n.quant("x", 0.5)),
        "its operand 0 must be a scale times integers .*; quantize each branch",
    ),
    "branch of floats": (lambda n: n.node("Add", "x", n.quant("x", 0.5)), "unquantized floats"),
    "slope below 0 behind a sum": (
        negative_slope_before_sum,
        "a function that rises and falls must not follow",
    ),
    "split that is short": (split(1, 2), "its 2 sizes must be at least 1 each and 4 together"),
    "split of columns": (
        lambda n: n.quant(split(3, 3, axis=3)(n), 0.1),
        "its axis must be 1, the channels, not 3",
    ),
    "slope for each place": (
        lambda n: n.node("PRelu", n.quant("x", 0.5), n.const(np.ones((4, 1)))),
        r"its slope must be a single number or of shape \[4, 1, ..\], not \[4, 1\]",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    build, message = CASES[case]
    net = Net(*SHAPE)
    with pytest.raises(UnsupportedError, match=message) as caught:
        imported(net.proto(build(net)), tmp_path)
    assert "\n" not in str(caught.value)
