"""Convolutions and pools are imported with their meaning, in every form of their parameters."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill.frontend.rules.places import Placing
from bitrill.ir import BIPOLAR, Graph, IntType, Stage, verify
from bitrill.ir.activation import Activation
from bitrill.lowering import to_integer
from bitrill.ops import Depthwise, Lookup, MatVec, MaxPool, Pad, SumPool, Window
from frontend.agreement import agrees
from frontend.onnx_models import Net, imported


def check(net: Net, output: str, folder: Path, **options: object) -> Graph:
    """The imported graph means what the model does, and so does the integer graph made of it."""
    proto = net.proto(output)
    graph = imported(proto, folder)
    options = {"n": 12} | options
    assert agrees(graph, proto, **options) >= 8  # type: ignore[arg-type]
    integer = to_integer(graph)
    verify(integer, Stage.INTEGER)
    assert agrees(integer, proto, **options) >= 8  # type: ignore[arg-type]
    return graph


def kinds(graph: Graph) -> list[type]:
    return [type(n) for n in graph]


def test_a_small_network(tmp_path: Path) -> None:
    net = Net(1, 2, 7, 6)
    x = net.conv(net.quant("x", 0.5), 4, 2, 3, 3, bias=True, quant={"scale": 0.4})
    x = net.node("MaxPool", net.node("Relu", net.norm(x, 4)), kernel_shape=[2, 2], strides=[2, 2])
    x = net.quant(x, 0.4, bits=3.0, signed=0)
    x = net.dense(net.node("Flatten", x), 16, 3)
    graph = check(net, x, tmp_path)
    assert kinds(graph) == [Window, MatVec, Activation, MaxPool, MatVec]
    assert graph.source.tensor.shape == (7, 6, 2)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (1, 2)])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 2), (2, 3)])
def test_kernel_stride_and_dilation(
    tmp_path: Path, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> None:
    net = Net(1, 3, 6, 7)
    x = net.conv(net.quant("x", 0.5), 4, 3, *kernel, strides=stride, dilations=dilation)
    check(net, x, tmp_path)


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_auto_pad(tmp_path: Path, auto: str, stride: int) -> None:
    net = Net(1, 2, 5, 6)
    x = net.conv(
        net.quant("x", 0.5), 3, 2, 3, 4, auto_pad=auto, strides=[stride] * 2, kernel_shape=[3, 4]
    )
    check(net, x, tmp_path)


@pytest.mark.parametrize("pads", [(1, 1, 1, 1), (0, 2, 1, 0), (3, 0, 0, 1)])
@pytest.mark.parametrize("zero", [0.0, 3.0])
def test_padding_is_the_real_zero(tmp_path: Path, pads: tuple[int, ...], zero: float) -> None:
    net = Net(1, 2, 4, 4)
    x = net.conv(net.quant("x", 0.5, zero, 4.0, signed=0), 3, 2, 3, 3, pads=pads, bias=True)
    graph = check(net, x, tmp_path)
    assert isinstance(graph.nodes[0], Pad)
    assert graph.nodes[0].value == zero


@pytest.mark.parametrize("channels", [2, 3])
def test_padding_before_a_bipolar_layer(tmp_path: Path, channels: int) -> None:
    """One bit where a tap's channels have halves, else a second one for the zero."""
    net = Net(1, channels, 4, 4)
    rng = np.random.default_rng(1)
    w = net.bipolar(net.const(rng.normal(0, 1, (3, channels, 3, 3))), 0.5)
    x = net.node("Conv", net.bipolar("x", 0.25), w, pads=[1, 1, 1, 1])
    x = net.bipolar(net.norm(x, 3))
    x = net.node("Conv", x, net.kernel(2, 3, 1, 1))
    graph = check(net, x, tmp_path)
    one_bit = channels == 2
    assert graph.nodes[0].y.type == (BIPOLAR if one_bit else IntType(-1, 1))
    conv = graph.nodes[2]
    assert isinstance(conv, MatVec)
    assert (conv.inside is not None) is one_bit
    if one_bit:
        (axis,) = {a.tobytes() for a in conv.inside or ()}
        assert np.frombuffer(axis, bool).reshape(4, 3).sum() == 10


@pytest.mark.parametrize("pads", [(1, 1, 1, 1), (0, 2, 1, 0), (3, 0, 0, 1)])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_border_in_one_bit_wherever_it_lies(
    tmp_path: Path, pads: tuple[int, ...], stride: int
) -> None:
    net = Net(1, 2, 5, 4)
    w = net.bipolar(net.const(np.random.default_rng(1).normal(0, 1, (3, 2, 3, 2))), 0.5)
    x = net.node(
        "Conv", net.bipolar("x", 0.25), w, pads=pads, strides=[stride] * 2, dilations=[1, 2]
    )
    graph = check(net, net.bipolar(net.norm(x, 3)), tmp_path)
    assert graph.nodes[0].y.type == BIPOLAR


def test_a_border_that_no_window_reaches(tmp_path: Path) -> None:
    net = Net(1, 2, 5, 5)
    w = net.bipolar(net.const(np.random.default_rng(1).normal(0, 1, (3, 2, 2, 2))), 0.5)
    x = net.node("Conv", net.bipolar("x", 0.25), w, pads=[0, 0, 1, 0], strides=[3, 3])
    graph = check(net, net.bipolar(net.norm(x, 3)), tmp_path)
    assert graph.nodes[2].inside is None


def test_which_taps_lie_inside() -> None:
    """Two pixels before, one behind and a place that only rounding up reaches; stride 2."""
    place = Placing((3,), (2,), (1,), (2,), (1,), (1,))
    (inside,) = place.inside((4,)) or ()
    assert inside.tolist() == [[False, False, True], [True] * 3, [True, True, False]]
    assert Placing((3,), (4,), (1,), (0,), (1,), (0,)).inside((4,)) is None
    wide = Placing((1 << 10,), (1,), (1,), (1,), (1,), (0,))
    assert wide.inside(((1 << 10) - 2,)) is not None
    assert wide.inside(((1 << 10) - 1,)) is None  # a table of more places than an input may have


def test_one_axis(tmp_path: Path) -> None:
    net = Net(1, 2, 12)
    x = net.conv(net.quant("x", 0.5), 4, 2, 3, dilations=[2], pads=[2, 1], strides=[2])
    x = net.node("MaxPool", net.quant(x, 2.3), kernel_shape=[2])
    x = net.node("GlobalAveragePool", x)
    check(net, net.dense(net.node("Flatten", x), 4, 3), tmp_path)


@pytest.mark.parametrize(("groups", "rows"), [(2, 4), (2, 2), (4, 4), (4, 8)])
def test_groups(tmp_path: Path, groups: int, rows: int) -> None:
    net = Net(1, 4, 4, 5)
    scale = np.random.default_rng(2).uniform(0.3, 0.6, (rows, 1, 1, 1))
    x = net.conv(
        net.quant("x", 0.5, 1.0),
        rows,
        4 // groups,
        2,
        3,
        group=groups,
        pads=[0, 1, 1, 1],
        bias=True,
        quant={"scale": scale},
    )
    graph = check(net, net.quant(x, 1.5), tmp_path)
    assert (Depthwise in kinds(graph)) is (groups == rows == 4)


@pytest.mark.parametrize("binary", [True, False])
def test_depthwise_with_scales_and_zero_points_for_each_channel(
    tmp_path: Path, binary: bool
) -> None:
    net = Net(1, 3, 4, 4)
    column = (3, 1, 1)
    rng = np.random.default_rng(3)
    if binary:
        x = net.bipolar("x", rng.uniform(0.3, 0.9, column))
    else:
        x = net.quant("x", rng.uniform(0.3, 0.9, column), np.full(column, 2.0))
    x = net.conv(x, 3, 1, 3, 3, group=3, pads=[1] * 4)
    graph = check(net, net.norm(x, 3), tmp_path)
    assert kinds(graph) == [Pad, Window, Depthwise]


@pytest.mark.parametrize("form", ["float", "quantized"])
def test_bias(tmp_path: Path, form: str) -> None:
    net = Net(1, 2, 3, 3)
    bias = net.const([1.0, -2.0, 0.3])
    if form == "quantized":
        bias = net.quant(bias, 0.125, bits=16.0)
    x = net.node("Conv", net.quant("x", 0.5), net.kernel(3, 2, 2, 2, scale=0.3), bias)
    check(net, x, tmp_path)


def test_a_point_takes_no_window(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 4)
    x = net.conv(net.quant("x", 0.5), 5, 3, 1, 1)
    assert kinds(check(net, net.quant(x, 1.3), tmp_path)) == [MatVec, Activation]


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 0, 0, 1), (1, 1, 1, 1)])
@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_max_pool(tmp_path: Path, pads: tuple[int, ...], ceil: int, stride: int) -> None:
    net = Net(1, 3, 5, 6)
    x = net.quant("x", np.array([0.5, 0.25, 1.0]).reshape(3, 1, 1), bits=3.0)
    x = net.node("MaxPool", x, kernel_shape=[2, 3], strides=[stride] * 2, pads=pads, ceil_mode=ceil)
    graph = check(net, x, tmp_path)
    assert graph.nodes[-1].x.type.lo == -4


def test_max_pool_of_bits(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 4)
    x = net.node("MaxPool", net.bipolar("x"), kernel_shape=[2, 2], pads=[1, 1, 0, 0])
    graph = check(net, net.conv(x, 2, 3, 2, 2), tmp_path)
    assert graph.nodes[1].y.type.coding.is_bipolar


def test_a_maximum_goes_behind_the_quantizer_where_all_between_rises(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.norm(net.conv(net.quant("x", 0.5), 4, 2, 1, 1), 4)
    x = net.node("MaxPool", net.node("Relu", x), kernel_shape=[2, 2])
    x = net.quant(net.node("Mul", x, net.const(2.0)), 1.5, bits=3.0, signed=0)
    assert kinds(check(net, net.conv(x, 2, 4, 2, 2), tmp_path))[:3] == [MatVec, Activation, MaxPool]


def test_a_maximum_of_sums_where_the_order_turns_behind_it(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.conv(net.quant("x", 0.5), 4, 2, 1, 1)
    x = net.norm(net.node("MaxPool", x, kernel_shape=[2, 2]), 4)
    x = net.quant(x, 1.5, bits=3.0)
    assert kinds(check(net, net.conv(x, 2, 4, 2, 2), tmp_path))[:3] == [MatVec, MaxPool, Activation]


def test_a_maximum_of_a_maximum_and_of_everything(tmp_path: Path) -> None:
    net = Net(1, 2, 6, 6)
    x = net.norm(net.conv(net.quant("x", 0.5), 4, 2, 1, 1), 4)
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[1, 1])
    x = net.node("GlobalMaxPool", x)
    x = net.quant(x, 1.5, bits=3.0)
    graph = check(net, net.conv(x, 2, 4, 1, 1), tmp_path)
    assert kinds(graph) == [MatVec, Activation, MaxPool, MaxPool, MaxPool, MatVec]


@pytest.mark.parametrize("op", ["AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceMean18"])
def test_average_pool(tmp_path: Path, op: str) -> None:
    net = Net(1, 3, 4, 6, opset=18 if op == "ReduceMean18" else 11)
    x = net.quant("x", np.array([0.5, 0.25, 1.0]).reshape(3, 1, 1), np.ones((3, 1, 1)), bits=3.0)
    if op == "AveragePool":
        x = net.node(op, x, kernel_shape=[2, 3], strides=[2, 3])
    elif op == "ReduceMean":
        x = net.node(op, x, axes=[2, 3], keepdims=0)
    elif op == "ReduceMean18":
        x = net.node("ReduceMean", x, net.shape_const(-1, -2))
    else:
        x = net.node(op, x)
    graph = check(net, x, tmp_path)
    assert kinds(graph) == [SumPool]


def test_average_pool_that_counts_its_padding(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 5)
    x = net.node(
        "AveragePool",
        net.quant("x", 0.5, 2.0),
        kernel_shape=[3, 2],
        strides=[1, 1],
        pads=[1, 1, 1, 0],
        count_include_pad=1,
    )
    graph = check(net, net.conv(x, 2, 3, 2, 2), tmp_path)
    assert kinds(graph)[:2] == [Pad, SumPool]


def test_flatten_and_transpose_in_front_of_dense_layers_cost_nothing(tmp_path: Path) -> None:
    for perm in ([0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2]):
        net = Net(1, 2, 3, 4)
        x = net.quant(net.conv(net.quant("x", 0.5), 3, 2, 1, 1), 1.3)
        x = net.node("Reshape", net.node("Transpose", x, perm=perm), net.shape_const(1, -1))
        x = net.quant(x, 2.1)
        w = net.node("Transpose", net.weights(5, 36), perm=[1, 0])
        graph = check(net, net.node("MatMul", x, w), tmp_path)
        assert kinds(graph) == [MatVec, Activation, Activation, MatVec]


def test_raw_input(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.conv(net.quant("x", 0.3), 3, 2, 3, 3, pads=[1] * 4)
    proto = net.proto(x)
    graph = imported(proto, tmp_path, raw_input=IntType(0, 15), raw_scale=Fraction(1, 4))
    assert agrees(graph, proto, n=10) >= 8
    net = Net(1, 2, 4, 4)
    proto = net.proto(net.conv("x", 3, 2, 3, 3, pads=[1] * 4))
    graph = imported(proto, tmp_path, raw_input=IntType(0, 15), raw_scale=Fraction(1, 4))
    assert agrees(graph, proto, n=10) >= 8


@pytest.mark.parametrize("slope", [0.01, 0.25, 1.5, 0.0, -0.3])
@pytest.mark.parametrize("rounding", ["ROUND", "FLOOR", "UP"])
def test_leaky_slopes(tmp_path: Path, slope: float, rounding: str) -> None:
    net = Net(1, 2, 3, 3)
    x = net.norm(net.conv(net.quant("x", 0.5), 4, 2, 2, 2, quant={"scale": 0.37}), 4)
    x = net.node("Clip", x, net.const(-6.0), net.const(7.0))
    x = net.node("LeakyRelu", x, alpha=slope)
    x = net.node("Add", net.node("Mul", x, net.const(-0.7)), net.const(0.3))
    x = net.node("LeakyRelu", x, alpha=0.5)
    x = net.quant(x, 0.23, bits=5.0, rounding=rounding)
    integer = to_integer(check(net, net.conv(x, 2, 4, 1, 1), tmp_path))
    assert any(isinstance(n, Lookup) for n in integer) is (slope < 0)


def test_a_slope_for_each_channel_and_a_maximum_behind_it(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.conv(net.quant("x", 0.5), 3, 2, 1, 1)
    x = net.node("PRelu", x, net.const(np.array([0.1, 0.2, 0.9]).reshape(3, 1, 1)))
    x = net.quant(net.node("MaxPool", x, kernel_shape=[2, 2]), 0.77, bits=5.0)
    graph = check(net, net.conv(x, 2, 3, 1, 1), tmp_path)
    assert kinds(graph)[:3] == [MatVec, Activation, MaxPool]


def test_names_say_what_a_node_is_part_of(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    graph = check(net, net.conv(net.quant("x", 0.5), 3, 2, 3, 3, pads=[1] * 4, name="c"), tmp_path)
    assert [n.name for n in graph] == ["c_pad", "c_window", "c"]


def test_passes_narrow_taps_and_borders(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.node("Relu", net.conv(net.quant("x", 0.5), 3, 2, 1, 1))
    x = net.node("MaxPool", net.quant(x, 3.7), kernel_shape=[2, 2], pads=[1, 0, 0, 0])
    w = net.quant(net.const(np.ones((3, 1, 2, 2)) * [[[[1.0]]], [[[-1.0]]], [[[1.0]]]]), 1.0)
    graph = to_integer(check(net, net.node("Conv", x, w, group=3), tmp_path))
    (pad,) = [n for n in graph if isinstance(n, Pad)]
    assert pad.value == pad.x.type.lo == 0
    (taps,) = [n for n in graph if isinstance(n, Depthwise)]
    assert taps.weight_type == BIPOLAR


def test_zero_points_for_each_channel_of_one_scale(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 4)
    x = net.quant("x", 0.37, np.array([1.0, -2.0, 0.5]).reshape(3, 1, 1))
    check(net, net.conv(x, 4, 3, 2, 2), tmp_path)


def test_orders_made_one_after_the_other(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 4)
    x = net.quant(net.conv(net.quant("x", 0.5), 3, 2, 1, 1), 1.3)
    x = net.node("Transpose", net.node("Transpose", x, perm=[0, 2, 3, 1]), perm=[0, 1, 3, 2])
    check(net, net.dense(net.node("Flatten", x), 36, 5), tmp_path)
