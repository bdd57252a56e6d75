"""Pools with dilation, and averages over unlike numbers of places."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.errors import UnsupportedError
from bitrill.ops import Depthwise, Window
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds


@pytest.mark.parametrize("dilations", [(2, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize("quantized", [True, False])
def test_dilated_maximum(tmp_path: Path, dilations: tuple[int, int], quantized: bool) -> None:
    net = Net(1, 2, 6, 7)
    x = net.quant("x", 0.5)
    x = x if quantized else net.conv(x, 2, 2, 1, 1, quant={"scale": 0.37})
    x = net.node(
        "MaxPool", x, kernel_shape=[2, 2], dilations=dilations, strides=[1, 2], pads=[1, 0, 0, 1]
    )
    x = net.quant(x, 0.57, bits=3.0)
    assert Window in kinds(check(net, net.conv(x, 3, 2, 1, 1), tmp_path))


def test_dilated_average(tmp_path: Path) -> None:
    net = Net(1, 2, 6, 7, opset=19)
    x = net.node("AveragePool", net.quant("x", 0.5), kernel_shape=[2, 3], dilations=[3, 2])
    check(net, net.quant(x, 0.57), tmp_path)


def test_dilated_maximum_along_one_axis(tmp_path: Path) -> None:
    net = Net(1, 3, 9)
    x = net.node("MaxPool", net.quant("x", 0.5), kernel_shape=[3], dilations=[2])
    check(net, net.conv(x, 2, 3, 2), tmp_path)


WINDOWS: dict[str, dict[str, object]] = {
    "padding": {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]},
    "over the end": {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
    "three by two": {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]},
    "same": {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"},
    "both": {
        "kernel_shape": [3, 3],
        "strides": [2, 2],
        "pads": [1] * 4,
        "ceil_mode": 1,
        "count_include_pad": 1,
    },
    "dilated": {"kernel_shape": [2, 2], "dilations": [2, 2], "pads": [1, 1, 0, 1]},
}


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("zero", [0.0, 3.0])
def test_averages_over_unlike_numbers_of_places(tmp_path: Path, windows: str, zero: float) -> None:
    net = Net(1, 2, 5, 6, opset=19)
    x = net.node("AveragePool", net.quant("x", 0.37, zero, signed=0), **WINDOWS[windows])
    assert Depthwise in kinds(check(net, net.quant(x, 0.57), tmp_path))


@pytest.mark.parametrize("op", ["Conv", "MaxPool", "AveragePool"])
@pytest.mark.parametrize("strides", [[9, 1], [2, 1 << 20]])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 0, 0, 1]])
def test_strides_beyond_the_input(
    tmp_path: Path, op: str, strides: list[int], pads: list[int]
) -> None:
    net = Net(1, 2, 5, 6)
    x = net.quant("x", 0.37)
    if op == "Conv":
        x = net.conv(x, 3, 2, 2, 2, strides=strides, pads=pads)
    else:
        x = net.node(op, x, kernel_shape=[2, 2], strides=strides, pads=pads, ceil_mode=1)
    check(net, net.quant(x, 0.57), tmp_path)


def test_an_average_of_which_nothing_is_quantized(tmp_path: Path) -> None:
    net = Net(1, 2, 7)
    x = net.node("AveragePool", net.quant("x", 0.5), kernel_shape=[3], pads=[2, 1])
    check(net, net.conv(x, 3, 2, 2, bias=True), tmp_path)


def test_numbers_of_places_without_a_small_multiple_are_refused(tmp_path: Path) -> None:
    net = Net(1, 2, 20)
    x = net.node("AveragePool", net.quant("x", 0.5), kernel_shape=[19], pads=[18, 0])
    with pytest.raises(UnsupportedError, match="its windows have 1 to 19 places that count, and"):
        imported(net.proto(net.quant(x, 0.5)), tmp_path)
