"""Products of two matrices that both depend on the input are imported with their meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.errors import UnsupportedError
from bitrill.ops import MatVec, Mul, SumPool
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds


def heads(net: Net, x: str, n: int, perm: list[int]) -> str:
    """Channels of tokens as those of ``n`` heads, moved by ``perm``."""
    return net.node("Transpose", net.node("Reshape", x, net.shape_const(0, 0, n, -1)), perm=perm)


def projected(net: Net, rows: int, seed: int, **quant: object) -> str:
    """Tokens behind a layer and a quantizer."""
    x = net.node("MatMul", net.quant("x", 0.37), net.weights(4, rows, seed=seed))
    return net.quant(x, 0.7, bits=3.0, **quant)  # type: ignore[arg-type]


@pytest.mark.parametrize("zero", [0.0, 2.0])
def test_scores_of_tokens(tmp_path: Path, zero: float) -> None:
    net = Net(1, 3, 4)
    q, k = projected(net, 5, 1), projected(net, 5, 2, zero=zero)
    y = net.node("MatMul", q, net.node("Transpose", k, perm=[0, 2, 1]))
    graph = check(net, net.quant(y, 1.5), tmp_path)
    assert SumPool not in kinds(graph)
    (products,) = [n for n in graph if isinstance(n, Mul)]
    assert products.offsets == (0, -zero)


def test_mixed_tokens(tmp_path: Path) -> None:
    net = Net(1, 3, 4)
    scores, v = projected(net, 3, 1, signed=0), projected(net, 5, 2)
    y = net.quant(net.node("MatMul", scores, v), 0.8)
    graph = check(net, net.node("MatMul", y, net.weights(5, 2)), tmp_path)
    assert kinds(graph).count(SumPool) == 1


def test_attention_of_two_heads_but_for_its_softmax(tmp_path: Path) -> None:
    net = Net(1, 3, 4)
    q, k, v = (projected(net, 6, seed) for seed in range(3))
    scores = net.node("MatMul", heads(net, q, 2, [0, 2, 1, 3]), heads(net, k, 2, [0, 2, 3, 1]))
    scores = net.quant(net.node("Relu", scores), 1.5, bits=3.0, signed=0)
    y = net.node("MatMul", scores, heads(net, v, 2, [0, 2, 1, 3]))
    y = net.node("Transpose", y, perm=[0, 2, 1, 3])
    y = net.quant(net.node("Reshape", y, net.shape_const(0, 0, -1)), 0.9)
    graph = check(net, net.node("MatMul", y, net.weights(6, 2)), tmp_path)
    assert kinds(graph).count(Mul) == 2
    assert kinds(graph).count(MatVec) == 5


@pytest.mark.parametrize("turned", [True, False])
def test_images(tmp_path: Path, turned: bool) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.37)
    a, b = (net.quant(net.conv(x, 2, 2, 1, 1, seed=k), 0.7, bits=3.0) for k in range(2))
    b = net.node("Transpose", b, perm=[0, 1, 3, 2]) if turned else b
    y = net.quant(net.node("MatMul", a, b), 0.8)
    graph = check(net, net.conv(y, 2, 2, 2, 2), tmp_path)
    assert kinds(graph).count(SumPool) == 1


def unlike(net: Net) -> str:
    a = projected(net, 3, 1)
    return net.node("MatMul", a, net.node("Unsqueeze", a, axes=[1]))


def by_channel(net: Net) -> str:
    a = projected(net, 3, 1)
    b = net.node("Mul", projected(net, 3, 2), net.const([0.3, 0.5, 0.7]))
    return net.node("MatMul", a, b)


def moved(net: Net) -> str:
    a = net.node("Transpose", projected(net, 3, 1), perm=[0, 2, 1])
    return net.node("MatMul", a, projected(net, 3, 2))


REFUSED = {
    "vectors": (
        lambda n: n.node("MatMul", *[n.node("Flatten", projected(n, 3, s)) for s in range(2)]),
        "its operands must be .batch, rows, columns., with equal axes in between, not",
    ),
    "axes in between": (unlike, "with equal axes in between, not .'batch', 3, 3. and"),
    "sizes": (
        lambda n: n.node("MatMul", projected(n, 5, 1), projected(n, 5, 2)),
        r"its operands must fit, not \[3, 5\] and \[3, 5\]",
    ),
    "scales": (by_channel, "its operands must have one scale and offset each, for all channels"),
    "order": (moved, "its operands must come row by row, the heads of a row side by side"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, tmp_path: Path) -> None:
    build, message = REFUSED[case]
    net = Net(1, 3, 4)
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.quant(build(net), 0.3)), tmp_path)
