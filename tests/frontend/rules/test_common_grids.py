"""Scales and widths for each element: one exact grid where they are whole multiples of one unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend.rules.common_grids import WEIGHT_BITS
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import Depthwise, Lookup, MatVec
from frontend.agreement import agrees
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check


def powers(shape: tuple[int, ...], seed: int = 0, low: int = -3, high: int = 1) -> np.ndarray:
    """Powers of two times 0.3."""
    return 0.3 * 2.0 ** np.random.default_rng(seed).integers(low, high + 1, shape)


def widths(shape: tuple[int, ...], seed: int = 0, low: int = 2, high: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high + 1, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(5, 6), (5, 1), (1, 6), (1, 1)])
@pytest.mark.parametrize("transposed", [True, False])
def test_weights_of_a_dense_layer(tmp_path: Path, shape: tuple[int, ...], transposed: bool) -> None:
    net = Net(1, 6)
    if transposed:
        w = net.weights(5, 6, scale=powers(shape))
        x = net.node("Gemm", net.quant("x", 0.27), w, transB=1)
    else:
        w = net.weights(6, 5, scale=powers(shape).T)
        x = net.node("MatMul", net.quant("x", 0.27), w)
    graph = check(net, net.quant(x, 0.41), tmp_path)
    assert [type(n) for n in graph].count(MatVec) == 1


CONV_SCALES = [(4, 2, 3, 3), (4, 1, 1, 1), (1, 2, 1, 1), (1, 1, 3, 3), (1, 2, 3, 1)]


@pytest.mark.parametrize("shape", CONV_SCALES)
@pytest.mark.parametrize("group", [1, 2])
def test_weights_of_a_convolution(tmp_path: Path, shape: tuple[int, ...], group: int) -> None:
    net = Net(1, 2 * group, 5, 5)
    quant = {"scale": powers(shape), "zero": 0.0, "bits": 5.0}
    x = net.conv(net.quant("x", 0.37), 4, 2, 3, 3, group=group, quant=quant, pads=[1, 0, 0, 1])
    check(net, x, tmp_path)


@pytest.mark.parametrize("shape", [(3, 1, 2, 2), (3, 1, 1, 1), (1, 1, 2, 2)])
def test_weights_of_a_depthwise_convolution(tmp_path: Path, shape: tuple[int, ...]) -> None:
    net = Net(1, 3, 4, 4)
    x = net.quant("x", 0.37, np.full((1, 3, 1, 1), 2.0) * [[[[0.0]], [[1.0]], [[2.0]]]])
    x = net.conv(x, 3, 1, 2, 2, group=3, quant={"scale": powers(shape)})
    graph = check(net, x, tmp_path)
    assert any(isinstance(n, Depthwise) for n in graph)


@pytest.mark.parametrize("shape", [(2, 3, 2, 2), (2, 1, 1, 1), (1, 1, 2, 2)])
def test_weights_of_a_transposed_convolution(tmp_path: Path, shape: tuple[int, ...]) -> None:
    net = Net(1, 2, 3, 3)
    w = net.kernel(2, 3, 2, 2, scale=powers(shape))
    check(net, net.node("ConvTranspose", net.quant("x", 0.37), w, strides=[2, 2]), tmp_path)


@pytest.mark.parametrize("rounding", ["ROUND", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP"])
@pytest.mark.parametrize(("signed", "narrow"), [(1, 0), (1, 1), (0, 0), (0, 1)])
def test_widths_of_weights(tmp_path: Path, rounding: str, signed: int, narrow: int) -> None:
    net = Net(1, 6)
    options = {"signed": signed, "narrow": narrow, "rounding": rounding}
    bits = widths((5, 6), low=2 if rounding in ("FLOOR", "CEIL", "UP") else 1 - (1 - signed))
    bits = np.maximum(bits, 2) if signed else bits
    w = net.weights(5, 6, scale=powers((5, 6)), bits=bits, **options)
    check(net, net.node("Gemm", net.quant("x", 0.27), w, transB=1), tmp_path)


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("place", ["input", "activation"])
@pytest.mark.parametrize("pruned", [False, True])
def test_widths_and_scales_of_activations(
    tmp_path: Path, signed: int, place: str, pruned: bool
) -> None:
    bits, scale = widths((1, 6), seed=signed), powers((1, 6), seed=3)
    if pruned:
        bits[0, :2] = 0
    mixed = {"scale": scale, "bits": bits, "signed": signed}
    net = Net(1, 6)
    x = net.quant("x", **(mixed if place == "input" else {"scale": 0.27}))
    x = net.dense(x, 6, 6, scale=0.4)
    if place == "activation":
        x = net.dense(net.quant(x, **mixed), 6, 3, seed=1)
    graph = check(net, x, tmp_path)
    if place == "input" and not pruned:
        folded = to_folded(to_integer(graph))
        assert agrees(folded, net.proto(x)) >= 30


@pytest.mark.parametrize("pool", [False, True])
def test_widths_and_scales_of_channels(tmp_path: Path, pool: bool) -> None:
    net = Net(1, 2, 4, 4)
    x = net.conv(net.quant("x", 0.27), 3, 2, 1, 1, quant={"scale": 0.7})
    if pool:
        x = net.node("MaxPool", x, kernel_shape=[2, 2])
    x = net.quant(x, powers((1, 3, 1, 1)), bits=widths((3, 1, 1)))
    check(net, net.conv(x, 2, 3, 2, 2, pads=[1, 1, 0, 0]), tmp_path)


def test_zero_points_on_a_common_grid(tmp_path: Path) -> None:
    net = Net(1, 4)
    x = net.quant("x", powers((1, 4)), np.array([[1.0, 0.0, -2.0, 3.0]]), bits=widths((1, 4)))
    check(net, net.dense(x, 4, 3, scale=powers((3, 4), seed=5)), tmp_path)


@pytest.mark.parametrize("scales", [(0.3, 0.6), (0.3, 153.6), (0.75, 0.25, 0.5)])
@pytest.mark.parametrize("layer", ["Conv", "Gemm"])
def test_concatenated_branches_before_a_layer(
    tmp_path: Path, scales: tuple[float, ...], layer: str
) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.37)
    parts = [net.quant(net.conv(x, 3, 2, 1, 1, seed=k), s) for k, s in enumerate(scales)]
    x = net.node("Concat", *parts, axis=1)
    n = 3 * len(parts)
    if layer == "Conv":
        x = net.conv(x, 2, n, 2, 2, pads=[1, 1, 0, 0])
    else:
        x = net.dense(net.node("Flatten", x, axis=1), 9 * n, 2)
    check(net, x, tmp_path)


def branches(net: Net, *between: str) -> str:
    x = net.quant("x", 0.37)
    parts = [net.quant(net.conv(x, 3, 2, 1, 1, seed=k), s) for k, s in enumerate((0.3, 0.7123))]
    x = net.node("Concat", *parts, name="cat", axis=1)
    for op in between:
        x = net.node(op, x, **({"kernel_shape": [2, 2]} if op == "MaxPool" else {}))
    return net.conv(x, 2, 6, 2, 2)


@pytest.mark.parametrize("between", [(), ("MaxPool",), ("Relu",), ("MaxPool", "Relu")])
def test_other_ratios_name_the_concat(tmp_path: Path, between: tuple[str, ...]) -> None:
    net = Net(1, 2, 4, 4)
    why = (
        r"Conv node .*: the scales of the branches of Concat node 'cat', whose channels this node"
        r" adds up, lie on one grid only with weights of \d+ bits, and at most 16 are accepted; put"
        r" one Conv after each branch, with its part of the weights, and add their results before"
        r" a quantizer, which is the same function; or give the branches one quantizer"
    )
    with pytest.raises(UnsupportedError, match=why):
        imported(net.proto(branches(net, *between)), tmp_path)


def test_other_ratios_of_weights_and_channels(tmp_path: Path) -> None:
    net = Net(1, 2)
    x = net.dense(net.quant("x", 0.27), 2, 2, scale=[[0.03, 0.07123], [0.03, 0.06]])
    with pytest.raises(
        UnsupportedError, match=r"the scales of its weights in a row .* each output"
    ):
        imported(net.proto(x), tmp_path)
    net = Net(1, 2)
    x = net.dense(net.quant("x", [[0.3, 0.7123]]), 2, 2, scale=0.05)
    with pytest.raises(UnsupportedError, match=r"its data's channels .*; quantize with one scale"):
        imported(net.proto(x), tmp_path)


def test_a_width_of_one_bit_beside_others(tmp_path: Path) -> None:
    net = Net(1, 2)
    x = net.dense(net.quant("x", 0.27, bits=[[1.0, 2.0]]), 2, 2)
    with pytest.raises(UnsupportedError, match="a signed bit width of 1 must be that of all"):
        imported(net.proto(x), tmp_path)


@pytest.mark.parametrize("bits", [[[0.5, 2.0]], [[33.0, 2.0]], [[-1.0, 2.0]], [[0.0, 0.0]]])
def test_widths_that_are_none(tmp_path: Path, bits: list[list[float]]) -> None:
    net = Net(1, 2)
    x = net.dense(net.quant("x", 0.27, bits=bits), 2, 2)
    with pytest.raises(UnsupportedError, match="its bit width must be an integer from 1 to 32"):
        imported(net.proto(x), tmp_path)


def test_the_largest_multiples(tmp_path: Path) -> None:
    fits = WEIGHT_BITS - 4  # weights of -8..7
    for apart in (fits, fits + 1):
        net = Net(1, 2)
        w = net.quant(net.const([[-2.0 * 2.0**apart, 1.75]]), [[0.25 * 2.0**apart, 0.25]])
        proto = net.proto(net.node("Gemm", net.quant("x", 0.27), w, transB=1))
        if apart == fits:
            assert agrees(imported(proto, tmp_path), proto) >= 30
        else:
            with pytest.raises(UnsupportedError, match="with weights of 17 bits"):
                imported(proto, tmp_path)


def test_no_layer_is_added_for_a_grid(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    graph = check(net, net.conv(net.quant("x", powers((2, 1, 1))), 2, 2, 2, 2), tmp_path)
    assert not any(isinstance(n, Lookup) for n in graph)
