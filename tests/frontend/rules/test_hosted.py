"""Functions that the host computes, each judged by ONNX Runtime on the scores in front of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.flow.running import model_outputs
from bitrill.lowering import to_integer
from frontend.onnx_models import Net, imported
from frontend.runtime import session

Tail = Callable[[Net, str], list[str]]
"""Adds what the host computes behind ``[batch, 4, 3, 2]``; outputs named ``.._i`` are int64."""

PLACES = np.random.default_rng(5).normal(0, 2, (1, 1, 3, 2)).round(2)


def one(op: str, *constants: object, kind: type = np.float32, **attributes: object) -> Tail:
    def tail(n: Net, x: str) -> list[str]:
        return [n.node(op, x, *(n.const(c, kind) for c in constants), **attributes)]  # type: ignore[arg-type]

    return tail


def whole(op: str, **attributes: object) -> Tail:
    def tail(n: Net, x: str) -> list[str]:
        return [integers(n, one(op, **attributes)(n, x)[0])]

    return tail


def integers(n: Net, name: str) -> str:
    """Rename the last node's output so that it is known to be int64."""
    n.nodes[-1].output[-1] = f"{name}_i"
    return f"{name}_i"


def top(n: Net, x: str, **attributes: int) -> list[str]:
    values = n.node("TopK", x, n.shape_const(2), **attributes)
    n.nodes[-1].output.append(f"{values}_i")
    return [values, f"{values}_i"]


def detector(n: Net, x: str) -> list[str]:
    """Boxes and classes taken apart, a grid added, classes by Softmax, all joined again."""
    y = n.node("Transpose", x, perm=[0, 2, 3, 1])
    y = n.node("Reshape", y, n.shape_const(1, -1, 4))
    boxes = n.node("Split", y, n.shape_const(1, 3), axis=2)
    n.nodes[-1].output.append(classes := f"{boxes}_classes")
    boxes = n.node("Mul", n.node("Exp", n.node("Sigmoid", boxes)), n.const(3.5))
    boxes = n.node("Add", boxes, n.const(np.arange(6.0).reshape(1, 6, 1)))
    return [n.node("Concat", boxes, n.node("Softmax", classes, axis=-1), axis=2)]


def pooled(n: Net, x: str) -> list[str]:
    x = n.node("LogSoftmax", x, axis=1)
    best = n.node("ReduceMax", n.node("Abs", x), axes=[2, 3], keepdims=0)
    mean = n.node("ReduceMean", n.node("Tanh", x), axes=[1])
    return [
        best,
        mean,
        n.node("Div", n.node("Clip", x, n.const(-1.0), n.const(2.0)), n.const(PLACES)),
    ]


def gated(n: Net, x: str) -> list[str]:
    """The channels, weighed by a sigmoid of themselves and squashed with each other."""
    gate = n.node("Sigmoid", x)
    return [n.node("Mul", gate, n.node("Sub", n.node("Exp", gate), gate))]


def squeezed(n: Net, x: str) -> list[str]:
    y = n.node("Softmax", n.node("Flatten", x), axis=1)
    y = n.node("Unsqueeze", y, n.shape_const(1))
    return [y, integers(n, n.node("ArgMax", y, axis=2, keepdims=0))]


def gridded(kind: type, scale: object, zero: object, domain: str = "", **attributes: int) -> Tail:
    """Softmax on a grid of integers: the integers, and what they mean."""

    def tail(n: Net, x: str) -> list[str]:
        grid = n.const(scale), n.const(zero, kind)
        q = n.node(
            "QuantizeLinear", n.node("Softmax", x, axis=1), *grid, domain=domain, **attributes
        )
        return [
            n.node("DequantizeLinear", q, *grid, domain=domain, **attributes),
            integers(n, n.node("Cast", q, to=7)),
        ]

    return tail


def without_zero_point(n: Net, x: str) -> list[str]:
    q = n.node("QuantizeLinear", n.node("Softmax", x, axis=1), n.const(1 / 256))
    return [n.node("DequantizeLinear", q, n.const(1 / 256))]


CASES: dict[str, tuple[int, Tail]] = {
    "softmax of all": (11, one("Softmax")),
    "softmax of rows": (11, one("Softmax", axis=2)),
    "softmax": (13, one("Softmax")),
    "softmax of channels": (13, one("Softmax", axis=1)),
    "log-softmax of all": (12, one("LogSoftmax", axis=-3)),
    "log-softmax": (17, one("LogSoftmax", axis=-2)),
    "sigmoid": (13, one("Sigmoid")),
    "tanh": (13, one("Tanh")),
    "relu": (13, one("Relu")),
    "leaky": (13, one("LeakyRelu", alpha=0.2)),
    "leaky by itself": (13, one("LeakyRelu")),
    "slopes": (13, one("PRelu", [[[0.1]], [[-2.0]], [[0.5]], [[1.0]]])),
    "elu": (13, one("Elu", alpha=0.7)),
    "selu": (13, one("Selu")),
    "selu by numbers": (13, one("Selu", alpha=1.5, gamma=0.9)),
    "hard sigmoid": (13, one("HardSigmoid")),
    "hard sigmoid by numbers": (13, one("HardSigmoid", alpha=0.3, beta=0.4)),
    "hard swish": (14, one("HardSwish")),
    "softplus": (13, one("Softplus")),
    "softsign": (13, one("Softsign")),
    "mish": (18, one("Mish")),
    "erf": (13, one("Erf")),
    "gelu": (20, one("Gelu")),
    "gelu by tanh": (20, one("Gelu", approximate="tanh")),
    "thresholded": (13, one("ThresholdedRelu", alpha=0.4)),
    "clip": (13, one("Clip", -1.5, 0.25)),
    "clip by attributes": (10, one("Clip", min=-0.5, max=1.0)),
    "exp": (13, one("Exp")),
    "negative": (13, one("Neg")),
    "places added": (13, one("Add", PLACES)),
    "places subtracted": (13, one("Sub", PLACES)),
    "places multiplied": (13, one("Mul", PLACES)),
    "channels": (13, one("Mul", [[[1.5]], [[-2.0]], [[0.5]], [[3.0]]])),
    "another shape": (13, one("Reshape", [0, 2, -1], kind=np.int64)),
    "flat from 2": (13, one("Flatten", axis=1)),
    "turned": (13, one("Transpose", perm=[0, 2, 3, 1])),
    "turned twice": (13, one("Transpose", perm=[0, 3, 1, 2])),
    "class": (13, whole("ArgMax", axis=1)),
    "class without its axis": (13, whole("ArgMax", axis=-3, keepdims=0)),
    "worst class": (13, whole("ArgMin", axis=1, keepdims=0)),
    "column": (13, whole("ArgMax", axis=3, keepdims=0)),
    "last column": (13, whole("ArgMin", axis=3, select_last_index=1)),
    "best two": (13, lambda n, x: top(n, x, axis=1)),
    "worst two": (13, lambda n, x: top(n, x, axis=1, largest=0)),
    "best rows": (13, lambda n, x: top(n, x, axis=2)),
    "detector": (13, detector),
    "pooled": (13, pooled),
    "gated": (13, gated),
    "squeezed": (13, squeezed),
    "part of the places": (13, one("Slice", [0, 1], [3, 3], [2, 1], kind=np.int64)),
    "on a grid": (13, gridded(np.uint8, 1 / 256, 0)),
    "on a grid that saturates": (13, gridded(np.int8, 0.005, -100)),
    "on a coarse grid": (21, gridded(np.uint16, 0.11, 7)),
    "on a grid of ONNX Runtime": (13, gridded(np.int16, 2**-9, -300, "com.microsoft")),
    "on grids of channels": (
        13,
        gridded(np.uint8, [0.1, 0.05, 0.003, 0.001], [1, 200, 0, 9], axis=1),
    ),
    "on a grid without zero point": (13, without_zero_point),
    "rows backwards": (13, one("Slice", [2], [-9], [2], [-2], kind=np.int64)),
}


def named(outputs: list[str]) -> list[str]:
    return [name for name in outputs if name.endswith("_i")]


@pytest.mark.parametrize("case", CASES)
def test_as_onnx_runtime_has_it(tmp_path: Path, case: str) -> None:
    opset, tail = CASES[case]
    net, alone = Net(1, 3, 3, 2, opset=opset), Net(1, 4, 3, 2, opset=opset)
    scores = net.conv(net.quant("x", 0.37), 4, 3, 1, 1, bias=True, quant={"scale": 0.21})
    outputs, wanted = tail(net, scores), tail(alone, "x")
    graph = to_integer(imported(net.proto(*outputs, whole=named(outputs)), tmp_path))
    plain = to_integer(imported(net.proto(scores), tmp_path))
    x = np.random.default_rng(3).integers(-8, 8, (12, 3, 3, 2))
    got = list(model_outputs(graph.sink, graph.run(x)).values())
    floats = model_outputs(plain.sink, plain.run(x))["output"]
    judge = session(alone.proto(*wanted, whole=named(wanted)))
    for k, frame in enumerate(floats):
        for y, want in zip(got, judge.run(None, {"x": frame[None]}), strict=True):
            assert (y.shape[1:], y.dtype) == (want.shape[1:], want.dtype)
            if want.dtype == np.int64:
                assert np.array_equal(y[k : k + 1], want)
            else:  # the runtime computes in float32, with approximations of its own
                assert np.allclose(y[k : k + 1], want, rtol=3e-6, atol=3e-6)


REFUSED: dict[str, tuple[Tail, str]] = {
    "over the batch": (one("Softmax", axis=0), "its axis must not be that of the batch, 0"),
    "mean over the batch": (
        lambda n, x: [n.node("ReduceMean", n.node("Softmax", x), axes=[0])],
        "its axis must not be that of the batch, 0",
    ),
    "no such axis": (one("Softmax", axis=4), r"its axis must be -4\.\.3, not 4"),
    "sum of data": (
        lambda n, x: [n.node("Sub", n.node("Softmax", x), n.node("Softmax", n.node("Flatten", x)))],
        "its operands must have shapes that fit",
    ),
    "a constant for each frame": (
        lambda n, x: [n.node("Mul", n.node("Softmax", x), n.const(np.ones((2, 1, 1, 1))))],
        "be the same for the whole batch",
    ),
    "division by zero": (
        lambda n, x: [n.node("Div", n.node("Softmax", x), n.const(0.0))],
        "its divisor must be a constant that is nowhere zero",
    ),
    "decision in the middle": (
        lambda n, x: [n.conv(n.node("Cast", n.node("ArgMax", x, axis=1), to=1), 2, 1, 1, 1)],
        "Conv node 'conv.*: the host computes the result of ArgMax node .*, so it must be",
    ),
    "layer behind places": (
        lambda n, x: [n.conv(n.quant(n.node("Add", x, n.const(PLACES)), 0.5), 2, 4, 1, 1)],
        "Add node .*: its constant must be one for each of 4 channels, not one for each place",
    ),
    "a grid of another type": (
        lambda n, x: [
            n.node(
                "DequantizeLinear",
                n.node("QuantizeLinear", n.node("Softmax", x), n.const(0.1)),
                n.const(0.1),
                n.const(0, np.int8),
            )
        ],
        "its zero point must be uint8, as its data are, not INT8",
    ),
    "a grid of scale zero": (
        lambda n, x: [n.node("QuantizeLinear", n.node("Softmax", x), n.const(0.0))],
        "its scale must not be zero",
    ),
    "functions of decisions": (
        lambda n, x: [n.node("Exp", n.node("ArgMax", x, axis=1))],
        "the result of ArgMax node .* must be the model's output, or be cast to floats first",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    tail, message = REFUSED[case]
    net = Net(1, 3, 3, 2, opset=13)
    scores = net.conv(net.quant("x", 0.37), 4, 3, 1, 1, quant={"scale": 0.21})
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(*tail(net, scores)), tmp_path)


def test_as_many_functions_as_are_accepted(tmp_path: Path) -> None:
    """Each reads the one before twice: nothing is walked more than once."""
    net = Net(1, 6, opset=13)
    x = net.node("Softmax", net.dense(net.quant("x", 0.5), 6, 4))
    for _ in range(120):
        x = net.node("Min", net.node("Tanh", x), x)
    assert len(imported(net.proto(x), tmp_path).sink.functions) == 241
    for _ in range(20):
        x = net.node("Tanh", x)
    with pytest.raises(UnsupportedError, match="that the host computes must be at most 256"):
        imported(net.proto(x), tmp_path)
