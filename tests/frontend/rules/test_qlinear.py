"""ONNX Runtime's operators on integers, against it where floats are exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from frontend.onnx_models import Net, imported
from frontend.refused import Build, check_refused
from frontend.runtime import check_equal

MICROSOFT = "com.microsoft"


def grid(net: Net, scale: Any, zero: Any, kind: Any = np.uint8) -> list[str]:
    return [net.const(scale), net.const(zero, kind)]


def quantized(net: Net, kind: Any = np.uint8, zero: int = 100) -> list[str]:
    """The model's input as integers of scale 1 / 16, with their grid."""
    parts = grid(net, 1 / 16, zero, kind)
    return [net.node("QuantizeLinear", "x", *parts), *parts]


def weights(
    net: Net, *shape: int, scale: Any = 1 / 8, zero: Any = 0, kind: Any = np.int8
) -> list[str]:
    info = np.iinfo(kind)
    w = np.random.default_rng(1).integers(info.min, info.max + 1, shape)
    return [net.const(w, kind), *grid(net, scale, zero, kind)]


def real(net: Net, q: str, scale: float, zero: int, kind: Any = np.uint8) -> str:
    return net.node("DequantizeLinear", q, *grid(net, scale, zero, kind))


def frames(*shape: int) -> np.ndarray:
    return (np.random.default_rng(2).integers(-90, 90, (30, *shape)) / 16).astype(np.float32)


PER_ROW = {"scale": [1 / 8, 1 / 4, 1 / 16, 1 / 8], "zero": [0] * 4}


@pytest.mark.parametrize("options", [{}, PER_ROW, {"zero": 77, "kind": np.uint8}])
@pytest.mark.parametrize("bias", [False, True])
def test_convolutions(options: dict[str, Any], bias: bool, tmp_path: Path) -> None:
    net = Net(1, 2, 5, 5, opset=13)
    operands = [*quantized(net), *weights(net, 4, 2, 3, 3, **options), *grid(net, 32.0, 7)]
    if bias:
        operands.append(net.const([100, -2000, 33, 1234], np.int32))
    q = net.node("QLinearConv", *operands, pads=[1, 1, 1, 1], strides=[2, 2])
    real(net, q, 32.0, 7)
    check_equal(net, tmp_path, frames(2, 5, 5), optimize=True)


def test_depthwise_convolutions(tmp_path: Path) -> None:
    net = Net(1, 4, 5, 5, opset=13)
    operands = [*quantized(net), *weights(net, 4, 1, 3, 3, **PER_ROW), *grid(net, 4.0, 7)]
    real(net, net.node("QLinearConv", *operands, group=4, pads=[1] * 4), 4.0, 7)
    check_equal(net, tmp_path, frames(4, 5, 5), optimize=True)


def test_products_with_a_matrix(tmp_path: Path) -> None:
    net = Net(1, 6, opset=13)
    operands = [*quantized(net), *weights(net, 6, 4, zero=3, kind=np.uint8), *grid(net, 8.0, 131)]
    real(net, net.node("QLinearMatMul", *operands), 8.0, 131)
    check_equal(net, tmp_path, frames(6), optimize=True)


@pytest.mark.parametrize("ends", [False, True])
def test_gemm(ends: bool, tmp_path: Path) -> None:
    """With alpha, bias, weights in rows; its result real numbers where it has no scale."""
    net = Net(1, 6, opset=13)
    operands = [*quantized(net), *weights(net, 4, 6, **PER_ROW)]
    operands.append(net.const([100, -2000, 33, 1234], np.int32))
    if not ends:
        operands += grid(net, 2.0, 131)
    q = net.node("QGemm", *operands, domain=MICROSOFT, transB=1, alpha=0.5)
    if not ends:
        real(net, q, 2.0, 131)
    check_equal(net, tmp_path, frames(6), optimize=True)


@pytest.mark.parametrize("op", ["MatMulInteger", "ConvInteger"])
def test_integers_of_32_bits(op: str, tmp_path: Path) -> None:
    conv = op == "ConvInteger"
    net = Net(1, *((2, 4, 4) if conv else (6,)), opset=13)
    q, _, zero = quantized(net)
    w = weights(net, *((3, 2, 3, 3) if conv else (6, 4)), kind=np.uint8, zero=5)
    y = net.node(op, q, w[0], zero, w[2])
    net.node("Mul", net.node("Cast", y, to=1), net.const(1 / 128))
    check_equal(net, tmp_path, frames(*((2, 4, 4) if conv else (6,))), optimize=True)


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("QLinearAveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("QLinearGlobalAveragePool", {"channels_last": 0}),
        ("QLinearLeakyRelu", {"alpha": 0.25}),
    ],
)
def test_one_operand(op: str, attributes: dict[str, Any], tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4, opset=13)
    x = quantized(net)
    conv = [*x, *weights(net, 2, 2, 1, 1), *grid(net, 4.0, 120)]
    x = [net.node("QLinearConv", *conv), *grid(net, 4.0, 120)]
    real(net, net.node(op, *x, *grid(net, 8.0, 77), domain=MICROSOFT, **attributes), 8.0, 77)
    check_equal(net, tmp_path, frames(2, 4, 4), optimize=True)


def test_sums_and_concatenations(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3, opset=13)
    x = quantized(net)
    one, two = (
        [net.node("QLinearConv", *x, *weights(net, 2, 2, 1, 1), *grid(net, s, z)), *grid(net, s, z)]
        for s, z in ((4.0, 120), (8.0, 33))
    )
    total = grid(net, 16.0, 101)
    q = net.node("QLinearAdd", *one, *two, *total, domain=MICROSOFT)
    q = net.node("QLinearConcat", *grid(net, 8.0, 99), q, *total, *one, domain=MICROSOFT, axis=1)
    real(net, q, 8.0, 99)
    check_equal(net, tmp_path, frames(2, 3, 3), optimize=True)


def test_factors_and_terms_that_are_constant(tmp_path: Path) -> None:
    net = Net(1, 6, opset=13)
    x = [*quantized(net), *weights(net, 6, 4), *grid(net, 8.0, 131)]
    x = [net.node("QLinearMatMul", *x), *grid(net, 8.0, 131)]
    for op in ("QLinearAdd", "QLinearMul"):
        constant = [net.const([1, 2, 3, 40], np.uint8), *grid(net, 0.5, 1)]
        x = [
            net.node(op, *x, *constant, *grid(net, 16.0, 77), domain=MICROSOFT),
            *grid(net, 16.0, 77),
        ]
    real(net, x[0], 16.0, 77)
    check_equal(net, tmp_path, frames(6), optimize=True)


def test_sums_of_more_than_32_bits_are_refused(tmp_path: Path) -> None:
    net = Net(1, 40000, opset=13)
    w = net.const(np.full((40000, 1), 255), np.uint8)
    y = net.node("MatMulInteger", quantized(net)[0], w)
    proto = net.proto(net.node("Cast", y, to=1))
    with pytest.raises(UnsupportedError, match="must fit 32 bits"):
        imported(proto, tmp_path)


def test_pools_whose_channels_are_last(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4, opset=13)
    x = quantized(net)
    q = net.node("QLinearConv", *x, *weights(net, 2, 2, 1, 1), *grid(net, 4.0, 120))
    q = net.node("Transpose", q, perm=[0, 2, 3, 1])
    parts = [*grid(net, 4.0, 120), *grid(net, 8.0, 77)]
    q = net.node("QLinearGlobalAveragePool", q, *parts, domain=MICROSOFT, channels_last=1)
    real(net, q, 8.0, 77)
    check_equal(net, tmp_path, frames(2, 4, 4), optimize=True)


REFUSED: dict[str, tuple[Build, str]] = {
    "several scales of a result": (
        lambda n: n.node(
            "QLinearMatMul", *quantized(n), *weights(n, 6, 4), *grid(n, [1.0] * 4, [0] * 4)
        ),
        "its scale must be a single number or 1 along axis 0",
    ),
    "incomplete": (
        lambda n: n.node(
            "QLinearConcat", *grid(n, 1.0, 0), *quantized(n), n.const(1.0), domain=MICROSOFT, axis=1
        ),
        "it must have a scale, a zero point, and each tensor with its own of both, not 6 inputs",
    ),
    "sums of products": (
        lambda n: n.node(
            "Add",
            *[n.node("MatMulInteger", quantized(n)[0], weights(n, 6, 4)[0]) for _ in range(2)],
        ),
        "its data must be real numbers, not integers of type int32",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, tmp_path: Path) -> None:
    check_refused(REFUSED[case], tmp_path, 1, 6, opset=13)
