"""Numbers and names at their ends: scales of 0, single values, 16 bits, names that collide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.lowering import to_folded, to_integer
from frontend.agreement import agrees
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check


def gamma(net: Net, x: str, values: list[float], beta: float = 0.37) -> str:
    """Batch norm with these factors, as a residual branch's begin at 0."""
    ones = np.ones(len(values))
    parts = [net.const(v) for v in (values, beta * ones, 0.1 * ones, ones)]
    return net.node("BatchNormalization", x, *parts)


ZEROS = [[0.0, 0.0], [0.0, 1.5], [-0.75, 0.0]]


@pytest.mark.parametrize("gammas", ZEROS)
@pytest.mark.parametrize("op", ["Add", "Sub"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_residual_branch_of_gamma_0(
    tmp_path: Path, gammas: list[float], op: str, first: int
) -> None:
    net = Net(1, 2, 4, 4)
    x = net.quant("x", 0.5)
    branches = [gamma(net, net.conv(x, 2, 2, 1, 1, quant={"scale": 0.25}), gammas), x]
    x = net.node(op, branches[first], branches[1 - first])
    check(net, net.conv(net.quant(x, 1.7), 3, 2, 3, 3, pads=[1, 1, 1, 1]), tmp_path)


@pytest.mark.parametrize("gammas", ZEROS)
@pytest.mark.parametrize("quantized", [True, False])
def test_a_concatenated_branch_of_gamma_0(
    tmp_path: Path, gammas: list[float], quantized: bool
) -> None:
    net = Net(1, 2, 4, 4)
    x = net.quant("x", 0.5)
    dead = gamma(net, net.conv(x, 2, 2, 1, 1, quant={"scale": 0.25}), gammas)
    x = net.node("Concat", dead, x, axis=1)
    check(net, net.quant(x, 0.3, bits=5.0) if quantized else x, tmp_path)


@pytest.mark.parametrize("factor", [[[[0.0]], [[1.0]]], 0.0])
def test_data_scaled_by_0_before_a_layer(tmp_path: Path, factor: object) -> None:
    net = Net(1, 2, 4, 4)
    x = net.node("Mul", net.quant("x", 0.5), net.const(factor))
    check(net, net.conv(x, 3, 2, 3, 3, pads=[1, 1, 1, 1]), tmp_path)


@pytest.mark.parametrize("op", ["Relu", "MaxPool", "AveragePool", "MultiThreshold"])
@pytest.mark.parametrize("factor", [[[[0.0]], [[1.0]]], 0.0])
def test_functions_of_data_scaled_by_0(tmp_path: Path, op: str, factor: object) -> None:
    net = Net(1, 2, 4, 4)
    x = net.node("Mul", net.quant("x", 0.5), net.const(factor))
    x = net.node("Add", x, net.const([[[-0.5]], [[0.5]]]))
    if op == "MultiThreshold":
        bounds = net.const([[-0.75, -0.55, 0.3], [0.45, 1.1, 1.6]])
        x = net.node(op, x, bounds, domain="qonnx.custom_op.general", out_dtype="UINT2")
    else:
        x = net.node(op, x, **({} if op == "Relu" else {"kernel_shape": [2, 2]}))
    check(net, net.conv(x, 3, 2, 2, 2), tmp_path)


@pytest.mark.parametrize("options", [{"signed": 0, "narrow": 1}])
@pytest.mark.parametrize("place", ["input", "activation", "weights"])
def test_a_quantizer_of_one_value(tmp_path: Path, options: dict[str, int], place: str) -> None:
    single = {"bits": 1.0, **options}
    net = Net(1, 4)
    x = net.quant("x", 0.5, **(single if place == "input" else {}))
    x = net.dense(x, 4, 3, **(single if place == "weights" else {"scale": 0.25}))
    x = net.quant(x, 0.5, 1.0, **(single if place == "activation" else {}))
    proto = net.proto(net.node("Add", net.dense(x, 3, 2, seed=1), net.const([1.0, -2.0])))
    graph = to_folded(to_integer(imported(proto, tmp_path)))
    assert agrees(graph, proto) == 40


@pytest.mark.parametrize("bits", [14, 15, 16])
@pytest.mark.parametrize("signed", [0, 1])
def test_wide_activations(tmp_path: Path, bits: int, signed: int) -> None:
    net = Net(1, 6)
    x = net.dense(net.quant("x", 1 / 64, bits=8.0), 6, 3, scale=1 / 8)
    x = net.quant(x, 2.0 ** (2 - bits), bits=float(bits), signed=signed)
    proto = net.proto(net.dense(x, 3, 2, seed=1, scale=0.25))
    graph = to_folded(to_integer(imported(proto, tmp_path)))
    assert agrees(graph, proto) == 40


@pytest.mark.parametrize("scale", [2.0**-120, 2.0**120, 1.1e-37, -3.3e37])
def test_tiny_and_huge_scales(tmp_path: Path, scale: float) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.25)
    y = net.quant(net.conv(x, 2, 2, 1, 1, quant={"scale": scale}), 0.53 * abs(scale))
    z = net.quant(net.conv(x, 2, 2, 1, 1, seed=1, quant={"scale": scale}), 0.71 * abs(scale))
    check(net, net.quant(net.node("Add", y, z), scale), tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("/Split", "/Split_1", "/Conv"),
        ("split_1", "split", "split_2"),
        ("x", "x", "x"),
        ("", "", ""),
        ("ünï", "日本", "ß"),
        ("input", "input_1", "input_fork"),
        ("always", "module", "top"),
        ("a" * 200, "a" * 200, "a" * 201),
    ],
)
def test_names_of_nodes_never_collide(tmp_path: Path, names: tuple[str, str, str]) -> None:
    from bitrill.ir import INPUT

    net = Net(1, 4, 2, 2)
    x = net.quant("x", 0.5)
    for k, name in enumerate(names[:2]):
        parts = [f"p{k}a", f"p{k}b"]
        net.node("Split", x, net.shape_const(2, 2), name=name, axis=1)
        net.nodes[-1].output[:] = parts
        x = net.node("Concat", *reversed(parts), name="", axis=1)
        w = net.kernel(4, 4, 1, 1, seed=k, scale=0.3)
        x = net.quant(net.node("Conv", x, w, name=names[2]), 1.7)
    x = net.node("Add", x, x, name=f"{names[0]}_fork")
    net.opset = 13
    proto = net.proto(net.conv(x, 2, 4, 1, 1))
    graph = to_folded(to_integer(imported(proto, tmp_path)))
    edges = [INPUT, *(e for n in graph for e in n.outputs)]
    assert len(edges) == len(set(edges))
    assert agrees(graph, proto) == 40
