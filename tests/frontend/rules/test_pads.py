"""Pad is imported in every form, on the grid of the data or behind the next quantizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ops import Crop, Pad
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds


@pytest.mark.parametrize("opset", [7, 10, 11, 13, 18, 21])
@pytest.mark.parametrize("pads", [(1, 2, 0, 1), (-1, 1, 1, -2), (0, -1, 0, -1)])
def test_pads_of_places(tmp_path: Path, opset: int, pads: tuple[int, ...]) -> None:
    net = Net(1, 2, 5, 4, opset=opset)
    x = net.quant("x", 0.5, 2.0)
    full = [0, 0, *pads[:2], 0, 0, *pads[2:]]
    if opset < 11:
        x = net.node("Pad", x, pads=full, value=-0.5)
    elif opset < 18:
        x = net.node("Pad", x, net.shape_const(*full), net.const(-0.5))
    else:
        x = net.node("Pad", x, net.shape_const(*pads), net.const(-0.5), net.shape_const(2, -1))
    graph = check(net, net.conv(x, 3, 2, 2, 2), tmp_path)
    assert (Pad in kinds(graph)) is (max(pads) > 0)
    assert (Crop in kinds(graph)) is (min(pads) < 0)


def test_a_border_off_the_grid_waits_for_the_quantizer(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node("Relu", net.norm(net.conv(net.quant("x", 0.5), 2, 2, 1, 1), 2))
    x = net.node("Pad", x, net.shape_const(0, 0, 1, 1, 0, 0, 0, 1), net.const(0.7))
    x = net.conv(net.quant(x, 0.3, bits=3.0, signed=0), 2, 2, 2, 2)
    (pad,) = [n for n in check(net, x, tmp_path) if isinstance(n, Pad)]
    assert pad.value == 2


def test_floats_are_padded_behind_their_quantizer(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node("Pad", "x", net.shape_const(0, 0, 1, 1, 0, 0, 0, 1))
    graph = check(net, net.conv(net.quant(x, 0.5, 3.0, signed=0), 2, 2, 2, 2), tmp_path)
    assert graph.source.shape == (2, 3, 3)
    assert isinstance(graph.nodes[0], Pad)


@pytest.mark.parametrize("sides", [(1, 1), (0, 2), (2, 0)])
def test_channels_are_padded(tmp_path: Path, sides: tuple[int, int]) -> None:
    net = Net(1, 2, 4, 4)
    x = net.node("Slice", net.quant("x", 0.5), *map(net.shape_const, (0, 99, 2, 2)))
    pads = net.shape_const(0, sides[0], 0, 1, 0, sides[1], 0, 0)
    check(net, net.conv(net.node("Pad", x, pads), 3, 4, 2, 2), tmp_path)


def test_channels_last_are_padded(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 2)
    x = net.node("Pad", net.quant("x", 0.5), net.shape_const(0, 1, 0, 1, 0, 0, 2, 0))
    x = net.node("Transpose", x, perm=[0, 3, 1, 2])
    check(net, net.conv(x, 3, 3, 2, 2), tmp_path)


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
@pytest.mark.parametrize("pads", [(1, 2, 0, 3), (3, 0, 3, 0), (0, 1, 0, 0)])
def test_borders_that_repeat_data(tmp_path: Path, mode: str, pads: tuple[int, ...]) -> None:
    net = Net(1, 2, 4, 5, opset=19)
    x = net.node(
        "Pad", net.quant("x", 0.5), net.shape_const(0, 0, *pads[:2], 0, 0, *pads[2:]), mode=mode
    )
    check(net, net.conv(x, 3, 2, 2, 2), tmp_path)


def test_borders_that_repeat_data_stand_anywhere(tmp_path: Path) -> None:
    """In front of the first quantizer, behind batch norm, channels last, on sequences."""
    net = Net(1, 5, 4, 3)
    pads = net.shape_const(0, 1, 2, 0, 0, 2, 1, 0)
    x = net.node("Pad", "x", pads, mode="reflect")
    x = net.node("Transpose", net.quant(x, [0.5, 0.25, 1.0]), perm=[0, 3, 1, 2])
    x = net.norm(net.conv(x, 4, 3, 2, 2), 4)
    x = net.node("Pad", x, net.shape_const(0, 0, 1, 1, 0, 0, 1, 1), mode="edge")
    x = net.node("Relu", x)
    check(net, net.conv(net.quant(x, 0.3, bits=3.0, signed=0), 2, 4, 3, 3), tmp_path)


@pytest.mark.parametrize(
    ("pads", "value", "mode", "message"),
    [
        ((0, 0, 1, 1), 0.0, "mirror", "its mode must be constant, reflect or edge, not 'mirror'"),
        ((0, 0, 1, 1), 0.0, "wrap", "its mode must be constant, reflect or edge, not 'wrap'"),
        (
            (0, 0, 1, 4),
            0.0,
            "reflect",
            r"its pads of an axis of 4 elements must be 0\.\.3 in mode reflect, not 4",
        ),
        ((0, 0, -1, 0), 0.0, "edge", r"axis of 4 elements must be 0\.\.\d+ in mode edge, not -1"),
        ((0, 0, 1 << 40, 0), 0.0, "edge", "its pads of an axis of 4 elements must be 0"),
        ((0, 0, 1 << 20, 1 << 20), 0.0, "edge", "its result must have at most"),
        ((0, 1, 0, 0), 0.0, "edge", "each channel must be selected once"),
        ((1, 0, 0, 0), 0.0, "constant", "the batch axis must have no padding"),
        (
            (0, 0, 1, 0),
            0.3,
            "constant",
            "the border of 0.3 of Pad node 'pad\\d' must lie on the grid of its data, 0.5",
        ),
        ((0, 0, -5, 0), 0.0, "constant", "its negative pads must leave something"),
        ((0, 0, 1 << 40, 0), 0.0, "constant", "its result must have at most"),
        ((0, 0, 1), 0.0, "constant", "its pads must be 8 integers, not 7"),
    ],
)
def test_refusals(
    tmp_path: Path, pads: tuple[int, ...], value: float, mode: str, message: str
) -> None:
    net = Net(1, 2, 4, 4)
    operands = net.shape_const(*pads, 0, 0, 0, 0), net.const(value)
    x = net.node("Pad", net.quant("x", 0.5), *operands, mode=mode)
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.conv(x, 3, 2, 1, 1)), tmp_path)


def test_a_border_at_the_end_is_named(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.conv(net.quant("x", 0.5), 3, 2, 1, 1, quant={"scale": 1.0})
    x = net.node("Pad", x, net.shape_const(0, 0, 1, 0, 0, 0, 0, 0), net.const(0.3))
    with pytest.raises(UnsupportedError, match=r"border of 0.3 of Pad node 'pad\d' must lie"):
        imported(net.proto(x), tmp_path)


def test_a_border_of_unlike_integers_is_refused(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.quant("x", 0.5, np.array([[[1.0]], [[2.0]]]))
    x = net.node("Pad", x, net.shape_const(0, 0, 1, 1, 0, 0, 0, 0))
    with pytest.raises(UnsupportedError, match="must be the same integer on all channels"):
        imported(net.proto(net.conv(x, 3, 2, 1, 1)), tmp_path)
