"""A softmax of integers inside a network: exponentials by a table, one exact division."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend.reader.local_functions import DOMAIN
from bitrill.ir import Stage, verify
from bitrill.lowering import to_integer
from bitrill.ops import Divide
from frontend.onnx_models import Net, imported
from frontend.runtime import outputs_of, session

SCORE = 1 / 4


def qdq(net: Net, x: str, scale: float, zero: int = 0) -> str:
    """QuantizeLinear to int8 and back, which ONNX Runtime computes."""
    s, z = net.const(scale), net.const(zero, np.int8)
    return net.node("DequantizeLinear", net.node("QuantizeLinear", x, s, z), s, z)


def softmax(net: Net, x: str, **attributes: int) -> str:
    return net.node("IntSoftmax", x, domain=DOMAIN, **({"exponent": 8, "bits": 8} | attributes))


def compare(net: Net, y: str, folder: Path, spread: float = 3.0) -> None:
    """Golden models and ONNX Runtime, which runs the function's body, give the same integers."""
    proto = net.proto(y)
    graph = imported(proto, folder)
    x = np.random.default_rng(1).normal(0, spread, (24, *net.shape[1:])).astype(np.float32)  # type: ignore[arg-type]
    x[0], x[1] = -1e4, 1e4
    want = outputs_of(session(proto), x)
    for some in (graph, to_integer(graph)):
        verify(some, some.stage)
        got = some.sink.dequantize(some.run(some.source.quantize(x)))
        assert np.abs(got.reshape(want.shape) - want).max() < 2.0**-20
    assert some.stage is Stage.INTEGER
    assert sum(isinstance(n, Divide) for n in graph) == 1


@pytest.mark.parametrize(("exponent", "bits"), [(8, 8), (4, 2), (12, 12)])
def test_shares_are_those_of_the_body(tmp_path: Path, exponent: int, bits: int) -> None:
    net = Net(1, 3, 5, opset=13)
    y = softmax(net, qdq(net, "x", SCORE, 3), exponent=exponent, bits=bits)
    compare(net, y, tmp_path)


def test_a_vector(tmp_path: Path) -> None:
    net = Net(1, 6, opset=13)
    compare(net, softmax(net, qdq(net, "x", SCORE)), tmp_path)


def test_an_attention_of_two_heads(tmp_path: Path) -> None:
    net = Net(1, 3, 4, opset=13)

    def projected(seed: int, perm: list[int]) -> str:
        w = np.random.default_rng(seed).integers(-3, 4, (4, 6)).astype(np.float32)
        y = qdq(net, net.node("MatMul", qdq(net, "x", SCORE), net.const(w)), 0.25)
        y = net.node("Reshape", y, net.shape_const(0, 0, 2, -1))
        return net.node("Transpose", y, perm=perm)

    scores = net.node("MatMul", projected(1, [0, 2, 1, 3]), projected(2, [0, 2, 3, 1]))
    shares = softmax(net, qdq(net, scores, SCORE))
    y = net.node("MatMul", shares, projected(3, [0, 2, 1, 3]))
    y = net.node("Reshape", net.node("Transpose", y, perm=[0, 2, 1, 3]), net.shape_const(1, -1))
    compare(net, qdq(net, y, 0.5), tmp_path, 1.0)


REFUSED = {
    "attributes": (
        lambda n: softmax(n, n.quant("x", 0.25), exponent=16, bits=16),
        "attributes exponent and bits must be 1 to 16, together at most 24, not 16 and 16",
    ),
    "scales": (
        lambda n: softmax(n, n.quant("x", np.arange(1.0, 4).reshape(3, 1))),
        "its data must have one scale above 0 and one offset for all channels",
    ),
    "differences": (
        lambda n: softmax(n, n.quant("x", 0.25, bits=16.0)),
        "differences of its scores must have at most 16 bits, not 17",
    ),
    "no quantizer": (
        lambda n: softmax(n, n.node("Sigmoid", n.quant("x", 0.25))),
        "its data are not quantized",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, tmp_path: Path) -> None:
    build, message = REFUSED[case]
    net = Net(1, 3, 5, opset=13)
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(build(net)), tmp_path)
