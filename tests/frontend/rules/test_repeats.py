"""Gather, Expand, Tile and ConstantOfShape, as exporters write them around data and shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ops import Crop, Shuffle
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds
from onnx import numpy_helper


@pytest.mark.parametrize(
    ("indices", "axis", "kind"),
    [
        ([2, 0, 3], 1, Shuffle),
        ([1, 2], -3, Crop),
        ([3, 2, 1, 0], 1, Shuffle),
        ([-3, -1], 2, Crop),
        ([0, 2, 4], 3, Crop),
    ],
)
def test_places_are_picked(tmp_path: Path, indices: list[int], axis: int, kind: type) -> None:
    net = Net(1, 4, 5, 6)
    x = net.node("Gather", net.quant("x", 0.5), net.shape_const(*indices), axis=axis)
    channels = len(indices) if axis in (1, -3) else 4
    assert kind in kinds(check(net, net.conv(x, 3, channels, 1, 1), tmp_path))


@pytest.mark.parametrize(("axis", "features"), [(1, 30), (2, 24), (-1, 20)])
def test_one_place_is_picked(tmp_path: Path, axis: int, features: int) -> None:
    net = Net(1, 4, 5, 6)
    x = net.quant(net.conv(net.quant("x", 0.37), 4, 4, 1, 1), 0.57)
    x = net.node("Flatten", net.node("Gather", x, net.const(-1, np.int64), axis=axis))
    check(net, net.dense(x, features, 3), tmp_path)


def test_the_first_token(tmp_path: Path) -> None:
    net = Net(1, 5, 6)
    x = net.quant(net.dense(net.quant("x", 0.37), 6, 4), 0.57)
    x = net.node("Gather", x, net.const(0, np.int64), axis=1)
    check(net, net.dense(x, 4, 3, seed=1), tmp_path)


@pytest.mark.parametrize("op", ["Expand", "Tile"])
@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 4, 2), (1, 1, 1)])
def test_axes_of_size_1_are_repeated(tmp_path: Path, op: str, shape: tuple[int, ...]) -> None:
    net = Net(1, 3, 4, 2)
    x = net.quant("x", 0.37)
    y = net.conv(x, 3 if shape[0] == 3 else 1, 3, 1, 1)
    y = net.quant(y if shape[1] > 1 else net.node("GlobalMaxPool", y), 0.57)
    sizes = (1, 3, 4, 2) if op == "Expand" else (1, *np.floor_divide((3, 4, 2), shape).tolist())
    x = net.node("Add", x, net.quant(net.node(op, y, net.shape_const(*sizes)), 0.37))
    check(net, net.conv(x, 2, 3, 1, 1, seed=2), tmp_path)


def test_shapes_of_constants(tmp_path: Path) -> None:
    """Pads as TorchScript writes them: zeros behind the given ones, turned around."""
    net = Net(1, 2, 4, 4, opset=13)
    value = numpy_helper.from_array(np.zeros(1, np.int64))
    zeros = net.node("ConstantOfShape", net.shape_const(4), value=value)
    pads = net.node("Concat", net.shape_const(1, 0, 2, 1), zeros, axis=0)
    pads = net.node("Reshape", pads, net.shape_const(-1, 2))
    back = [net.shape_const(v) for v in (-1, -(1 << 63) + 1, 0, -1)]
    pads = net.node("Transpose", net.node("Slice", pads, *back), perm=[1, 0])
    pads = net.node("Cast", net.node("Reshape", pads, net.shape_const(-1)), to=7)
    x = net.node("Pad", net.quant("x", 0.37), pads)
    graph = check(net, net.conv(x, 3, 2, 1, 1), tmp_path)
    assert graph.sink.shape == (3, 7, 5)


def test_constants_are_repeated(tmp_path: Path) -> None:
    net = Net(1, 4, 2, 2)
    bias = net.node("Tile", net.const([[0.5], [-0.25]]), net.shape_const(2, 1))
    bias = net.node("Expand", net.node("Reshape", bias, net.shape_const(4, 1)), net.shape_const(1))
    bias = net.node("Reshape", bias, net.shape_const(1, 4, 1, 1))
    check(net, net.node("Add", net.conv(net.quant("x", 0.37), 4, 4, 1, 1), bias), tmp_path)


@pytest.mark.parametrize(
    ("op", "constant", "attributes", "message"),
    [
        ("Gather", [0, 0], {"axis": 1}, r"each channel must be selected once, not \[0, 0\]"),
        ("Gather", [0], {"axis": 0}, "its axis must not be 0, the batch"),
        ("Gather", [[0]], {"axis": 1}, "indices must be one integer or a list of them"),
        ("Gather", [4], {"axis": 1}, r"indices must be -4\.\.3, not 4\.\.4"),
        ("Expand", [1, 8, 5, 6], {}, r"its shape must fit \['batch', 4, 5, 6\], not be \[1, 8"),
        ("Tile", [1, 2, 1, 1], {}, "only axes of size 1 can be repeated"),
        ("Tile", [2, 1, 1, 1], {}, "one for each axis, 1 for the batch"),
    ],
)
def test_refusals(
    tmp_path: Path, op: str, constant: list[int], attributes: dict[str, int], message: str
) -> None:
    net = Net(1, 4, 5, 6)
    x = net.node(op, net.quant("x", 0.5), net.const(constant, np.int64), **attributes)
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.conv(x, 3, 4, 1, 1)), tmp_path)
