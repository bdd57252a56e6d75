"""Nodes at a model's end (Softmax, ArgMax, TopK), and Trunc in both versions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.flow.running import model_outputs
from bitrill.ir import Graph, IntType
from bitrill.ir.activation import Activation
from bitrill.lowering import to_integer
from bitrill.ops import ArgMax, SumPool
from bitrill.real import ROUNDINGS
from frontend.float_evaluator import evaluate
from frontend.onnx_models import QONNX, Net, imported
from frontend.rules.test_convs import check, kinds
from onnx import TensorProto


def scores(net: Net) -> str:
    return net.node("Add", net.dense(net.quant("x", 0.5), 6, 4, scale=0.3), net.const([1, 0, 2, 3]))


def decisions(net: Net, x: str, logits: str, k: int, folder: Path) -> Graph:
    """Check that the model's decisions follow the order of its scores, in hardware."""
    graph = imported(net.proto(x, dtype=TensorProto.INT64), folder)
    floats = np.random.default_rng(0).normal(0, 2, (20, *graph.source.shape)).astype(np.float32)
    got = to_integer(graph).run(graph.source.quantize(floats))
    want = evaluate(net.proto(logits), floats).v.reshape(20, -1)
    assert np.array_equal(got.reshape(20, -1), np.argsort(-want, axis=1, kind="stable")[:, :k])
    assert graph.sink.scale == ()
    assert model_outputs(graph.sink, got)["output"].dtype == np.int64
    return graph


@pytest.mark.parametrize("soft", [False, True])
def test_arg_max_and_top_k(tmp_path: Path, soft: bool) -> None:
    net = Net(1, 6)
    logits = scores(net)
    x = net.node("Softmax", logits, axis=-1) if soft else logits
    best = net.node("ArgMax", x, axis=1, keepdims=0)
    assert decisions(net, best, logits, 1, tmp_path).sink.shape == ()
    net.node("TopK", x, net.shape_const(3))
    net.nodes[-1].output.append("indices")
    graph = decisions(net, net.node("Cast", "indices", to=7), logits, 3, tmp_path)
    assert graph.sink.shape == (3,)


def test_a_decision_behind_a_global_pool(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node("GlobalAveragePool", net.conv(net.quant("x", 0.37), 5, 2, 1, 1))
    x = net.node("Flatten", x)
    graph = decisions(net, net.node("ArgMax", x, axis=1), x, 1, tmp_path)
    assert kinds(graph)[-2:] == [SumPool, ArgMax]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda n: n.quant(n.node("Softmax", scores(n)), 0.1), "must be the model's output"),
        (lambda n: n.node("Relu", n.node("ArgMax", scores(n), axis=1)), "must be the model's out"),
        (lambda n: n.node("ArgMax", scores(n)), "its axis must not be that of the batch, 0"),
        (lambda n: n.node("TopK", scores(n), n.shape_const(0)), "its k must be one integer"),
        (
            lambda n: n.node("TopK", scores(n), n.shape_const(9)),
            r"one integer of 1 to 4, not \[9\]",
        ),
        (lambda n: n.node("Softmax", "x"), "it takes unquantized floats"),
    ],
)
def test_refused_heads(tmp_path: Path, build: object, message: str) -> None:
    net = Net(1, 6)
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(build(net)), tmp_path)  # type: ignore[operator]


def averaged(net: Net, mode: str, *, six: bool, zero: float = 0.0, scale: float = 0.3) -> str:
    """QONNX's truncated average of 4-bit data over four places."""
    x = net.quant("x", scale, zero, bits=4.0, signed=0)
    x = net.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = net.node("Mul", x, net.const(4.0))
    s = np.float32(scale)
    parts = [s, zero, 6.0, *([s * 4] if six else []), 4.0]
    flags = {"signed": 0, "narrow": 0} if six else {}
    return net.node("Trunc", x, *map(net.const, parts), domain=QONNX, rounding_mode=mode, **flags)


def test_trunc_keeps_the_high_bits(tmp_path: Path) -> None:
    for six in (False, True):
        for mode in ROUNDINGS:
            net = Net(1, 2, 4, 4)
            graph = imported(net.proto(averaged(net, mode, six=six)), tmp_path)
            assert kinds(graph) == [SumPool, Activation]
            values = np.arange(16).reshape(1, 1, 4, 4).repeat(2, 1)
            rng = np.random.default_rng(0)
            for q in (values, values * 0, values * 0 + 15, rng.integers(0, 16, (9, 2, 4, 4))):
                sums = q.reshape(len(q), 2, 2, 2, 2, 2).sum((3, 5))
                want = {
                    "FLOOR": sums // 4,
                    "DOWN": sums // 4,
                    "CEIL": -(-sums // 4),
                    "UP": -(-sums // 4),
                    "HALF_UP": (sums + 2) // 4,
                    "HALF_DOWN": (sums + 1) // 4,
                }.get(mode, np.rint(sums / 4).astype(int))
                assert np.array_equal(graph.run(q), want)
            scale = np.float32(0.3) * 4 if six else np.float32(0.3)
            assert [float(s) for s in graph.sink.scale] == [float(scale)]


def test_layers_behind_a_trunc(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = averaged(net, "ROUND", six=False)
    graph = imported(net.proto(net.conv(x, 3, 2, 2, 2)), tmp_path)
    assert graph.nodes[1].y.type == IntType(0, 15)


def test_trunc_of_scales_that_are_rounded_otherwise(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.quant("x", 0.3, bits=4.0, signed=0)
    x = net.node("GlobalAveragePool", x)
    x = net.node("Mul", x, net.const(16.000001))
    parts = map(net.const, (np.float32(0.3), 0.0, 8.0, 4.0))
    x = net.node("Trunc", x, *parts, domain=QONNX, rounding_mode="FLOOR")
    graph = imported(net.proto(x), tmp_path)
    q = np.random.default_rng(0).integers(0, 16, (50, 2, 4, 4))
    assert np.array_equal(graph.run(q)[..., 0, 0], q.sum((2, 3)) // 16)


def test_trunc_off_its_grid(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.node("GlobalAveragePool", net.quant("x", 0.3))
    parts = map(net.const, (np.float32(0.3), 0.0, 8.0, 4.0))
    x = net.node("Trunc", x, *parts, domain=QONNX, rounding_mode="FLOOR")
    with pytest.raises(UnsupportedError, match=r"must lie on the grid of its scale, 0\.3"):
        imported(net.proto(x), tmp_path)


@pytest.mark.parametrize("six", [False, True])
def test_trunc_of_a_zero_point(tmp_path: Path, six: bool) -> None:
    net = Net(1, 2, 4, 4)
    check(net, averaged(net, "FLOOR", six=six, zero=2.0), tmp_path)
