"""Slices of data are crops, or another order of the elements where a Concat joins them again."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.errors import UnsupportedError
from bitrill.ops import Crop, Rearrange
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds

Ranges = list[tuple[int, int, int, int]]


def cut(net: Net, x: str, *ranges: tuple[int, int, int, int]) -> str:
    """A Slice by ``(start, end, axis, step)``."""
    return net.node("Slice", x, *(net.shape_const(*v) for v in zip(*ranges, strict=True)))


@pytest.mark.parametrize(
    "ranges",
    [
        [(1, 4, 2, 1)],
        [(0, 99, 2, 2), (1, 1 << 62, 3, 3)],
        [(-4, -1, -1, 2), (0, 1, 0, 1)],
        [(1, 3, 1, 1), (1, 3, 2, 1)],
        [(0, 4, 1, 2)],
        [(1, 4, 1, 2), (4, 5, 2, 1)],
        [(3, 1, 1, -1)],
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_places_and_channels(tmp_path: Path, ranges: Ranges, last: bool) -> None:
    net = Net(1, 5, 6, 4) if last else Net(1, 4, 5, 6)
    x = net.quant("x", 0.5)
    if last:
        turn = {0: 0, 1: 3, 2: 1, 3: 2, -1: -2}
        x = cut(net, x, *((s, e, turn[a], t) for s, e, a, t in ranges))
        x = net.node("Transpose", x, perm=[0, 3, 1, 2])
    else:
        x = cut(net, x, *ranges)
    channels = 2 if any(a == 1 for _, _, a, _ in ranges) else 4
    assert Crop in kinds(check(net, net.conv(x, 3, channels, 1, 1), tmp_path))


@pytest.mark.parametrize("first", ["slice", "quantize"])
def test_focus_is_space_to_depth(tmp_path: Path, first: str) -> None:
    net = Net(1, 3, 4, 6)
    x = "x" if first == "slice" else net.quant("x", 0.5)
    corners = [(0, 0), (1, 0), (0, 1), (1, 1)]
    parts = [cut(net, x, (a, 99, 2, 2), (b, 99, 3, 2)) for a, b in corners[:2]]
    parts += [cut(net, cut(net, x, (a, 99, 2, 2)), (b, 99, 3, 2)) for a, b in corners[2:]]
    x = net.node("Concat", *parts, axis=1)
    x = net.quant(x, 0.5) if first == "slice" else x
    graph = check(net, net.conv(x, 3, 12, 2, 2), tmp_path)
    assert Rearrange in kinds(graph)
    assert Crop not in kinds(graph)


def test_slices_of_floats_are_cut_behind_their_quantizer(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 4)
    x = net.quant(cut(net, "x", (1, 3, 1, 1), (1, 9, 2, 1)), [[[0.5]], [[0.25]]])
    x = net.node("MaxPool", x, kernel_shape=[2, 2])
    check(net, net.quant(x, 0.25), tmp_path)


def test_an_option_a_shortcut(tmp_path: Path) -> None:
    """Every second pixel, channels padded with zeros, added to the other branch."""
    net = Net(1, 2, 6, 6)
    x = net.quant("x", 0.5)
    y = net.quant(net.conv(x, 4, 2, 3, 3, strides=[2, 2], pads=[1] * 4), 0.5)
    short = cut(net, x, (0, 99, 2, 2), (0, 99, 3, 2))
    short = net.node("Pad", short, net.shape_const(0, 1, 0, 0, 0, 1, 0, 0))
    check(net, net.conv(net.quant(net.node("Add", y, short), 0.5), 2, 4, 1, 1), tmp_path)


def test_places_go_back_and_come_again(tmp_path: Path) -> None:
    net = Net(1, 3, 5, 4)
    x = cut(net, net.quant("x", 0.5), (4, -9, 2, -1))
    x = net.node("Gather", x, net.shape_const(3, 3, 0, 2), axis=3)
    check(net, net.conv(x, 2, 3, 2, 2), tmp_path)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ([(20, 0, 2, -1)], r"selected in at most 16 ascending runs .* have more: \[20, 19, 18, 17"),
        ([(3, 2, 2, 1)], "it must select at least one of 5"),
        ([(0, 1, 2, 1), (0, 1, -2, 1)], r"its axes must be different, not \[2, 2\]"),
        ([(0, 1, 5, 1)], r"axes must be -4\.\.3, not 5"),
    ],
)
def test_refusals(tmp_path: Path, ranges: Ranges, message: str) -> None:
    net = Net(1, 4, 5 if len(ranges) > 1 or ranges[0][0] < 9 else 21, 6)
    x = cut(net, net.quant("x", 0.5), *ranges)
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.conv(x, 3, 4, 1, 1)), tmp_path)


def test_the_batch_is_taken_whole(tmp_path: Path) -> None:
    net = Net("N", 4, 5, 6)
    x = cut(net, net.quant("x", 0.5), (0, 1, 0, 1))
    with pytest.raises(UnsupportedError, match="the batch axis must be taken as a whole"):
        imported(net.proto(net.conv(x, 3, 4, 1, 1)), tmp_path)
