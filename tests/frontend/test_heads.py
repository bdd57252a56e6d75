"""Networks of several outputs: each against the float evaluator, in its own shape and type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import StageError, StorageError, UnsupportedError
from bitrill.flow.running import model_outputs
from bitrill.ir import Graph, HostFunction, verify
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import ArgMax, Concat
from frontend.float_evaluator import evaluate_all
from frontend.float_numbers import Undecided
from frontend.onnx_models import Net, imported
from onnx import TensorProto, helper

Head = Callable[[Net, str, np.random.Generator], tuple[list[str], list[str]]]
"""Adds a head behind a feature map ``[batch, 4, 6, 6]``: its outputs, and those that are int64."""

SINGLE = 2.0**-24
"""Largest relative error of rounding to float32."""


def conv_of(n: Net, x: str, rng: np.random.Generator, stride: int = 1) -> tuple[str, int]:
    rows = int(rng.integers(2, 6))
    scale = float(rng.choice([0.125, 0.3, 0.071]))
    y = n.conv(
        x,
        rows,
        4,
        3,
        3,
        seed=int(rng.integers(99)),
        pads=[1] * 4,
        strides=[stride] * 2,
        bias=bool(rng.integers(2)),
        quant={"scale": scale},
    )
    return y, rows


def boxes(n: Net, x: str, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """A detector's head: a sigmoid, then a grid and anchors for each place."""
    y, rows = conv_of(n, x, rng, 2)
    y = n.node("Reshape", y, n.shape_const(0, rows, 9))
    y = n.node("Sigmoid", n.node("Transpose", y, perm=[0, 2, 1]))
    grid = n.node("Add", y, n.const(rng.integers(0, 9, (1, 9, rows))))
    return [n.node("Mul", grid, n.const(rng.uniform(1, 4, (1, 1, rows))))], []


def pixels(n: Net, x: str, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """A class for each pixel, and its scores."""
    y, _ = conv_of(n, x, rng)
    best = n.node("ArgMax", y, axis=1, keepdims=int(rng.integers(2)))
    return [y, best], [best]


def classes(n: Net, x: str, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """A classifier behind a flattened map."""
    y = n.node("Flatten", x)
    y = n.dense(y, 144, 7, seed=3, scale=0.2)
    y = n.node("Softmax", n.node("Add", y, n.const(rng.normal(0, 1, 7))), axis=1)
    top = n.node("TopK", y, n.shape_const(3), axis=1)
    n.nodes[-1].output.append(f"{top}_indices")
    return [y, top, f"{top}_indices"], [f"{top}_indices"]


def joined(n: Net, x: str, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Two flattened maps of unlike sizes and scales side by side."""
    parts = [n.node("Flatten", conv_of(n, x, rng, stride)[0]) for stride in (1, 2)]
    return [n.node("Concat", *parts, axis=1)], []


def relu(n: Net, x: str, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Floats of an activation function, and the feature map itself."""
    y, _ = conv_of(n, x, rng, int(rng.integers(1, 3)))
    op = str(rng.choice(["Relu", "LeakyRelu", "Tanh", "HardSigmoid", "Elu"]))
    return [n.node(op, y), x], []


HEADS = (boxes, pixels, classes, joined, relu)


def network(seed: int) -> tuple[onnx.ModelProto, list[str]]:
    """A random network of two to four heads."""
    rng = np.random.default_rng(seed)
    n = Net(1, 2, 6, 6, opset=13)
    x = n.quant("x", 0.25)
    x = n.node("Relu", n.norm(n.conv(x, 4, 2, 3, 3, seed=seed, pads=[1] * 4), 4, seed=seed))
    x = n.quant(x, 0.3, bits=float(rng.integers(1, 5)), signed=0)
    outputs: list[str] = []
    whole: list[str] = []
    for k in rng.integers(len(HEADS), size=int(rng.integers(2, 5))):
        names, integers = HEADS[k](n, x, rng)
        outputs += names
        whole += integers
    outputs = list(dict.fromkeys(outputs))
    return n.proto(*outputs, whole=whole), outputs


def check(graph: Graph, proto: onnx.ModelProto, names: list[str], n: int = 6) -> int:
    """Compare every output with the evaluator; return how many samples it could decide."""
    x = np.random.default_rng(1).normal(0, 1, (n, *graph.source.shape)).astype(np.float32)
    got = model_outputs(graph.sink, graph.run(graph.source.quantize(x)))
    assert list(got) == (names if graph.sink.outputs else ["output"])
    types = {o.name: o.type.tensor_type.elem_type for o in proto.graph.output}
    decided = 0
    for k in range(n):
        try:
            want = evaluate_all(proto, x[k : k + 1])
        except Undecided:
            continue
        decided += 1
        for name, numbers, number in zip(names, got.values(), want, strict=True):
            y = numbers[k : k + 1]
            assert y.dtype == (np.int64 if types[name] == TensorProto.INT64 else np.float32)
            assert y.shape == number.v.shape, name
            far = np.abs(y - number.v) > number.e + SINGLE * np.abs(number.v) + 1e-12
            assert not far.any(), (name, y, number.v)
    return decided


@pytest.mark.parametrize("seed", range(20))
def test_random_heads(tmp_path: Path, seed: int) -> None:
    proto, names = network(seed)
    graph = to_integer(imported(proto, tmp_path))
    assert check(graph, proto, names) > 0


def test_heads_that_are_folded_give_the_same(tmp_path: Path) -> None:
    proto, _ = network(0)
    graph = to_integer(imported(proto, tmp_path))
    folded = to_folded(graph)
    x = np.random.default_rng(2).integers(-8, 8, (5, *graph.source.shape))
    assert np.array_equal(graph.run(x), folded.run(x))
    (last,) = [node for node in folded if isinstance(node, Concat) and node.name == folded.output]
    assert folded.depths.keys() >= {*last.inputs}


def test_one_tensor_for_several_outputs_is_sent_once(tmp_path: Path) -> None:
    n = Net(1, 6)
    x = n.dense(n.quant("x", 0.5), 6, 4, scale=0.3)
    outputs = [x, n.node("Identity", x), n.node("Reshape", x, n.shape_const(0, 2, 2))]
    proto = n.proto(*outputs)
    graph = imported(proto, tmp_path)
    assert (graph.sink.segments, graph.sink.tensor.size) == ((), 4)
    assert check(to_integer(graph), proto, outputs) > 0


def test_one_output_upstream_of_the_other(tmp_path: Path) -> None:
    n = Net(1, 6)
    x = n.quant(n.node("Relu", n.dense(n.quant("x", 0.5), 6, 5, scale=0.3)), 0.4)
    y = n.dense(x, 5, 3, scale=0.2)
    for outputs in ([x, y], [y, x]):
        proto = n.proto(*outputs)
        graph = to_folded(to_integer(imported(proto, tmp_path)))
        assert [p.shape for p in graph.sink.segments] == [
            (3,),
            (5,),
        ]  # the larger frame comes first
        assert check(graph, proto, outputs) > 0


@pytest.mark.parametrize(
    ("declared", "dtype", "message"),
    [
        ((1, 4), TensorProto.FLOAT, None),
        (("batch", 4), TensorProto.FLOAT, None),
        ((1, 5), TensorProto.FLOAT, r"'t\d' is declared as float32 \[1, 5\], but the nodes"),
        ((4,), TensorProto.FLOAT, r"as float32 \[4\], but the nodes give float \[1, 4\]"),
        ((2, 4), TensorProto.FLOAT, r"is declared as float32 \[2, 4\], but"),
        ((1, 4), TensorProto.INT64, r"is declared as int64 \[1, 4\], but the nodes give float"),
        ((1, 4), TensorProto.DOUBLE, None),
    ],
)
def test_the_declared_output_is_checked(
    tmp_path: Path, declared: tuple, dtype: int, message: str | None
) -> None:
    n = Net(1, 6)
    x = n.dense(n.quant("x", 0.5), 6, 4, scale=0.3)
    proto = n.proto(x)
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info(x, dtype, declared))
    if message is None:
        sink = imported(proto, tmp_path).sink
        wanted = np.float64 if dtype == TensorProto.DOUBLE else np.float32
        (y,) = model_outputs(sink, np.zeros((1, 4), np.int64)).values()
        assert y.dtype == wanted
    else:
        with pytest.raises(UnsupportedError, match=message):
            imported(proto, tmp_path)


@pytest.mark.parametrize("last", [False, True])
def test_decisions_of_each_pixel_are_made_in_hardware(tmp_path: Path, last: bool) -> None:
    n = Net(1, 3, 4, 5)
    x = n.conv(n.quant("x", 0.5), 4, 3, 1, 1, bias=True)
    x = n.node("Transpose", n.node("Softmax", x, axis=1), perm=[0, 2, 3, 1]) if last else x
    axis = -1 if last else 1
    for op in ("ArgMax", "ArgMin"):
        proto = n.proto(y := n.node(op, x, axis=axis, keepdims=0), dtype=TensorProto.INT64)
        graph = to_integer(imported(proto, tmp_path))
        assert isinstance(graph.producer(graph.output), ArgMax)
        assert graph.sink.shape == (4, 5)
        assert check(graph, proto, [y]) > 0


def test_the_last_of_equals(tmp_path: Path) -> None:
    n = Net(1, 6, opset=13)
    scores = n.node("MatMul", n.quant("x", 1.0), n.const(np.ones((6, 5))))  # all equal
    outputs = [
        n.node(op, scores, axis=1, select_last_index=last)
        for op in ("ArgMax", "ArgMin")
        for last in (0, 1)
    ]
    graph = to_integer(imported(n.proto(*outputs, whole=outputs), tmp_path))
    got = model_outputs(graph.sink, graph.run(np.full((1, 6), 2)))
    assert [got[name].item() for name in outputs] == [0, 4, 0, 4]


def test_the_quantized_input_may_be_an_output_too(tmp_path: Path) -> None:
    n = Net(1, 6)
    x = n.quant("x", 0.5)
    outputs = [n.dense(x, 6, 4, scale=0.3), x]
    proto = n.proto(*outputs)
    graph = to_folded(to_integer(imported(proto, tmp_path)))
    assert check(graph, proto, outputs) > 0


def test_integers_of_the_file_keep_their_type(tmp_path: Path) -> None:
    n = Net(1, 6, opset=13)
    scale, zero = n.const(0.25), n.const(3, np.int8)
    x = n.node("DequantizeLinear", n.node("QuantizeLinear", "x", scale, zero), scale, zero)
    y = n.node("QuantizeLinear", n.dense(x, 6, 4, scale=0.3), n.const(0.5), zero)
    outputs = [y, n.node("DequantizeLinear", y, n.const(0.5), zero)]
    proto = n.proto(*outputs)
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info(y, TensorProto.INT8, [1, 4]))
    graph = to_integer(imported(proto, tmp_path))
    q, floats = model_outputs(graph.sink, graph.run(np.arange(-8, 16).reshape(4, 6))).values()
    assert (q.dtype, floats.dtype) == (np.int8, np.float32)
    assert np.array_equal(floats, (q.astype(np.float32) - 3) / 2)
    assert len(np.unique(q)) > 1


def test_a_damaged_sink_is_told(tmp_path: Path) -> None:
    n = Net(1, 6)
    graph = imported(n.proto(n.node("Softmax", n.dense(n.quant("x", 0.5), 6, 4))), tmp_path)
    y = graph.run(np.zeros((1, 6), np.int64))
    for function in (
        HostFunction("Sin", (0,)),
        HostFunction("Softmax", (0,)),
        HostFunction("Softmax", (7,), {"axis": 1}),
        HostFunction("Softmax", (0,), {"axis": 5}),
    ):
        sink = dataclasses.replace(graph.sink, functions=(function,))
        with pytest.raises(StorageError, match="the graph's sink is damaged"):
            model_outputs(sink, y)
    joined = imported(n.proto("t0", "t3"), tmp_path)
    short = dataclasses.replace(joined.sink, segments=joined.sink.segments[:1])
    with pytest.raises(StageError, match="the segments of the output hold"):
        verify(joined.replace(sink=short), joined.stage)
