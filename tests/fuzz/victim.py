"""The model to be damaged, ways to damage it, and the check of the result."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from bitrill.errors import BitrillError
from bitrill.exact import sign
from bitrill.flow.running import model_outputs
from bitrill.frontend import load_model
from bitrill.ir import Graph
from bitrill.lowering import to_integer
from fuzz.evaluator import CLOSE, Evaluator, Invalid, Unsure
from fuzz.integer_evaluator import IntegerEvaluator
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


def victim() -> onnx.ModelProto:
    """Three dense layers: integer, bipolar and per-channel weights, batch norm, ReLU, biases."""
    rng = np.random.default_rng(5)
    constants: list[TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def const(value: object, dtype: type = np.float32) -> str:
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        out = f"t{len(nodes)}"
        made = helper.make_node(op, inputs, [out], name=f"{op}_{out}", domain=domain, **attributes)
        nodes.append(made)
        return out

    def quant(x: str, scale: object, bits: float, signed: int, mode: str = "ROUND") -> str:
        parts = [const(scale), const(0.0), const(bits)]
        return node(
            "Quant", x, *parts, domain=QONNX, signed=signed, narrow=signed, rounding_mode=mode
        )

    x = node("Flatten", "x", axis=1)
    x = quant(x, 0.25, 3.0, 1)
    w = quant(const(rng.normal(0, 1, (4, 4))), [[0.5], [0.3], [0.25], [0.7]], 3.0, 1)
    x = node("MatMul", x, node("Transpose", w, perm=[1, 0]))
    norm = [const(v) for v in (rng.normal(0, 1, 4), rng.normal(0, 1, 4), rng.normal(0, 1, 4))]
    x = node("BatchNormalization", x, *norm, const(rng.uniform(0.5, 2, 4)), epsilon=1e-3)
    x = quant(node("Relu", x), 0.375, 2.0, 0, "FLOOR")
    w = node("BipolarQuant", const(rng.normal(0, 1, (6, 4))), const(0.5), domain=QONNX)
    x = node("Gemm", x, w, const([0.25, -0.5, 0.1, 1.0, 0.75, -1.25]), transB=1)
    x = node("BipolarQuant", node("Sub", x, const(0.4)), const(1.0), domain=QONNX)
    w = quant(const(rng.normal(0, 1, (6, 2))), 0.4, 3.0, 1)
    x = node("Add", node("Div", node("MatMul", x, w), const(0.3)), const([0.5, -1.0]))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 2))],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, (1, 2))],
        constants,
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


def mutated(data: bytes, seed: int) -> bytes:
    """The file with one or two bytes set, flipped in a bit, increased, removed or doubled."""
    rng = random.Random(seed)
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2))):
        at = rng.randrange(len(out))
        match rng.randrange(5):
            case 0:
                out[at] = rng.randrange(256)
            case 1:
                out[at] ^= 1 << rng.randrange(8)
            case 2:
                out[at] = (out[at] + rng.choice((-1, 1))) % 256
            case 3:
                del out[at]
            case _:
                out.insert(at, out[at])
    return bytes(out)


def restructured(proto: onnx.ModelProto, seed: int) -> bytes:
    """One node, tensor or attribute removed, doubled, moved, renamed, rewired or given a value."""
    rng = random.Random(seed)
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    nodes, tensors = copy.graph.node, copy.graph.initializer
    n, t = rng.choice(nodes), rng.choice(tensors)
    names = [o for m in nodes for o in m.output] + [i.name for i in tensors] + ["x", "", "none"]
    match rng.randrange(13):
        case 0:
            nodes.remove(n)
        case 1:
            nodes.insert(rng.randrange(len(nodes)), n)
        case 2:
            tensors.remove(t)
        case 3:
            tensors.append(t)
        case 4:
            moved = onnx.NodeProto()
            moved.CopyFrom(n)
            nodes.remove(n)
            nodes.insert(rng.randrange(len(nodes)), moved)
        case 5:
            n.input[rng.randrange(len(n.input))] = rng.choice(names)
        case 6:
            n.output[0] = rng.choice(names)
        case 7:
            n.op_type = rng.choice([m.op_type for m in nodes] + ["Neg", "Identity", "Sqrt", "Loop"])
        case 8:
            value = numpy_helper.to_array(t).copy()
            place = rng.randrange(value.size)
            odd = (0.0, -0.0, 1.0, -1.0, 1e-30, 3e38, float("nan"), float("inf"), 0.5, 2.0)
            whole = (0, 1, -1, 2, 5, 127, -128, 1 << 20, -(1 << 40))
            number = rng.choice(odd if value.dtype.kind == "f" else whole)
            value.reshape(-1)[place] = np.array(number).astype(value.dtype)
            t.CopyFrom(numpy_helper.from_array(value, t.name))
        case 9:
            value = numpy_helper.to_array(t)
            shape = rng.choice([(value.size,), (1, value.size), (value.size, 1), (0,), (1, 1, -1)])
            value = value.reshape(shape) if shape != (0,) else value.reshape(-1)[:0]
            t.CopyFrom(numpy_helper.from_array(value, t.name))
        case 10:
            if n.attribute:
                a = rng.choice(n.attribute)
                a.i, a.f = a.i + rng.choice((-1, 1, 5)), rng.choice((0.0, -1.0, 0.25))
        case 11:
            if n.attribute:
                n.attribute.remove(rng.choice(n.attribute))
        case _:
            at = rng.randrange(len(n.input)) if n.input else 0
            n.input.insert(at, rng.choice(names))
    return copy.SerializeToString()


def inputs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Numbers on the quantizer's grid and its half steps, and others: float32 ``[1, *shape]``."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-8, 9, (1, *shape)) / 8
    return np.where(rng.random((1, *shape)) < 0.5, steps, rng.normal(0, 1, (1, *shape))).astype(
        np.float32
    )


def judge(data: bytes, folder: Path, samples: int = 4) -> str:
    """``refused``, ``right`` or ``unjudged``; anything that is wrong is an AssertionError."""
    path = folder / "net.onnx"
    path.write_bytes(data)
    try:
        graph = to_integer(load_model(path))
    except BitrillError as error:
        refusal = str(error)
        if not refusal.isprintable() or not refusal:
            raise AssertionError(f"a refusal must be one line, not {refusal!r}") from error
        return "refused"
    try:
        means = IntegerEvaluator(data)
        for seed in range(samples):
            compare(graph, means, inputs(graph.source.shape, seed))
    except Unsure:
        return "unjudged"
    except Invalid as error:
        raise AssertionError(f"it compiles, and means nothing: {error}") from error
    return "right"


def compare(graph: Graph, means: Evaluator, x: np.ndarray) -> None:
    """The integer graph's output for ``x`` is the file's, exactly."""
    y = graph.run(graph.source.quantize(x))
    want = means.run(x.reshape(x.shape[0], *graph.source.shape))
    if graph.sink.functions or not graph.sink.scale:
        (numbers,) = model_outputs(graph.sink, y).values()
        compare_outputs(numbers, want)
        return
    assert want.shape == y.shape, f"the shape {y.shape} and not {want.shape}"
    y, want = (graph.sink.flatten(v).reshape(-1, graph.sink.tensor.channels) for v in (y, want))
    for row, expected in zip(y, want, strict=True):
        for c, (integer, real) in enumerate(zip(row, expected, strict=True)):
            scale = graph.sink.scale[c if len(graph.sink.scale) > 1 else 0]
            offset = graph.sink.offset[c if len(graph.sink.offset) > 1 else 0]
            given = scale * int(integer) + offset
            off, bound = given - real, CLOSE * max(1, abs(real)) if means.rounded else Fraction(0)
            near = sign(off - bound) <= 0 <= sign(off + bound)
            assert near, f"channel {c}: {given} and not {float(real)} for {x.tolist()}"


def compare_outputs(y: np.ndarray, want: np.ndarray) -> None:
    """Outputs that the host computes: decisions are equal, floats the float32 of what is meant."""
    assert want.shape == y.shape, f"the shape {y.shape} and not {want.shape}"
    if y.dtype == np.int64:
        assert np.array_equal(y, want), f"{y.tolist()} and not {want.tolist()}"
        return
    expected = want.astype(np.float64)
    far = np.abs(y - expected) > 2.0**-22 * (np.abs(expected) + 2.0**-20)
    assert not far.any(), f"{y[far][:4]} and not {expected[far][:4]}"
