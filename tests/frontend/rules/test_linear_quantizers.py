"""QuantizeLinear and DequantizeLinear, against ONNX Runtime where floats are exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ir.activation import Activation
from frontend.onnx_models import Net, imported
from frontend.refused import Build, check_refused
from frontend.runtime import check_equal, outputs_of, session
from onnx import TensorProto, helper

EXACT = np.arange(-96, 97) / 16
"""Inputs with ties at every grid of a power of two that is used here."""


def grid(net: Net, scale: Any, zero: Any, kind: Any) -> list[str]:
    return [net.const(scale), net.const(zero, kind)]


def qdq(
    net: Net, x: str, scale: Any, zero: Any, kind: Any, clip: Any = None, **options: Any
) -> str:
    """QuantizeLinear, a Clip if one is given, and DequantizeLinear."""
    q = net.node("QuantizeLinear", x, *grid(net, scale, zero, kind), **options)
    if clip is not None:
        q = net.node("Clip", q, *[net.const(c, kind) for c in clip])
    return net.node("DequantizeLinear", q, *grid(net, scale, zero, kind), **options)


def behind_a_layer(
    scale: Any, zero: Any, kind: Any, clip: Any = None, domain: str = "", **options: Any
) -> Net:
    """A layer that keeps its inputs, in sixteenths, and the quantizer behind it."""
    net = Net(1, 3, opset=19, ir=9)
    x = qdq(net, "x", 1 / 16, 0, np.int8)
    x = net.node("MatMul", x, net.const(np.eye(3)))
    qdq(net, x, scale, zero, kind, clip, domain=domain, **options)
    return net


def frames() -> np.ndarray:
    return np.stack([EXACT, EXACT + 1 / 16, -EXACT], 1).astype(np.float32)


QUANTIZERS = {
    "odd zero point": (0.125, 3, np.uint8),
    "even zero point": (0.125, 4, np.uint8),
    "most negative": (0.25, -128, np.int8),
    "odd and signed": (0.5, -17, np.int8),
    "saturates": (0.015625, 5, np.int8),
    "16 bits": (0.125, 7, np.uint16, None, "com.microsoft"),
    "clipped": (0.25, 0, np.int8, (-7, 7)),
    "clipped with an odd zero point": (0.25, 3, np.uint8, (1, 14)),
    "clipped beyond": (0.25, 3, np.uint8, (0, 255)),
}


@pytest.mark.parametrize("case", QUANTIZERS)
def test_rounds_in_front_of_the_zero_point(case: str, tmp_path: Path) -> None:
    check_equal(behind_a_layer(*QUANTIZERS[case]), tmp_path, frames())


@pytest.mark.parametrize("zeros", [[3, 4, 5], [3, 7, 1], [2, 4, 200]])
def test_scales_and_zero_points_along_an_axis(zeros: list[int], tmp_path: Path) -> None:
    for axis in (1, -1):
        net = behind_a_layer([0.25, 0.5, 0.125], zeros, np.uint8, axis=axis)
        check_equal(net, tmp_path, frames())


@pytest.mark.parametrize("zero", [0, 3, -128, 127])
def test_the_first_quantizer_is_the_host_s(zero: int, tmp_path: Path) -> None:
    net = Net(1, 3, opset=13)
    net.node("MatMul", qdq(net, "x", 0.25, zero, np.int8), net.const(np.eye(3)))
    graph = check_equal(net, tmp_path, frames())
    assert str(graph.source.tensor.type) == "int8[-128..127]"


def test_a_clip_leaves_fewer_bits(tmp_path: Path) -> None:
    net = Net(1, 3, opset=13)
    net.node("MatMul", qdq(net, "x", 0.25, 0, np.int8, (-8, 7)), net.const(np.eye(3)))
    assert check_equal(net, tmp_path, frames()).source.tensor.type.bits == 4
    graph = check_equal(
        behind_a_layer(*QUANTIZERS["clipped with an odd zero point"]), tmp_path, frames()
    )
    assert str(graph.sink.tensor.type) == "uint4[1..14]"


def test_integers_of_one_grid_are_not_quantized_again(tmp_path: Path) -> None:
    net = behind_a_layer(0.25, 3, np.uint8)
    qdq(net, net.nodes[-1].output[0], 0.25, 3, np.uint8)
    graph = check_equal(net, tmp_path, frames())
    assert len([n for n in graph.nodes if isinstance(n, Activation)]) == 1
    qdq(net, net.nodes[-1].output[0], 0.25, 4, np.uint8)
    graph = check_equal(net, tmp_path, frames())
    assert len([n for n in graph.nodes if isinstance(n, Activation)]) == 2


@pytest.mark.parametrize("per", ["tensor", "row"])
@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_quantized_weights_and_bias(per: str, kind: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    info = np.iinfo(kind)
    n = 4 if per == "row" else 1
    scale = 2.0 ** -rng.integers(3, 6, n)
    zero = rng.integers(info.min, info.max + 1, n)
    net = Net(1, 6, opset=13)
    x = qdq(net, "x", 1 / 8, 1, np.int8)
    along = {"axis": 0} if per == "row" else {}
    w = net.const(rng.integers(info.min, info.max + 1, (4, 6)), kind)
    parts = grid(net, scale if per == "row" else scale[0], zero if per == "row" else zero[0], kind)
    w = net.node("DequantizeLinear", w, *parts, **along)
    b = net.const(rng.integers(-1000, 1000, 4), np.int32)
    b = net.node("DequantizeLinear", b, net.const(scale / 8), axis=0)
    net.node("Gemm", x, w, b, transB=1)
    qdq(net, net.nodes[-1].output[0], 0.5, 7, np.uint8)
    check_equal(net, tmp_path, (rng.integers(-64, 64, (50, 6)) / 16).astype(np.float32))


def test_weights_quantized_in_the_graph(tmp_path: Path) -> None:
    """Weights in the form of Brevitas' QCDQ, with a Clip; along axis 0, with ties."""
    net = Net(1, 6, opset=13)
    x = qdq(net, "x", 1 / 8, 0, np.int8)
    w = net.const(np.arange(-12, 12).reshape(4, 6) / 16)
    w = qdq(net, w, [0.125, 0.25, 0.125, 0.125], [0, 0, 1, 3], np.int8, (-7, 7), axis=0)
    net.node("Gemm", x, w, transB=1)
    x = np.random.default_rng(0).integers(-64, 64, (50, 6)) / 16
    check_equal(net, tmp_path, x.astype(np.float32))


def test_integers_move_and_are_compared(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4, opset=13)
    q = net.node("QuantizeLinear", "x", *grid(net, 0.25, 3, np.uint8))
    q = net.node("MaxPool", q, kernel_shape=[2, 2], strides=[2, 2])
    q = net.node("Reshape", net.node("Transpose", q, perm=[0, 2, 3, 1]), net.shape_const(1, 8))
    x = net.node("DequantizeLinear", q, *grid(net, 0.25, 3, np.uint8))
    net.node("MatMul", x, net.const(np.random.default_rng(0).integers(-8, 8, (8, 3))))
    x = np.random.default_rng(1).integers(-64, 64, (40, 2, 4, 4)) / 16
    check_equal(net, tmp_path, x.astype(np.float32))


def test_scales_of_weights_move_with_them(tmp_path: Path) -> None:
    """A depthwise layer's weights in the order of TF-Lite, reshaped and turned."""
    rng = np.random.default_rng(0)
    net = Net(1, 6, 4, 4, opset=13)
    w = net.const(rng.integers(-127, 128, (3, 3, 6)), np.int8)
    parts = grid(net, 2.0 ** -rng.integers(1, 4, 6), np.zeros(6), np.int8)
    w = net.node("DequantizeLinear", w, *parts, axis=2)
    w = net.node("Reshape", w, net.shape_const(3, 3, 1, 6))
    w = net.node("Transpose", w, perm=[3, 2, 0, 1])
    net.node("Conv", qdq(net, "x", 0.25, 0, np.int8), w, group=6)
    x = rng.integers(-64, 64, (20, 6, 4, 4)) / 16
    check_equal(net, tmp_path, x.astype(np.float32))


def test_branches_of_one_grid_are_joined_as_they_are(tmp_path: Path) -> None:
    net, rng = Net(1, 2, 4, 4, opset=13), np.random.default_rng(0)
    x = qdq(net, "x", 0.25, 0, np.int8)
    layers = [net.const(rng.integers(-3, 4, (2, 2, 1, 1))) for _ in range(2)]
    branches = [qdq(net, net.node("Conv", x, w), 0.5, 3, np.uint8) for w in layers]
    x = qdq(net, net.node("Concat", *branches, axis=1), 0.5, 3, np.uint8)
    net.node("Conv", x, net.const(rng.integers(-3, 4, (2, 4, 1, 1))))
    x = rng.integers(-64, 64, (20, 2, 4, 4)) / 16
    graph = check_equal(net, tmp_path, x.astype(np.float32))
    assert len([n for n in graph.nodes if isinstance(n, Activation)]) == 2


def test_four_bits(tmp_path: Path) -> None:
    """Types of 4 bits, of which two lie in a byte."""
    net, rng = Net(1, 3, opset=21, ir=10), np.random.default_rng(0)

    def four(values: Any, kind: int) -> str:
        v = np.asarray(values)
        net.constants.append(helper.make_tensor(f"f{len(net.constants)}", kind, v.shape, v))
        return net.constants[-1].name

    parts = [net.const(0.25), four(3, TensorProto.UINT4)]
    x = net.node("DequantizeLinear", net.node("QuantizeLinear", "x", *parts), *parts)
    w = four(rng.integers(-8, 8, (5, 3)), TensorProto.INT4)
    w = net.node("DequantizeLinear", w, net.const([0.5, 0.25, 1, 0.5, 2]), axis=0)
    net.node("Gemm", x, w, transB=1)
    graph = check_equal(net, tmp_path, frames())
    assert str(graph.source.tensor.type) == "uint4[0..15]"


@pytest.mark.parametrize("zero", [0, 3, -128])
def test_zeros_between_data_have_the_zero_point(zero: int, tmp_path: Path) -> None:
    net, rng = Net(1, 2, 4, 4, opset=13), np.random.default_rng(0)
    w = net.const(rng.integers(-127, 128, (2, 4, 2, 2)), np.int8)
    w = net.node("DequantizeLinear", w, *grid(net, [0.5, 2, 0.25, 1], [0] * 4, np.int8), axis=1)
    x = qdq(net, "x", 0.25, zero, np.int8)
    qdq(net, net.node("ConvTranspose", x, w, strides=[2, 2], pads=[1] * 4), 8.0, 7, np.uint8)
    x = rng.integers(-64, 64, (20, 2, 4, 4)) / 16
    check_equal(net, tmp_path, x.astype(np.float32))


def test_integers_at_both_ends(tmp_path: Path) -> None:
    """A network in the form that converters from TF-Lite write: bytes in and out, channels last."""
    net, rng = Net(1, 4, 4, 2, opset=13), np.random.default_rng(0)
    x = net.node("DequantizeLinear", "x", *grid(net, 0.25, 3, np.uint8))
    x = net.node("Transpose", x, perm=[0, 3, 1, 2])
    w = net.const(rng.integers(-127, 128, (3, 2, 3, 3)), np.int8)
    w = net.node("DequantizeLinear", w, *grid(net, [0.5, 0.25, 1], [0] * 3, np.int8), axis=0)
    x = net.node("Transpose", net.node("Conv", x, w, pads=[1] * 4), perm=[0, 2, 3, 1])
    proto = net.proto(net.node("QuantizeLinear", x, *grid(net, 16.0, 7, np.uint8)))
    for end in (proto.graph.input[0], proto.graph.output[0]):
        end.type.tensor_type.elem_type = TensorProto.UINT8
    frames = rng.integers(0, 256, (20, 4, 4, 2)).astype(np.uint8)
    graph = imported(proto, tmp_path)
    got = graph.sink.dequantize(graph.run(frames))
    assert np.array_equal(got, outputs_of(session(proto), frames))


def quantized(net: Net) -> str:
    return net.node("QuantizeLinear", "x", *grid(net, 0.5, 0, np.int8))


def layer(net: Net) -> str:
    return net.node("MatMul", qdq(net, "x", 0.5, 0, np.int8), net.const(np.eye(6)))


REFUSED: dict[str, tuple[Build, str]] = {
    "zero scale": (
        lambda n: qdq(n, layer(n), 0.0, 0, np.int8),
        "QuantizeLinear node .* its scale must not be zero",
    ),
    "sums of integers": (
        lambda n: n.node("Add", quantized(n), quantized(n)),
        "Add node .* its data must be real numbers, not integers of type int8; put DequantizeLin",
    ),
    "floats": (
        lambda n: n.node("DequantizeLinear", layer(n), *grid(n, 0.5, 0, np.int8)),
        "its data must be integers: what QuantizeLinear gives",
    ),
    "float weights": (
        lambda n: n.node("DequantizeLinear", n.const(np.eye(6)), n.const(0.5)),
        "the constant that it reads must hold integers",
    ),
    "two shapes": (
        lambda n: qdq(n, layer(n), [0.5] * 6, 0, np.int8),
        r"its scale and zero point must have the same shape, not \[6\] and \[\]",
    ),
    "wrong number of scales": (
        lambda n: qdq(n, layer(n), [0.5] * 5, [0] * 5, np.int8),
        r"its scale must be a single number or 6 along axis 1, not of shape \[5\]",
    ),
    "axis": (
        lambda n: qdq(n, layer(n), [0.5] * 6, [0] * 6, np.int8, axis=2),
        r"axis must be -2..1, not 2",
    ),
    "32 bits": (
        lambda n: qdq(n, layer(n), 0.5, 0, np.int32),
        "its zero point must be INT2, UINT2, INT4, UINT4, INT8, UINT8, INT16 or UINT16, not INT32",
    ),
    "zero point of another type": (
        lambda n: n.node("DequantizeLinear", quantized(n), *grid(n, 0.5, 0, np.uint8)),
        "DequantizeLinear node .* its zero point must be INT8, as its data are, not UINT8",
    ),
    "zero point of another type than the weights": (
        lambda n: n.node("DequantizeLinear", n.const(np.eye(6), np.int8), *grid(n, 1, 0, np.uint8)),
        "DequantizeLinear node .* its zero point must be INT8, as its data are, not UINT8",
    ),
    "one number of two axes": (
        lambda n: qdq(n, layer(n), [[0.5]], [[0]], np.int8),
        r"its scale must be a single number or 6 along axis 1, not of shape \[1, 1\]",
    ),
    "dynamic": (
        lambda n: n.node("DynamicQuantizeLinear", "x"),
        "its scale is taken from each frame while it runs",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, tmp_path: Path) -> None:
    check_refused(REFUSED[case], tmp_path, 1, 6, opset=13)


@pytest.mark.parametrize("kind", [np.float32, np.int8])
def test_integers_are_no_weights_of_real_data(tmp_path: Path, kind: type) -> None:
    """Also behind a QuantizeLinear that no DequantizeLinear follows, of floats or of integers."""
    net = Net(1, 6, opset=13)
    grid = net.const(0.25), net.const(0, np.uint8)
    x = net.node("DequantizeLinear", net.node("QuantizeLinear", "x", *grid), *grid)
    unit = net.const(1.0), net.const(0, np.int8)
    w = net.node("QuantizeLinear", net.const(np.eye(6, 3), kind), *unit)
    with pytest.raises(UnsupportedError, match=r"must be floats, as its data are, not integers"):
        imported(net.proto(net.node("MatMul", x, w)), tmp_path)


def test_an_integer_is_no_addend_of_real_data(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Add", net.quant("x"), net.const(3, np.int64))
    with pytest.raises(UnsupportedError, match=r"its constant must be floats, as its data are"):
        imported(net.proto(net.dense(x, 6, 3)), tmp_path)
