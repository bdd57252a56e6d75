"""Activation functions in front of a quantizer: exact, however they are written, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend.reader.proto import OPSETS
from bitrill.lowering import to_integer
from frontend.agreement import agrees
from frontend.float_evaluator import evaluate
from frontend.onnx_models import Net, imported
from onnx import TensorProto, helper
from support import nightly

OPERATORS: list[tuple[str, dict[str, Any], int]] = [
    ("Sigmoid", {}, 11),
    ("Tanh", {}, 11),
    ("Erf", {}, 11),
    ("Softplus", {}, 11),
    ("Softsign", {}, 11),
    ("Sign", {}, 11),
    ("Abs", {}, 11),
    ("HardSigmoid", {}, 11),
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}, 11),
    ("HardSigmoid", {"alpha": -0.3, "beta": 0.4}, 11),
    ("HardSwish", {}, 14),
    ("Elu", {}, 11),
    ("Elu", {"alpha": 1.7}, 11),
    ("Elu", {"alpha": -0.4}, 11),
    ("Selu", {}, 11),
    ("Selu", {"alpha": 0.7, "gamma": 1.3}, 11),
    ("Celu", {"alpha": 0.7}, 12),
    ("Mish", {}, 18),
    ("Swish", {"alpha": 1.4}, 24),
    ("Gelu", {}, 20),
    ("Gelu", {"approximate": "tanh"}, 20),
    ("Exp", {}, 11),
]

IDS = ["-".join([op, *map(str, attributes.values())]) for op, attributes, _ in OPERATORS]

Apply = Callable[[Net, str], str]


def surrounded(net: Net, apply: Apply, *, scale: float = 0.13, bits: float = 5.0, **quant: Any):
    """A dense layer, batch norm of both signs, ``apply``, a quantizer and a dense layer."""
    x = net.dense(net.quant("x", 0.25, bits=6.0), 6, 5, seed=1, scale=0.3, narrow=1)
    x = apply(net, net.norm(net.node("Mul", x, net.const(0.07)), 5, seed=3))
    return net.proto(net.dense(net.quant(x, scale, bits=bits, **quant), 5, 3, seed=2, scale=0.25))


def check(proto: onnx.ModelProto, folder: Path, *, least: int = 30) -> list[str]:
    """Compare the imported and the integer graph; return the kinds of the latter's operators."""
    graph = imported(proto, folder)
    assert agrees(graph, proto, spread=4) >= least
    integer = to_integer(graph)
    floats = np.random.default_rng(5).normal(0, 4, (60, *graph.source.shape)).astype(np.float32)
    x = graph.source.quantize(floats)
    assert np.array_equal(integer.run(x), graph.run(x))
    return [n.kind for n in integer.nodes]


@pytest.mark.parametrize(("op", "attributes", "opset"), OPERATORS, ids=IDS)
def test_the_evaluator_agrees_with_onnx(op: str, attributes: dict[str, Any], opset: int) -> None:
    """Its bounds hold what onnx's own implementation of each operator gives in float64."""
    reference = pytest.importorskip("onnx.reference")
    x = np.concatenate([np.random.default_rng(0).normal(0, 3, 60), [0, -30, 30]]).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, x.shape)],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    if onnx.defs.onnx_opset_version() < opset:
        pytest.skip(f"this onnx has no opset {opset}")
    (want,) = reference.ReferenceEvaluator(proto).run(None, {"x": x})
    got = evaluate(proto, x)
    assert np.all(np.abs(got.v - want) <= got.e + 4e-6 * np.maximum(1, np.abs(want)))


@pytest.mark.parametrize(("op", "attributes", "opset"), OPERATORS, ids=IDS)
def test_behind_batch_norm_of_both_signs(
    op: str, attributes: dict[str, Any], opset: int, tmp_path: Path
) -> None:
    if opset not in OPSETS:
        pytest.skip(f"opset {opset} is not accepted")
    proto = surrounded(Net(1, 6, opset=opset), lambda net, x: net.node(op, x, **attributes))
    kinds = check(proto, tmp_path)
    rises_and_falls = op in ("Abs", "HardSwish", "Swish", "Mish", "Gelu") or attributes == {
        "alpha": -0.4
    }
    assert ("lookup" in kinds) is rises_and_falls


@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", *nightly("CEIL", "UP", "DOWN", "HALF_UP")])
@pytest.mark.parametrize(("op", "scale"), [("Sigmoid", 0.0625), ("Tanh", 0.125), ("Mish", 0.25)])
def test_grids_that_the_function_only_tends_to(
    op: str, scale: float, mode: str, tmp_path: Path
) -> None:
    """1 and -1 are integers of the grid, and no sigmoid or hyperbolic tangent reaches them."""
    proto = surrounded(
        Net(1, 6, opset=18), lambda net, x: net.node(op, x), scale=scale, rounding=mode
    )
    check(proto, tmp_path)


def silu(net: Net, x: str) -> str:
    return net.node("Mul", x, net.node("Sigmoid", x))


def hard_swish(net: Net, x: str) -> str:
    gate = net.node("Clip", net.node("Add", x, net.const(3)), net.const(0), net.const(6))
    return net.node("Div", net.node("Mul", x, gate), net.const(6))


def gelu_of_erf(net: Net, x: str) -> str:
    gate = net.node("Erf", net.node("Div", x, net.const(np.sqrt(2))))
    x = net.node("Mul", x, net.node("Add", gate, net.const(1)))
    return net.node("Mul", x, net.const(0.5))


def gelu_of_halves(net: Net, x: str) -> str:
    gate = net.node("Erf", net.node("Mul", x, net.const(np.sqrt(0.5))))
    half = net.node("Mul", x, net.const(0.5))
    return net.node("Mul", half, net.node("Add", net.const(1), gate))


def gelu_of_tanh(net: Net, x: str) -> str:
    cube = net.node("Mul", net.node("Pow", x, net.const(3)), net.const(0.044715))
    inner = net.node("Mul", net.node("Add", x, cube), net.const(np.sqrt(2 / np.pi)))
    gate = net.node("Add", net.node("Tanh", inner), net.const(1))
    return net.node("Mul", net.node("Mul", x, net.const(0.5)), gate)


def mish(net: Net, x: str) -> str:
    return net.node("Mul", x, net.node("Tanh", net.node("Softplus", x)))


def square(net: Net, x: str) -> str:
    return net.node("Mul", x, x)


def power(net: Net, x: str) -> str:
    return net.node("Pow", x, net.const(2))


def residual(net: Net, x: str) -> str:
    return net.node("Sub", net.node("Sigmoid", net.node("Neg", x)), net.node("Mul", x, x))


def turned(net: Net, x: str) -> str:
    x = net.node("Mul", net.node("Sigmoid", x), net.const([-3.0, 2, 0.5, -0.25, 1]))
    return net.node("Clip", net.node("Sub", net.const(1), x), net.const(-2), net.const(1.5))


def twice(net: Net, x: str) -> str:
    return net.node("Tanh", net.node("Sigmoid", net.node("Relu", x)))


def logarithm(net: Net, x: str) -> str:
    return net.node("Log", net.node("Clip", x, net.const(0.1), net.const(9)))


PATTERNS = [
    silu,
    hard_swish,
    gelu_of_erf,
    gelu_of_halves,
    gelu_of_tanh,
    mish,
    square,
    power,
    residual,
    turned,
    twice,
    logarithm,
]


@pytest.mark.parametrize("apply", PATTERNS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("scale", [0.13, *nightly(-0.13)])
def test_written_out(apply: Apply, scale: float, tmp_path: Path) -> None:
    """However a model spells a function of one edge: of sums, products and functions of it."""
    check(surrounded(Net(1, 6, opset=13), apply, scale=scale), tmp_path)


@pytest.mark.parametrize("apply", [hard_swish, silu, residual, mish], ids=lambda f: f.__name__)
def test_rounded_by_hand_without_a_clip(apply: Apply, tmp_path: Path) -> None:
    """The range of what is rounded holds the lowest point, which lies at neither end."""
    net = Net(1, 6, opset=13)
    x = net.dense(net.quant("x", 0.25, bits=6.0), 6, 5, seed=1, scale=0.03, narrow=1)
    x = net.node("Round", net.node("Div", apply(net, x), net.const(0.05)))
    proto = net.proto(net.dense(net.node("Mul", x, net.const(0.05)), 5, 3, seed=2, scale=0.25))
    check(proto, tmp_path)


def test_on_feature_maps_of_either_layout(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 5, opset=13)
    x = net.conv(net.quant("x", 0.25), 3, 2, 3, 3, quant={"scale": 0.1})
    last = net.node("Transpose", x, perm=[0, 2, 3, 1])
    x = net.node("Transpose", silu(net, last), perm=[0, 3, 1, 2])
    x = net.conv(net.quant(x, 0.2), 2, 3, 2, 2, quant={"scale": 0.1})
    assert "lookup" in check(net.proto(x), tmp_path)


def test_before_the_first_quantizer_of_floats(tmp_path: Path) -> None:
    net = Net(1, 6, opset=13)
    x = net.node("Tanh", net.node("Mul", "x", net.const([0.5, -1, 2, 3, -0.1, 1])))
    proto = net.proto(net.dense(net.quant(x, 0.1), 6, 3, scale=0.3))
    graph = imported(proto, tmp_path)
    assert agrees(graph, proto) >= 30


def test_a_table_is_taken_where_it_is_smaller(tmp_path: Path) -> None:
    net = Net(1, 6, opset=20)
    x = net.quant(net.node("Gelu", net.quant("x", 0.5, bits=3.0)), 0.1, bits=8.0)
    assert check(net.proto(net.dense(x, 6, 3, scale=0.3)), tmp_path)[:1] == ["lookup"]


def refused(apply: Apply, opset: int = 13, **quant: Any) -> Callable[[Path], object]:
    proto = surrounded(Net(1, 6, opset=opset), apply, **quant)
    return lambda folder: to_integer(imported(proto, folder))


def other_edge(net: Net, x: str) -> str:
    return net.node("Mul", net.quant(x, 0.5), net.node("Sigmoid", net.quant(x, 0.25)))


def unequal_scales(net: Net, x: str) -> str:
    both = net.node("Add", net.quant(x, 0.5), net.quant(x, 0.337, bits=6.0))
    return silu(net, both)


def nested(net: Net, x: str) -> str:
    for _ in range(6):
        x = square(net, x)
    return x


@pytest.mark.parametrize("border", [0, 1])
def test_the_range_of_a_logarithm_is_that_of_what_waits(border: int, tmp_path: Path) -> None:
    net = Net(1, 2, 3, 4)
    x = net.quant("x", 1.0, bits=2.0, signed=0)
    x = net.node("Add", net.node("GlobalMaxPool", net.node("Add", x, net.const(0.5))), "half")
    net.const(0.5, name="half")
    x = net.node("Pad", x, net.shape_const(0, 0, 1, 0, 0, 0, 0, 0), net.const(border))
    proto = net.proto(net.quant(net.node("Log", x), 0.2))
    if border:
        assert agrees(imported(proto, tmp_path), proto) > 0
    else:
        with pytest.raises(
            UnsupportedError, match="its data must be above 0, and may be as low as"
        ):
            imported(proto, tmp_path)


def never_settled(net: Net, x: str) -> str:
    """``sigmoid(x) + sigmoid(-x)``, which is 1 for all x, and here a boundary."""
    both = net.node("Add", net.node("Sigmoid", x), net.node("Sigmoid", net.node("Neg", x)))
    return net.node("Mul", both, net.const(0.5))


REFUSALS = {
    "log of 0": (
        refused(lambda n, x: n.node("Log", n.node("Relu", x))),
        "its data must be above 0, and may be as low as 0; put Clip before it",
    ),
    "another edge": (refused(other_edge), "its operand 1 must be a scale times integers"),
    "rises, falls, sum": (refused(unequal_scales), "a function that rises and falls must not foll"),
    "fifth power": (
        refused(lambda n, x: n.node("Pow", x, n.const(5))),
        "its exponent a whole number from 1 to 4, not 5",
    ),
    "no power": (
        refused(lambda n, x: n.node("Pow", x, n.const(0.5))),
        "its exponent a whole number from 1 to 4, not 0.5",
    ),
    "too many": (refused(nested), "functions and maps between two quantizers must be at most 32"),
    "celu": (
        refused(lambda n, x: n.node("Celu", x, alpha=-1.0)),
        "attribute alpha must be above 0, not -1",
    ),
    "gelu": (
        refused(lambda n, x: n.node("Gelu", x, approximate="sigmoid"), opset=20),
        "attribute approximate must be none or tanh, not 'sigmoid'",
    ),
    "old gelu": (
        refused(lambda n, x: n.node("Gelu", x), opset=19),
        "it belongs to opsets from 20 on, and the model's is 19",
    ),
    "exponential": (
        refused(lambda n, x: n.node("Exp", n.node("Mul", x, n.const(1e6)))),
        "an exponential must be of numbers up to 16384",
    ),
    "never settled": (
        refused(never_settled, scale=1.0),
        "comes so near to a boundary of its quantizer that 8192 binary places do not tell",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case: str, tmp_path: Path) -> None:
    attempt, reason = REFUSALS[case]
    with pytest.raises(UnsupportedError) as caught:
        attempt(tmp_path)
    assert reason in str(caught.value)


def test_floats_through_a_function_that_rises_and_falls(tmp_path: Path) -> None:
    net = Net(1, 6, opset=13)
    proto = net.proto(net.dense(net.quant(silu(net, "x"), 0.1), 6, 3, scale=0.3))
    with pytest.raises(UnsupportedError, match="rises and falls must not stand before this quan"):
        imported(proto, tmp_path)
