"""A batch that is fixed at 1 may be another axis than the first, as in attention of PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.errors import UnsupportedError
from bitrill.ops import Mul
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check


def attention(net: Net, x: str) -> str:
    """Tokens ``[T, 1, 6]`` through attention of two heads, as PyTorch writes it."""

    def projected(seed: int) -> str:
        y = net.node("MatMul", x, net.weights(4, 6, seed=seed))
        y = net.node("Add", y, net.const([0.5, -1, 0, 1, 2, 0.25]))
        y = net.node("Reshape", net.quant(y, 0.7, bits=3.0), net.shape_const(3, 2, 3))
        return net.node("Transpose", y, perm=[1, 0, 2])

    q, k, v = map(projected, range(3))
    scores = net.node("MatMul", q, net.node("Transpose", k, perm=[0, 2, 1]))
    scores = net.quant(net.node("Relu", scores), 1.5, bits=3.0, signed=0)
    y = net.node("Transpose", net.node("MatMul", scores, v), perm=[1, 0, 2])
    return net.quant(net.node("Reshape", y, net.shape_const(3, 1, 6)), 0.9)


def test_attention_with_tokens_first(tmp_path: Path) -> None:
    net = Net(1, 3, 4, opset=13)
    x = net.node("Transpose", net.quant("x", 0.37), perm=[1, 0, 2])
    y = net.quant(net.node("MatMul", attention(net, x), net.weights(6, 2)), 2.0)
    y = net.node("Reshape", net.node("Transpose", y, perm=[1, 0, 2]), net.shape_const(1, 6))
    graph = check(net, net.dense(y, 6, 2), tmp_path)
    assert sum(isinstance(n, Mul) for n in graph) == 2


def test_axes_that_come_and_go(tmp_path: Path) -> None:
    net = Net(1, 3, 4, opset=13)
    x = net.node("Transpose", net.quant("x", 0.37), perm=[1, 0, 2])
    x = net.node("Unsqueeze", net.node("Squeeze", x, net.shape_const(1)), net.shape_const(0))
    check(net, net.node("MatMul", x, net.weights(4, 2)), tmp_path)


REFUSED = {
    "the output": (lambda n, x: x, r"the output '.*': the batch axis must stay the first, not"),
    "a function of the host": (
        lambda n, x: n.node("Softmax", x),
        "Softmax node .*: the host computes it, at the model's end, where the batch is axis 0",
    ),
    "a layer over space": (
        lambda n, x: n.conv(x, 2, 1, 1),
        "Conv node .*: the batch axis must stay the first of its data",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, tmp_path: Path) -> None:
    build, message = REFUSED[case]
    net = Net(1, 3, 4, opset=13)
    x = net.node("Transpose", net.quant("x", 0.37), perm=[1, 0, 2])
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(build(net, x)), tmp_path)


def test_a_free_batch_stays_the_first(tmp_path: Path) -> None:
    net = Net("N", 3, 4, opset=13)
    y = net.node("Transpose", net.quant("x", 0.37), perm=[1, 0, 2])
    with pytest.raises(UnsupportedError, match=r"Transpose node .*: the batch axis must stay the"):
        imported(net.proto(y), tmp_path)
