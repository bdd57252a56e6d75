"""The input's edge follows from the first layer that tells channels from places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ops import Convert, MatVec
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds


@pytest.mark.parametrize(
    ("shape", "moves"),
    [
        ((1, 5, 6, 1), [("Reshape", (-1, 1, 5, 6))]),
        ((1, 5, 6, 1), [("Transpose", (0, 3, 1, 2))]),
        ((1, 5, 6, 1), [("Squeeze", (3,)), ("Unsqueeze", (1,))]),
        ((1, 5, 6), [("Unsqueeze", (1,))]),
        ((1, 5, 6), [("Reshape", (0, 1, 5, 6))]),
        ((1, 5, 6, 3), [("Transpose", (0, 3, 2, 1)), ("Transpose", (0, 1, 3, 2))]),
        ((1, 3, 5, 6), [("Flatten", ()), ("Reshape", (1, 3, 5, 6))]),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_no_layer_moves_the_input(
    tmp_path: Path, shape: tuple[int, ...], moves: list[tuple[str, tuple[int, ...]]], first: bool
) -> None:
    """``first``: the moves stand in front of the quantizer."""
    net = Net(*shape, opset=13)
    x = "x" if first else net.quant("x", 0.5)
    for op, given in moves:
        if op == "Transpose":
            x = net.node(op, x, perm=list(given))
        else:
            x = net.node(op, x, *([net.shape_const(*given)] if given else []))
    x = net.quant(x, 0.5) if first else x
    graph = check(net, net.conv(x, 3, 3 if 3 in shape else 1, 2, 2), tmp_path)
    assert graph.source.shape == shape[1:]
    assert kinds(graph)[1] is MatVec


@pytest.mark.parametrize(("op", "axis"), [("Concat", 1), ("Concat", -3), ("Gather", 1)])
def test_channels_without_any_layer(tmp_path: Path, op: str, axis: int) -> None:
    net = Net(1, 3, 4, 5)
    x = net.quant("x", 0.37)
    other = net.quant(net.node("Neg", x), 0.53) if op == "Concat" else net.shape_const(2, 0)
    check(net, net.quant(net.node(op, x, other, axis=axis), 0.57), tmp_path)


@pytest.mark.parametrize("shape", [(1, 5, 6), (1, 2, 3, 6), (1, 1, 6)])
def test_a_layer_for_each_token(tmp_path: Path, shape: tuple[int, ...]) -> None:
    net = Net(*shape)
    x = net.node("Add", net.dense(net.quant("x", 0.5), 6, 4), net.const(np.arange(4.0)))
    x = net.quant(net.node("Relu", x), 0.57, bits=3.0, signed=0)
    graph = check(net, net.dense(x, 4, 3, seed=1), tmp_path)
    assert graph.sink.shape == (*shape[1:-1], 3)
    assert Convert not in kinds(graph)


def test_tokens_of_an_image(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 2)
    x = net.quant(net.conv(net.quant("x", 0.5), 5, 3, 1, 1), 0.57)
    x = net.node("Transpose", net.node("Reshape", x, net.shape_const(1, 5, 8)), perm=[0, 2, 1])
    x = net.quant(net.dense(x, 5, 2, seed=1), 0.57)
    check(net, net.dense(net.node("Flatten", x), 16, 2, seed=2), tmp_path)


def test_tokens_of_a_vector(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.quant(net.dense(net.quant("x", 0.5), 6, 12), 0.57)
    x = net.node("Reshape", x, net.shape_const(1, 3, 4))
    x = net.quant(net.dense(x, 4, 2, seed=1), 0.57)
    check(net, net.dense(net.node("Flatten", x), 6, 2, seed=2), tmp_path)


def test_rows_that_no_layer_gives_together_are_refused(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 2)
    x = net.quant(net.conv(net.quant("x", 0.5), 5, 3, 1, 1), 0.57)
    with pytest.raises(UnsupportedError, match="its data's last axis must be the channels that a"):
        imported(net.proto(net.dense(x, 2, 2, seed=1)), tmp_path)
