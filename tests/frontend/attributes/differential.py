"""Compares one operator, as imported into small networks, with ONNX Runtime and other judges.

A `Case` is a node with its operands and attributes. It stands in small networks: at the end, on
quantized data or on a layer's sums; in front of a quantizer, on either. The judge is given the node
alone, on the same numbers: ONNX Runtime for ONNX's own operators, qonnx for its own; the float
evaluator where they do not have the operator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as runtime
import onnxruntime.capi.onnxruntime_pybind11_state as state
from bitrill.errors import UnsupportedError
from bitrill.flow.running import model_outputs
from bitrill.frontend import load_model
from bitrill.frontend.rules.table import MICROSOFT, QONNX
from bitrill.ir import Graph
from frontend.float_evaluator import evaluate
from frontend.onnx_models import Net, save
from onnx import helper

X = "x"
STEP, FINE = 0.5, 0.375
NETWORKS = ("end", "scores", "sums", "quantized")
ON_SUMS = ("scores", "sums")

Head = Callable[[Net, str], str]
Tail = Callable[[Net, list[str], str], str]


@dataclass(frozen=True)
class Case:
    """One node: operands (`X` is the data, ``""`` is left out), attributes, shape of the data.

    ``head``: builds the operand that `X` stands for; ``tail``: what follows the node, from its
    outputs and the data. ``refused``: part of the reason
    with which it may be refused. ``invalid``: the same for what the standard does not allow, which
    must be refused. ``low``: the least integer of the data. ``integers``: it gives integers.
    """

    op: str
    operands: tuple[Any, ...]
    attributes: dict[str, Any]
    shape: tuple[int, ...]
    domain: str = ""
    outputs: int = 1
    head: Head | None = None
    tail: Tail | None = None
    refused: str = ""
    invalid: str = ""
    low: int = -8
    integers: bool = False

    def place(self, net: Net, x: str) -> str:
        """Add the node, and its tail, to a network."""
        names, data = [], x if self.head is None else self.head(net, x)
        for operand in self.operands:
            array = operand
            if not isinstance(operand, str):
                array = net.const(operand, np.asarray(operand).dtype)
            names.append(data if array == X else array)
        out = [f"out{len(net.nodes)}_{k}" for k in range(self.outputs)]
        node = helper.make_node(
            self.op, names, out, name="judged", domain=self.domain, **self.attributes
        )
        net.nodes.append(node)
        return out[0] if self.tail is None else self.tail(net, out, x)

    def __str__(self) -> str:
        operands = ", ".join(_brief(o) for o in self.operands)
        given = ", ".join(f"{k}={_brief(v)}" for k, v in self.attributes.items())
        return f"{self.op}({operands}; {given}) on {list(self.shape)}"


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 4:
        return f"constant {list(value.shape)}"
    return str(value.tolist() if isinstance(value, np.ndarray) else value) or "-"


LACKING = {
    state.InvalidArgument: ("Dilation not supported for AutoPadType",),
    state.Fail: ("is not a registered function/op",),
    state.NotImplemented: ("Could not find an implementation",),
}
"""What ONNX Runtime says of operators or combinations of attributes that it does not have."""


@cache
def mixing(channels: int) -> np.ndarray:
    """Small integer weights of a layer from so many channels to as many."""
    return np.random.default_rng(channels).integers(-2, 3, (channels, channels)).astype(np.float32)


def network(case: Case, opset: int, kind: str) -> onnx.ModelProto:
    """The node in a quantized network."""
    net = Net(1, *case.shape, opset=opset, ir=8)
    x = net.quant("x", STEP, bits=4.0 if case.low < 0 else 3.0, signed=int(case.low < 0))
    if kind in ON_SUMS:
        w = mixing(case.shape[0])
        if len(case.shape) == 1:
            x = net.node("MatMul", x, net.const(w.T))
        else:
            x = net.node("Conv", x, net.const(w.reshape(*w.shape, *[1] * (len(case.shape) - 1))))
    y = case.place(net, x)
    if kind in ("sums", "quantized"):
        return net.proto(net.quant(y, FINE, bits=8.0))
    return proto_of(net, y, case)


def proto_of(net: Net, output: str, case: Case) -> onnx.ModelProto:
    """A network that ends with the node, its output of the right type."""
    proto = net.proto(output)
    if case.integers:
        proto.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    return proto


def inputs(case: Case, n: int = 4) -> np.ndarray:
    """Real numbers on the grid of the first quantizer, ``[n, *shape]``; the first are its ends."""
    rng = np.random.default_rng(len(case.op))
    x = rng.integers(case.low, 8, (n, *case.shape))
    x[0].reshape(-1)[::2] = case.low
    x[0].reshape(-1)[1::2] = 7
    return (x * STEP).astype(np.float32)


def model(case: Case, opset: int) -> onnx.ModelProto:
    """The node alone."""
    net = Net(1, *case.shape, opset=opset, ir=8)
    return proto_of(net, case.place(net, "x"), case)


def judged(case: Case, opset: int, x: np.ndarray) -> np.ndarray:
    """What the standard says that the node gives for each of ``x``, in float32."""
    proto = model(case, opset)
    if case.domain == QONNX:
        return np.concatenate([_by_qonnx(proto, row[None]) for row in x])
    if case.domain in ("", MICROSOFT) and (got := _by_runtime(proto, x)) is not None:
        return got
    return np.concatenate([evaluate(proto, row[None]).v for row in x])


def _by_runtime(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray | None:
    """Return what ONNX Runtime gives; None where it has no such operator or combination."""
    options = runtime.SessionOptions()
    # products of u8 and s8 saturate at 16 bits on some processors without it
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return np.concatenate([np.asarray(session.run(None, {"x": row[None]})[0]) for row in x])
    except tuple(LACKING) as error:
        if any(words in str(error) for words in LACKING[type(error)]):
            return None
        raise


def _by_qonnx(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    from qonnx.custom_op.registry import getCustomOp

    context = {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer}
    context["x"] = x
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.s == b"ROUND_TO_ZERO":  # Brevitas' name, which qonnx does not know
                attribute.s = b"DOWN"
        version = 2 if node.op_type == "Trunc" and len(node.input) == 6 else 1
        getCustomOp(node, onnx_opset_version=version).execute_node(context, proto.graph)
    return np.asarray(context[proto.graph.output[0].name], np.float32)


@dataclass
class Verdict:
    """What became of a case at one opset: ``equal`` in some networks, ``reasons`` in others."""

    equal: list[str]
    reasons: dict[str, str]
    wrong: list[str]


def verdict(case: Case, opset: int, folder: Path, *, every: bool = True) -> Verdict:
    """Import the case in each network, or until it is accepted, and compare with the judge."""
    found = Verdict([], {}, [])
    for kind in NETWORKS:
        try:
            graph = load_model(save(network(case, opset, kind), folder))
        except UnsupportedError as error:
            found.reasons[kind] = str(error)
            continue
        if case.invalid:
            found.wrong.append(f"{case} at opset {opset} is accepted")
            break
        if fault := difference(case, opset, kind, graph):
            found.wrong.append(f"{case} at opset {opset}, {kind}: {fault}")
        else:
            found.equal.append(kind)
        if not every:
            break
    return found


def difference(case: Case, opset: int, kind: str, graph: Graph) -> str:
    """Compare the golden model with the judge; empty if they are equal."""
    x = inputs(case)
    real = x
    if kind in ON_SUMS:
        real = np.einsum("oc,nc...->no...", mixing(case.shape[0]), x).astype(np.float32)
    want = judged(case, opset, real)
    integers = graph.run(graph.source.quantize(x))
    (got,) = model_outputs(graph.sink, integers).values()
    if want.shape != got.shape:
        return f"its shape is {list(got.shape[1:])}, not {list(want.shape[1:])}"
    if case.integers:
        return "" if np.array_equal(got, want) else f"{got.tolist()}, not {want.tolist()}"
    if kind not in ("sums", "quantized"):
        error = 2.0**-22 * (np.abs(want) + np.abs(real).max())  # of the judge's float32
        far = np.abs(got - want) > error
        return f"{got[far][:4]}, not {want[far][:4]}" if far.any() else ""
    place = want.astype(np.float64) / FINE
    slack = 2.0**-20 * (np.abs(place) + 1)
    low, high = (np.clip(np.rint(place + s), -128, 127) for s in (-slack, slack))
    steps = np.rint(got / FINE)
    far = (steps < low) | (steps > high)
    return f"{steps[far][:4] * FINE}, not {want[far][:4]}" if far.any() else ""
