"""Upsampling, transposed convolutions, shuffles and blocks are imported with their meaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ir.activation import Activation
from bitrill.ops import Deconv, MatVec, Rearrange, Shuffle, Upsample, Window
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds


@pytest.mark.parametrize(
    ("back", "near"),
    [
        ("asymmetric", "floor"),
        ("half_pixel", "round_prefer_floor"),
        ("half_pixel", "round_prefer_ceil"),
        ("pytorch_half_pixel", "round_prefer_floor"),
    ],
)
@pytest.mark.parametrize("form", ["scales", "sizes"])
def test_resize(tmp_path: Path, back: str, near: str, form: str) -> None:
    net = Net(1, 2, 3, 4)
    x = net.quant("x", np.array([0.3, 0.7]).reshape(2, 1, 1))
    given = net.const([1.0, 1.0, 2.0, 3.0]) if form == "scales" else net.shape_const(1, 2, 6, 12)
    operands = ["", given] if form == "scales" else ["", "", given]
    x = net.node(
        "Resize",
        x,
        *operands,
        coordinate_transformation_mode=back,
        nearest_mode=near,
        mode="nearest",
    )
    assert kinds(check(net, x, tmp_path)) == [Upsample]


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_channels_of_unlike_meaning_become_one_behind_a_quantizer(
    tmp_path: Path, mode: str
) -> None:
    net = Net(1, 3, 2, 3)
    x = net.norm(net.conv(net.quant("x", 0.3), 8, 3, 1, 1, bias=True), 8)
    x = net.node("Relu", net.node("DepthToSpace", x, blocksize=2, mode=mode))
    x = net.node("Mul", x, net.const([[[0.7]], [[1.3]]]))
    graph = check(net, net.conv(net.quant(x, 0.31, bits=3.0), 2, 2, 2, 2), tmp_path)
    assert kinds(graph).index(Rearrange) > kinds(graph).index(Activation)


def test_channels_of_unlike_meaning_do_not_become_one(tmp_path: Path) -> None:
    net = Net(1, 3, 2, 3)
    x = net.conv(net.quant("x", 0.3), 8, 3, 1, 1, bias=True)
    x = net.node("DepthToSpace", x, blocksize=2)
    with pytest.raises(UnsupportedError, match="put a quantizer between the two, or right after"):
        imported(net.proto(x), tmp_path)


@pytest.mark.parametrize("op", ["Resize", "Upsample"])
def test_resize_of_earlier_versions(tmp_path: Path, op: str) -> None:
    net = Net(1, 2, 5, opset=10 if op == "Resize" else 9)
    x = net.conv(net.node(op, net.quant("x", 0.3), net.const([1.0, 1.0, 2.0])), 3, 2, 2)
    check(net, x, tmp_path)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 3)])
@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution(tmp_path: Path, stride: tuple[int, int], groups: int) -> None:
    net = Net(1, 4, 3, 3)
    scale = np.random.default_rng(0).uniform(0.3, 0.7, (1, 3, 1, 1)) if groups == 1 else 0.4
    w = net.kernel(4, 3, 3, 2, scale=scale)
    x = net.node(
        "ConvTranspose",
        net.quant("x", 0.3),
        w,
        net.const(np.arange(3.0 * groups)),
        group=groups,
        strides=stride,
        pads=[1, 0, 2, 1],
        output_padding=[stride[0] - 1, 0],
        dilations=[1, 2],
    )
    graph = check(net, x, tmp_path)
    assert (Deconv in kinds(graph)) is (max(stride) > 1)


def test_transposed_convolution_of_bits(tmp_path: Path) -> None:
    net = Net(1, 2, 5)
    x = net.node("ConvTranspose", net.bipolar("x"), net.kernel(2, 3, 2), strides=[2])
    check(net, x, tmp_path)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(tmp_path: Path, mode: str) -> None:
    net = Net(1, 8, 2, 3)
    x = net.node("DepthToSpace", net.quant("x", 0.3), blocksize=2, mode=mode)
    graph = check(net, net.conv(x, 3, 2, 2, 2), tmp_path)
    assert (Shuffle in kinds(graph)) is (mode == "CRD")
    assert Rearrange in kinds(graph)


def test_space_to_depth(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 6)
    scale = np.array([0.3, 0.4, 0.5]).reshape(3, 1, 1)
    x = net.node("SpaceToDepth", net.quant("x", scale), blocksize=2)
    x = net.quant(x, 0.7, bits=3.0)
    check(net, net.conv(x, 3, 12, 2, 2), tmp_path)


def test_pixel_shuffle_and_unshuffle_as_pytorch_spells_them(tmp_path: Path) -> None:
    net = Net(1, 8, 2, 3)
    x = net.conv(net.quant("x", 0.3), 8, 8, 1, 1)
    x = net.node("Reshape", net.quant(x, 0.7), net.shape_const(1, 2, 2, 2, 2, 3))
    x = net.node("Transpose", x, perm=[0, 1, 4, 2, 5, 3])
    x = net.node("Reshape", x, net.shape_const(1, 2, 4, 6))
    x = net.quant(net.conv(x, 2, 2, 1, 1), 0.7)
    x = net.node("Reshape", x, net.shape_const(1, 2, 2, 2, 3, 2))
    x = net.node("Transpose", x, perm=[0, 1, 3, 5, 2, 4])
    x = net.node("Reshape", x, net.shape_const(1, 8, 2, 3))
    graph = check(net, net.conv(x, 3, 8, 1, 1), tmp_path)
    assert [k for k in kinds(graph) if k in (Shuffle, Rearrange)] == [
        Shuffle,
        Rearrange,
        Rearrange,
        Shuffle,
    ]


def test_channel_shuffle(tmp_path: Path) -> None:
    net = Net(1, 6, 3, 3)
    scale = np.random.default_rng(1).uniform(0.3, 0.7, (6, 1, 1))
    x = net.node("Reshape", net.quant("x", scale), net.shape_const(1, 2, 3, 3, 3))
    x = net.node("Transpose", x, perm=[0, 2, 1, 3, 4])
    x = net.node("Reshape", x, net.shape_const(1, 6, 3, 3))
    graph = check(net, net.conv(x, 6, 1, 2, 2, group=6), tmp_path)
    first = graph.nodes[0]
    assert isinstance(first, Shuffle)
    assert first.order.tolist() == [0, 3, 1, 4, 2, 5]


def test_a_shuffle_that_is_undone_costs_nothing(tmp_path: Path) -> None:
    net = Net(1, 6, 3, 3)
    x = net.node("Transpose", net.quant("x", 0.3), perm=[0, 2, 3, 1])
    x = net.node("Transpose", net.quant(x, 0.7), perm=[0, 3, 1, 2])
    graph = check(net, net.conv(x, 2, 6, 2, 2), tmp_path)
    assert kinds(graph)[-2:] == [Window, MatVec]
    assert Shuffle not in kinds(graph)


def test_slopes_move_with_their_channels(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.conv(net.quant("x", 0.37), 6, 2, 1, 1)
    x = net.node("PRelu", x, net.const(np.linspace(0.1, 0.9, 6).reshape(6, 1, 1)))
    x = net.node("Reshape", x, net.shape_const(1, 2, 3, 4, 4))
    x = net.node("Transpose", x, perm=[0, 2, 1, 3, 4])
    x = net.node("Reshape", x, net.shape_const(1, 6, 4, 4))
    x = net.quant(net.node("MaxPool", x, kernel_shape=[2, 2]), 0.77, bits=5.0)
    assert Shuffle in kinds(check(net, net.conv(x, 2, 6, 1, 1), tmp_path))
