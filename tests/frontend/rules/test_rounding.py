"""Quantizers that a model writes out by hand, against ONNX Runtime where floats are exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bitrill.ir.activation import Activation
from bitrill.lowering import to_integer
from bitrill.ops import Lookup
from frontend.agreement import agrees
from frontend.onnx_models import Net, imported
from frontend.refused import Build, check_refused
from frontend.runtime import check_equal

EXACT = np.arange(-96, 97) / 16
"""Inputs with ties at every grid that is used here."""

S = 0.25


def frames() -> np.ndarray:
    return np.stack([EXACT, EXACT + 1 / 16, -EXACT], 1).astype(np.float32)


def step(net: Net, op: str, x: str, *values: float) -> str:
    return net.node(op, x, *[net.const(v) for v in values])


def chain(*steps: tuple[object, ...]) -> Callable[[Net, str], str]:
    """Nodes in a row, each with its constants."""

    def build(net: Net, x: str) -> str:
        for op, *values in steps:
            x = step(net, str(op), x, *[float(str(v)) for v in values])
        return x

    return build


CHAINS = {
    "symmetric": chain(("Div", S), ("Round",), ("Clip", -8, 7), ("Mul", S)),
    "by the reciprocal": chain(("Mul", 1 / S), ("Round",), ("Clip", -8, 7), ("Div", 1 / S)),
    "zero point": chain(
        ("Div", S), ("Round",), ("Add", 3), ("Clip", 0, 15), ("Sub", 3), ("Mul", S)
    ),
    "zero point rounded with it": chain(
        ("Div", S), ("Add", 3), ("Round",), ("Clip", 0, 15), ("Sub", 3), ("Mul", S)
    ),
    "clipped first": chain(("Clip", -1, 2), ("Div", S), ("Round",), ("Mul", S)),
    "Max and Min": chain(("Div", S), ("Round",), ("Max", -8), ("Min", 7), ("Mul", S)),
    "Relu": chain(("Div", S), ("Round",), ("Relu",), ("Min", 7), ("Mul", S)),
    "Floor": chain(("Div", S), ("Add", 0.5), ("Floor",), ("Clip", -8, 7), ("Mul", S)),
    "Ceil": chain(("Div", S), ("Ceil",), ("Clip", -8, 7), ("Mul", S)),
    "falling": chain(("Div", -S), ("Round",), ("Clip", -8, 7), ("Mul", -S)),
    "scaled in front of the Clip": chain(("Div", S), ("Round",), ("Mul", S), ("Clip", -2, 1.75)),
}


@pytest.mark.parametrize("case", CHAINS)
def test_in_front_of_a_layer(case: str, tmp_path: Path) -> None:
    net = Net(1, 3, opset=13, declare=False)
    x = CHAINS[case](net, "x")
    net.node("MatMul", x, net.const([[1, 2], [-3, 1], [2, 2]]))
    graph = check_equal(net, tmp_path, frames())
    assert graph.source.tensor.type.bits <= 5
    assert not any(isinstance(n, Lookup) for n in graph.nodes)


@pytest.mark.parametrize("case", CHAINS)
def test_behind_a_layer(case: str, tmp_path: Path) -> None:
    net = Net(1, 3, opset=13, declare=False)
    x = chain(("Mul", 16), ("Round",), ("Clip", -128, 127), ("Mul", 1 / 16))(net, "x")
    x = CHAINS[case](net, net.node("MatMul", x, net.const(np.eye(3))))
    net.node("MatMul", x, net.const([[1, 2], [-3, 1], [2, 2]]))
    check_equal(net, tmp_path, frames())


@pytest.mark.parametrize(
    "steps",
    [
        (("Clip", -0.25, 0.25), ("Round",), ("Add", 1)),
        (("Clip", 0.5, 0.75), ("Floor",), ("Sub", 1)),
        (("Round",), ("Clip", 2, 2)),
    ],
)
def test_one_value_alone(steps: tuple[tuple[object, ...], ...], tmp_path: Path) -> None:
    net = Net(1, 3, opset=13, declare=False)
    x = CHAINS["symmetric"](net, "x")
    x = chain(*steps)(net, net.node("MatMul", x, net.const(np.eye(3))))
    net.node("MatMul", x, net.const([[1, 2], [-3, 1], [2, 2]]))
    check_equal(net, tmp_path, frames())


def test_two_readers_share_one_quantizer(tmp_path: Path) -> None:
    net = Net(1, 3, opset=13, declare=False)
    x = CHAINS["symmetric"](net, "x")
    x = net.node("MatMul", x, net.const(np.eye(3)))
    x = chain(("Div", S), ("Round",), ("Clip", 0, 7), ("Mul", S))(net, x)
    two = [net.node("MatMul", x, net.const(np.eye(3) * k)) for k in (1, 2)]
    net.node("Add", *two)
    graph = check_equal(net, tmp_path, frames())
    assert len([n for n in graph.nodes if isinstance(n, Activation)]) == 1


def test_a_layer_bounds_what_no_clip_does(tmp_path: Path) -> None:
    net = Net(1, 3, opset=13, declare=False)
    x = net.node("MatMul", CHAINS["symmetric"](net, "x"), net.const(np.eye(3)))
    x = chain(("Round",), ("Mul", 2))(net, x)
    net.node("MatMul", x, net.const(np.eye(3)))
    graph = check_equal(net, tmp_path, frames())
    (rounded,) = [n for n in graph.nodes if isinstance(n, Activation)]
    assert str(rounded.y.type) == "int3[-2..2]"


@pytest.mark.parametrize("op", ["Concat", "Pad", "Sum"])
def test_what_waits_bounds_a_rounding_by_its_own_scales(op: str, tmp_path: Path) -> None:
    net = Net(1, 3, opset=13)
    x = net.bipolar("x", [[1.0, 4.0, 2.0]])
    if op == "Concat":
        x = net.node("Concat", x, x, axis=1)
    elif op == "Pad":
        x = net.bipolar("x", 1.0)
        x = net.node("Pad", x, net.shape_const(0, 1, 0, 2), net.const(5.0))
    else:
        x = net.node("Sum", x, net.bipolar("x", [[1.0, 4.0, 2.0]]))
    proto = net.proto(net.node("Round", net.node("Relu", x)))
    graph = imported(proto, tmp_path)
    assert agrees(graph, proto) == agrees(to_integer(graph), proto) == 40


def test_weights(tmp_path: Path) -> None:
    """Rounded in the graph, with a scale for each output and a zero point."""
    net = Net(1, 3, opset=13, declare=False)
    x = CHAINS["symmetric"](net, "x")
    w = net.const(np.arange(-6, 6).reshape(3, 4) / 8)
    w = chain(("Div", S), ("Round",), ("Add", 1), ("Clip", -1, 3), ("Sub", 1))(net, w)
    w = net.node("Mul", w, net.const([[0.25, 0.5, 0.125, 1]]))
    net.node("MatMul", x, w)
    check_equal(net, tmp_path, frames())


@pytest.mark.parametrize("per", ["tensor", "output"])
def test_float_weights_on_a_grid(per: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scale = np.array([[3], [5], [7], [1025]]) / 2**14 if per == "output" else 11 / 2**13
    w = rng.integers(-128, 128, (4, 3)) * scale
    w[1] = 0
    for op in ("Gemm", "MatMul"):
        net = Net(1, 3, opset=13, declare=False)
        x = CHAINS["symmetric"](net, "x")
        if op == "Gemm":
            net.node("Gemm", x, net.const(w), net.const([0.0] * 4), transB=1)
        else:
            net.node("MatMul", x, net.const(w.T))
        graph = check_equal(net, tmp_path, frames())
        assert graph.nodes[0].weight_type.bits <= 8  # type: ignore[attr-defined]


def weights(*values: object) -> Build:
    def build(net: Net) -> str:
        return net.node("MatMul", CHAINS["symmetric"](net, "x"), net.const(*values))

    return build


def rounded_products(scale: object) -> np.ndarray:
    n = np.random.default_rng(0).integers(-127, 128, (6, 40)).astype(np.float32)
    return n * np.asarray(scale, np.float32)


REFUSED: dict[str, tuple[Build, str]] = {
    "rounded products": (
        weights(rounded_products(0.0123)),
        r"its weights equal float32\(n \* 0.0123\) with whole n of at most 8 bits, but these"
        " products are rounded: as real numbers they lie on no grid",
    ),
    "rounded products for each output": (
        weights(rounded_products(np.linspace(0.01, 0.02, 40))),
        r"its weights equal float32\(n \* scale\) with whole n of at most 8 bits and a scale",
    ),
    "no grid": (
        weights(np.sqrt(np.arange(24)).reshape(6, 4)),
        "its weights are not quantized; pass them through Quant, BipolarQuant or Dequ",
    ),
    "9 bits": (weights(np.arange(510).reshape(6, 85) / 8 + 0.125), "its weights are not quantized"),
    "no bound": (
        lambda n: n.node("MatMul", n.node("Round", "x"), n.const(np.eye(6))),
        "the input of Round node 'round0' must have bounds; put a Clip after it",
    ),
    "too many bits": (
        lambda n: n.node(
            "MatMul", chain(("Round",), ("Clip", 0, 65536))(n, "x"), n.const(np.eye(6))
        ),
        "the result of Round node 'round0' must have at most 16 bits, not 17",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, tmp_path: Path) -> None:
    check_refused(REFUSED[case], tmp_path, 1, 6, opset=13)
