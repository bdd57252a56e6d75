"""Channels last, flat images and images made of vectors: all give the same edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ir.activation import Activation
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import Convert, Shuffle
from frontend.onnx_models import Net, imported, save
from frontend.rules.test_convs import check, kinds
from support import need_tool

LAST = "qonnx.custom_op.channels_last"


def to_first(net: Net, x: str, rank: int = 4) -> str:
    return net.node("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)])


def to_last(net: Net, x: str, rank: int = 4) -> str:
    return net.node("Transpose", x, perm=[0, *range(2, rank), 1])


def moved(graph) -> list[type]:
    return [k for k in kinds(graph) if k in (Convert, Shuffle)]


def test_a_channels_last_input(tmp_path: Path) -> None:
    net = Net(1, 4, 5, 3)
    x = to_first(net, net.quant("x", np.array([0.3, 0.4, 0.5])))
    x = net.node("MaxPool", net.quant(x, 0.7), kernel_shape=[2, 2])
    graph = check(net, net.conv(x, 4, 3, 3, 2), tmp_path)
    assert graph.source.channel_last
    assert graph.source.tensor.shape == (4, 5, 3)
    assert not graph.sink.channel_last
    assert not moved(graph)


def test_a_channels_last_output(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 5)
    x = net.conv(net.quant("x", 0.3), 4, 3, 3, 2, quant={"scale": np.ones((4, 1, 1, 1))})
    graph = check(net, to_last(net, x), tmp_path)
    assert graph.sink.channel_last
    assert graph.sink.shape == (2, 4, 4)
    assert graph.sink.tensor.shape == (2, 4, 4)


@pytest.mark.parametrize("axes", [(4, 5), (5, 4), (4, 4)])
def test_both_ends_channels_last(tmp_path: Path, axes: tuple[int, int]) -> None:
    net = Net(1, *axes, 4)
    x = net.conv(to_first(net, net.quant("x", 0.3)), 4, 4, 1, 1, bias=True)
    graph = check(net, to_last(net, net.norm(x, 4)), tmp_path)
    assert graph.source.channel_last
    assert graph.sink.channel_last


def test_one_axis_channels_last(tmp_path: Path) -> None:
    net = Net(1, 7, 3)
    x = net.conv(to_first(net, net.quant("x", 0.3), 3), 4, 3, 2)
    graph = check(net, to_last(net, x, 3), tmp_path)
    assert graph.source.tensor.shape == (7, 3)
    net = Net(1, 3, 7)
    x = net.node("MaxPool", to_last(net, net.quant("x", 0.3), 3), kernel_shape=[2], domain=LAST)
    graph = check(net, net.conv(to_first(net, x, 3), 2, 3, 2), tmp_path)
    assert not graph.source.channel_last


def test_the_channels_last_domain(tmp_path: Path) -> None:
    net = Net(1, 6, 5, 3)
    w = np.random.default_rng(1).normal(0, 2, (4, 2, 3, 3))
    scale = np.array([0.3, 0.4, 0.5, 0.6]).reshape(4, 1, 1, 1)
    bias = net.const([0.5, 1.0, -2.0, 3.0])
    x = net.node(
        "Conv",
        net.quant("x", 0.3),
        net.quant(net.const(w), scale),
        bias,
        pads=[1, 0, 1, 1],
        domain=LAST,
    )
    parts = [net.const(np.random.default_rng(k).uniform(0.5, 2, 4)) for k in range(4)]
    x = net.node("BatchNormalization", x, *parts, epsilon=1e-3, domain=LAST)
    x = net.quant(net.node("Relu", x), np.array([0.5, 0.25, 1.0, 0.75]), bits=3.0, signed=0)
    x = net.node("MaxPool", x, kernel_shape=[2, 2], domain=LAST)
    x = net.quant(net.node("Add", x, net.const([0.1, 0.2, 0.3, 0.4])), 0.9)
    depthwise = net.kernel(4, 2, 1, 1, seed=2)
    x = net.node("Conv", x, depthwise, group=4, domain=LAST)
    graph = check(net, x, tmp_path)
    assert graph.source.channel_last
    assert graph.sink.channel_last
    assert not moved(graph)


def test_branches_channels_last(tmp_path: Path) -> None:
    net = Net(1, 4, 4, 3)
    x = net.quant("x", 0.3)
    first, second = (
        net.quant(net.node("Conv", x, net.kernel(4, 1, 1, 3, seed=k), domain=LAST), 0.5)
        for k in range(2)
    )
    both = net.quant(net.node("Add", first, second), 0.5)
    x = net.node("Concat", both, net.node("Sub", first, both), axis=3)
    x = net.quant(x, 0.4)
    left = net.node("Split", x, axis=-1, split=[3, 5])
    net.nodes[-1].output.append("right")
    right = net.node("Conv", net.quant("right", 0.5), net.kernel(3, 1, 1, 5), domain=LAST)
    x = net.quant(net.node("Add", net.quant(left, 0.7), net.quant(right, 0.7)), 0.6)
    x = net.node("ReduceMean", x, axes=[1, 2], keepdims=0)
    graph = check(net, net.dense(net.quant(x, 0.1), 3, 5), tmp_path)
    assert not moved(graph)


@pytest.mark.parametrize("keep", [0, 1])
def test_mean_of_places_as_input(tmp_path: Path, keep: int) -> None:
    net = Net(1, 4, 4, 3, opset=18)
    x = net.quant(net.node("Conv", net.quant("x", 0.3), net.kernel(4, 1, 1, 3), domain=LAST), 0.5)
    x = net.node("ReduceMean", x, net.shape_const(-2, 1), keepdims=keep)
    check(net, x, tmp_path)


def test_layers_of_either_layout_in_front_of_dense_ones(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 2)
    x = net.quant(net.node("Conv", net.quant("x", 0.3), net.kernel(3, 2, 2, 2), domain=LAST), 0.9)
    x = net.dense(net.node("Flatten", x), 18, 4)
    assert not moved(check(net, x, tmp_path))


def test_a_decoder(tmp_path: Path) -> None:
    """Gemm, Reshape to an image, ConvTranspose."""
    net = Net(1, 5)
    x = net.norm(net.dense(net.quant("x", 0.3), 5, 12), 12)
    x = net.quant(net.node("Relu", x), 0.5, bits=3.0, signed=0)
    x = net.node("Reshape", x, net.shape_const(1, 3, 2, 2))
    x = net.node("ConvTranspose", x, net.kernel(3, 2, 2, 2), strides=[2, 2])
    x = net.conv(net.quant(x, 2.03), 1, 2, 3, 3, pads=[1] * 4)
    graph = check(net, x, tmp_path)
    assert moved(graph) == [Shuffle, Convert]
    integer = to_integer(graph)
    values = np.random.default_rng(0).integers(-8, 8, (4, 5))
    assert np.array_equal(to_folded(integer).run(values), integer.run(values))


def test_hardware_of_a_decoder(tmp_path: Path) -> None:
    from bitrill_sim import verify

    need_tool("g++")
    net = Net(1, 5)
    x = net.quant(net.dense(net.quant("x", 0.3), 5, 8), 0.5, bits=3.0)
    x = net.node("Reshape", x, net.shape_const(1, 2, 2, 2))
    graph = imported(net.proto(net.conv(x, 3, 2, 2, 1)), tmp_path)
    folded = to_folded(to_integer(graph))
    values = np.random.default_rng(0).integers(-8, 8, (6, 5))
    for stall in (0.0, 0.5):
        verify(folded, None, values, engine="amaranth", stall=stall, work=tmp_path).check()


def test_a_flat_input_of_a_convolution(tmp_path: Path) -> None:
    net = Net(1, 12)
    x = net.node("Reshape", "x", net.shape_const(1, 1, 3, 4))
    graph = check(net, net.conv(net.quant(x, 0.3), 2, 1, 2, 2), tmp_path)
    assert moved(graph) == [Convert]


def test_axes_of_one_in_front_of_one_dimension_and_behind(tmp_path: Path) -> None:
    net = Net(1, 3, 8)
    x = net.node("Unsqueeze", net.quant("x", 0.3), axes=[3])
    x = net.quant(net.conv(x, 4, 3, 2, 1), 0.8)
    x = net.node("Squeeze", x, axes=[3])
    x = net.quant(net.conv(x, 2, 4, 3), 0.9)
    x = net.node("Flatten", net.node("Unsqueeze", x, axes=[2]))
    check(net, net.dense(x, 10, 3), tmp_path)


def test_a_sequence_without_channels(tmp_path: Path) -> None:
    net = Net(1, 9)
    x = net.node("Unsqueeze", net.quant("x", 0.3), axes=[1])
    x = net.quant(net.conv(x, 1, 1, 3, pads=[1, 1]), 0.8)
    x = net.dense(net.node("Squeeze", x, axes=[1]), 9, 4)
    check(net, x, tmp_path)


def test_features_of_unlike_scales_make_no_image(tmp_path: Path) -> None:
    net = Net(1, 8)
    x = net.node("Reshape", net.quant("x", np.arange(1.0, 9.0)), net.shape_const(1, 2, 2, 2))
    message = "its data must have one scale and offset for each channel"
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.conv(x, 2, 2, 2, 2)), tmp_path)


def test_an_image_made_of_places_in_another_order_is_refused(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 4)
    x = net.quant(net.conv(net.quant("x", 0.3), 3, 3, 1, 1), 0.5)
    x = net.node("Reshape", net.node("Flatten", x), net.shape_const(1, 4, 4, 3))
    with pytest.raises(UnsupportedError, match="in the order that a layer gives them"):
        imported(net.proto(net.conv(x, 2, 4, 2, 2)), tmp_path)


@pytest.mark.parametrize("shape", [(1, 6), (1,)])
def test_the_channels_last_domain_needs_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    net = Net(1, 6)
    x = net.dense(net.quant("x", 0.3), 6, 4)
    x = net.node("BatchNormalization", x, *(net.const(1.0) for _ in range(4)), domain=LAST)
    with pytest.raises(UnsupportedError, match="its scale must have 4 numbers"):
        imported(net.proto(x), tmp_path)


def test_another_operator_of_the_channels_last_domain_is_refused(tmp_path: Path) -> None:
    net = Net(1, 4, 4, 3)
    x = net.node("Softsign", net.quant("x", 0.3), domain=LAST)
    with pytest.raises(UnsupportedError, match="this operator is not supported"):
        imported(net.proto(x), tmp_path)


@pytest.mark.parametrize("inputs", [False, True])
def test_what_qonnx_makes_of_a_network_is_the_same_network(tmp_path: Path, inputs: bool) -> None:
    """Its own conversion to channels last, of a model that is our own."""
    from bitrill.frontend import load_model
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.transformation.infer_shapes import InferShapes

    def whole(kernel: int, pad: int) -> dict[str, object]:
        """All the attributes, which qonnx insists on."""
        both = {"strides": [1, 1], "dilations": [1, 1], "group": 1}
        return {**both, "kernel_shape": [kernel] * 2, "pads": [pad] * 4}

    net = Net(1, 2, 6, 6)
    x = net.norm(net.conv(net.quant("x", 0.3), 4, 2, 3, 3, **whole(3, 1)), 4)
    x = net.quant(net.node("Relu", x), 0.7, bits=3.0, signed=0)
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)
    y = net.quant(net.conv(x, 4, 4, 1, 1, **whole(1, 0)), 0.7, bits=3.0)
    x = net.quant(net.node("Add", x, y), 0.5)
    w = net.node("Transpose", net.weights(5, 36), perm=[1, 0])
    out = net.node("MatMul", net.node("Reshape", x, net.shape_const(1, -1)), w)
    before = save(net.proto(out), tmp_path, "first.onnx")
    model = ModelWrapper(onnx.load(before)).transform(InferShapes())
    model = model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=inputs))
    after = tmp_path / "last.onnx"
    model.save(str(after))
    assert LAST in {n.domain for n in model.graph.node}
    first, last = to_integer(load_model(before)), to_integer(load_model(after))
    assert [n for n in kinds(last) if n not in (Activation,)] == kinds(first)
    x = np.random.default_rng(0).normal(0, 1, (20, 2, 6, 6)).astype(np.float32)
    moved_x = np.moveaxis(x, 1, -1) if last.source.channel_last else x
    assert last.source.channel_last is inputs
    assert np.array_equal(first.run_floats(x), last.run_floats(moved_x))
