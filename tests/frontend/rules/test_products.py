"""Products of two tensors that depend on the input are imported with their meaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ir import BIPOLAR
from bitrill.ops import Lookup, Mul, Upsample
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds
from frontend.rules.test_joins import branches

CHANNELS = np.array([0.5, -0.25, 0.375]).reshape(3, 1, 1)


def squeezed(net: Net, x: str, channels: int) -> str:
    """One number for each channel of an image: its mean, a layer, a gate."""
    x = net.quant(net.node("GlobalAveragePool", x), 0.37, bits=6.0)
    return net.node("Sigmoid", net.conv(x, channels, channels, 1, 1, seed=5))


@pytest.mark.parametrize("quantized", [True, False])
def test_a_product_of_two_branches(tmp_path: Path, quantized: bool) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node("Mul", *branches(net, 0.713, -0.402))
    x = net.norm(x, 3)
    x = net.quant(net.node("Relu", x), 0.3, bits=3.0, signed=0) if quantized else x
    graph = check(net, net.conv(x, 2, 3, 2, 2) if quantized else x, tmp_path)
    (node,) = [n for n in graph if isinstance(n, Mul)]
    assert (node.offsets, str(node.y.type)) == ((0, 0), "int8[-56..64]")


def test_a_product_goes_into_a_layer_as_it_is(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node("Mul", *branches(net, 0.713, 0.402))
    check(net, net.conv(x, 2, 3, 2, 2), tmp_path)


def test_a_gate_holds_for_all_pixels(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 5)
    x = net.quant("x", 0.37)
    gate = net.quant(squeezed(net, x, 3), 1 / 15, signed=0)
    graph = check(net, net.quant(net.node("Mul", gate, x), 0.3), tmp_path)
    (held,) = [n for n in graph if isinstance(n, Upsample)]
    assert (held.x.size, held.factors) == (3, (4, 5))


@pytest.mark.parametrize(
    ("zeros", "offsets"), [((3.0, 0.0), (-3, 0)), ((-2.0, 5.0), (2, -5)), ((7.0, 7.0), (-7, -7))]
)
def test_zero_points(tmp_path: Path, zeros: tuple[float, float], offsets: tuple[int, int]) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.37)
    made = [
        net.quant(net.conv(x, 3, 2, 1, 1, seed=k), 0.5, zero=z, signed=0)
        for k, z in enumerate(zeros)
    ]
    graph = check(net, net.quant(net.node("Mul", *made), 0.3), tmp_path)
    (node,) = [n for n in graph if isinstance(n, Mul)]
    assert node.offsets == offsets


@pytest.mark.parametrize("shift", [0.25, CHANNELS])
def test_zeros_between_integers_and_one_for_each_channel(tmp_path: Path, shift: object) -> None:
    net = Net(1, 2, 3, 3)
    a, b = branches(net, 0.5, 0.402)
    x = net.quant(net.node("Mul", net.node("Add", a, net.const(shift)), b), 0.3)
    graph = check(net, x, tmp_path)
    assert Lookup in kinds(graph)


def test_scales_for_each_channel(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.37)
    a = net.quant(net.conv(x, 3, 2, 1, 1), np.abs(CHANNELS))
    b = net.node("Mul", net.quant(net.conv(x, 3, 2, 1, 1, seed=2), 0.25), net.const(CHANNELS))
    check(net, net.quant(net.node("Mul", a, b), 0.3), tmp_path)


def test_bits_and_signs(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.37)
    a, b = (net.bipolar(net.conv(x, 3, 2, 1, 1, seed=k), 0.5 + k) for k in range(2))
    gate = net.quant(net.conv(x, 3, 2, 1, 1, seed=4), 1.0, bits=1.0, signed=0)
    signs = net.node("Mul", a, b)
    graph = check(net, net.conv(net.node("Mul", signs, gate), 2, 3, 2, 2), tmp_path)
    assert next(n.y.type for n in graph if isinstance(n, Mul)) == BIPOLAR


def test_a_square_of_a_sum_is_a_function(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node("Add", *branches(net, 0.5, 0.5))
    assert Mul not in kinds(check(net, net.quant(net.node("Mul", x, x), 0.3), tmp_path))


def test_an_operand_that_is_constant(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    a, b = branches(net, 0.5, 0.5)
    nothing = net.node("Add", net.node("Mul", b, net.const(0.0)), net.const(CHANNELS))
    graph = check(net, net.conv(net.quant(net.node("Mul", nothing, a), 0.3), 2, 3, 1, 1), tmp_path)
    assert Mul not in kinds(graph)


def wide(net: Net) -> str:
    x = net.quant("x", 0.37)
    sums = [net.conv(x, 3, 2, 1, 1, seed=k, quant={"scale": 2.0**-9, "bits": 12}) for k in range(4)]
    return net.node("Mul", net.node("Mul", *sums[:2]), net.node("Mul", *sums[2:]))


def between(net: Net) -> str:
    a, b = branches(net, 0.5, 0.402)
    return net.node("Mul", net.node("Add", a, net.const(0.123456)), b)


def rooted(net: Net) -> str:
    a, b = branches(net, 0.5, 0.402)
    return net.node("Mul", net.norm(a, 3), b)


REFUSED = {
    "a gate without a quantizer": (
        lambda n: n.node("Mul", n.quant("x", 0.5), squeezed(n, n.quant("x", 0.5), 2)),
        "its operand 1 must be a scale times integers plus an offset",
    ),
    "wide sums": (wide, r"its products must fit 48 bits, not \d+; quantize its operands first"),
    "a zero between": (between, "the real 0 of its operands must lie on a grid of at most 16 bits"),
    "a root": (rooted, "the real 0 of its operands must be a rational place of their grids"),
    "a quotient": (
        lambda n: n.node("Div", *branches(n, 0.5, 0.402)),
        "its divisor must be a constant, not data",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, tmp_path: Path) -> None:
    build, message = REFUSED[case]
    net = Net(1, 2, 3, 3)
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.quant(build(net), 0.3)), tmp_path)
