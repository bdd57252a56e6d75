"""Logarithmic quantizers and L1 layers of a file, as the oracle runs and judges them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnx
import pytest
from bitrill.errors import MismatchError, UnsupportedError
from bitrill.frontend.reader.local_functions import l1_matmul_function, log_quant_function
from bitrill.train.bounds import Value
from bitrill.train.onnx_execution import QonnxNetwork
from bitrill.train.power_node import PowerNode
from onnx import helper, numpy_helper

SCALE = np.float32(0.3)


def quantizer(bits: int = 3, scale: object = SCALE) -> PowerNode:
    return PowerNode("log", "x", "y", np.asarray(scale, np.float32), bits)


def number(v: Fraction, err: Fraction = Fraction(0)) -> Value:
    exact = v * Fraction(float(SCALE))
    return Value(exact, exact, err)


def test_boundaries_are_roots_of_two_exactly():
    q = quantizer()
    assert q.values == [0, 1, 2, 4, 8, 16, 32, 64]
    for k, value in enumerate(q.values[1:]):
        # convergents of 1/sqrt(2) = 0.70710678118..: below and above
        low, high = (Fraction(n, d) * 2**k for n, d in ((2378, 3363), (5741, 8119)))
        assert low**2 * 2 < 4**k < high**2 * 2
        below = q.values[k]
        assert q.decide(number(low), (0,), exact=True) == (below, below)
        assert q.decide(number(high), (0,), exact=True) == (value, value)
        # float32 may decide either way: they are a few parts in 10**8 from the root
        assert q.decide(number(low), (0,)) == q.decide(number(high), (0,)) == (below, value)
        clear = Fraction(7072, 10_000) * 2**k
        assert q.decide(number(clear), (0,)) == (value, value)
        assert q.decide(number(clear, clear / 1000), (0,)) == (below, value)
    assert q.decide(number(Fraction(-5)), (0,)) == (0, 0)
    assert q.decide(number(Fraction(0)), (0,)) == (0, 0)
    assert q.decide(number(Fraction(10**9)), (0,)) == (64, 64)


def test_integers_are_read_from_floats_and_back():
    q = quantizer(2, [[0.3, 0.7]])
    integers = np.array([[0, 1], [2, 4], [4, 0]])
    assert np.array_equal(q.decode(q.encode(integers)), integers)
    assert q.exact(4, (5, 1)) == 4 * Fraction(float(np.float32(0.7)))
    for wrong in (3.0, -1.0, 8.0, 1.001, np.nan, np.inf):
        with pytest.raises(
            MismatchError, match=r"log: \S+ at \[0, 1\] is none of the values 0 and 1, 2, 4 .. 4 "
        ):
            q.decode(np.array([[1, wrong]]) * np.array([[0.3, 0.7]], np.float32))


def model(nodes: list[onnx.NodeProto], w: np.ndarray, functions: list) -> onnx.ModelProto:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [info("x", 1, ["n", w.shape[0]])],
        [info("y", 1, None)],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(SCALE, "s")],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("bitrill", 1)]
    return helper.make_model(graph, functions=functions, opset_imports=opsets)


@pytest.mark.parametrize("held", [True, False], ids=["held by the file", "as specified"])
def test_the_functions_are_run(held: bool):
    rng = np.random.default_rng(0)
    w = rng.integers(-8, 8, (5, 3)).astype(np.float32)
    nodes = [
        helper.make_node("L1MatMul", ["x", "w"], ["d"], domain="bitrill"),
        helper.make_node("Neg", ["d"], ["e"]),
        helper.make_node("LogQuant", ["e", "s"], ["y"], domain="bitrill", bits=3),
    ]
    functions = [l1_matmul_function(), log_quant_function()] if held else []
    network = QonnxNetwork(model(nodes, w, functions))
    x = rng.integers(-8, 8, (4, 5)).astype(np.float32) / 8
    trace = network.run(x)
    want = np.abs(x[:, :, None] - w).sum(1)
    assert np.array_equal(trace.arrays["e"], want)
    (q,) = network.quantizers
    least = [
        [q.decide(Value.of(float(v)), (0,), exact=True)[0] for v in row] for row in want
    ]  # no value is near a bound
    assert np.array_equal(q.decode(trace.output), least)
    scalars = network.scalars(trace)
    for index in np.ndindex(4, 3):
        found = scalars("e", index)
        assert found.lo == found.hi == Fraction(float(want[index]))


def test_other_functions_are_not_run():
    node = helper.make_node("L2Conv", ["x", "w"], ["y"], domain="bitrill", name="n")
    with pytest.raises(UnsupportedError, match="n: L2Conv of the domain 'bitrill' cannot be run"):
        QonnxNetwork(model([node], np.ones((2, 2), np.float32), []))
