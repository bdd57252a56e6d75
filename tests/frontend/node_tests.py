"""ONNX's own node tests, put to the evaluators of these tests and, quantized, to the importer.

The package ``onnx`` ships a model of one node for each operator and form, with inputs and the
outputs that its reference implementation gave. A model's first input is the data; the others
become constants. The evaluators are given the recorded inputs and must give the recorded outputs.

The importer is given the node behind a quantizer, with a layer that changes nothing in between
where it wants one. Recorded data that lie on a grid of 8 bits are taken as they are, and so is
what was recorded of them; else numbers of a grid are drawn, for the weights of layers, too, and
the reference implementation is run on these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
from bitrill.errors import UnsupportedError
from bitrill.flow.running import model_outputs
from bitrill.frontend import load_model
from bitrill.frontend.reader.proto import OPSETS
from bitrill.frontend.rules.table import RULES
from bitrill.ir import Graph
from frontend.float_evaluator import evaluate_all
from frontend.float_numbers import Undecided
from frontend.onnx_models import Net, save
from fuzz.evaluator import Invalid, Unsure
from fuzz.integer_evaluator import IntegerEvaluator
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

DATA = Path(onnx.backend.test.__file__).parent / "data" / "node"
FLOAT, SMALL = np.dtype(np.float32), (np.dtype(np.int8), np.dtype(np.uint8))
STEP = 0.5

NO_LAYER = "must come from at least one layer"

PRINTED = ("test_averagepool_2d_ceil_last_window_starts_on_pad",)
"""Tests whose outputs are recorded with four digits."""


@dataclass(frozen=True)
class NodeTest:
    """One node, its inputs in their order, the data first, and its outputs as recorded."""

    name: str
    node: onnx.NodeProto
    opset: int
    inputs: tuple[np.ndarray | None, ...]
    outputs: tuple[np.ndarray, ...]

    @property
    def data(self) -> np.ndarray:
        return self.inputs[0] if self.inputs[0] is not None else np.zeros(0, bool)

    def placed(self, net: Net, x: str) -> list[str]:
        """Put the node behind ``x`` and return its outputs."""
        names = [x, *("" if v is None else net.const(v, v.dtype) for v in self.inputs[1:])]
        node = onnx.NodeProto()
        node.CopyFrom(self.node)
        node.name = "judged"
        del node.input[:]
        node.input.extend(names)
        net.nodes.append(node)
        return list(node.output)

    def alone(self) -> onnx.ModelProto:
        net = Net(*self.data.shape, opset=self.opset)
        return self.typed(net, self.placed(net, "x"), self.data.dtype)

    def typed(self, net: Net, outputs: list[str], kind: np.dtype) -> onnx.ModelProto:
        """The model with outputs of the types that are recorded, and an input of that type."""
        proto = net.proto(*outputs)
        proto.graph.input[0].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(kind)
        for declared, recorded in zip(proto.graph.output, self.outputs, strict=True):
            number = helper.np_dtype_to_tensor_dtype(recorded.dtype)
            declared.type.tensor_type.elem_type = number
        return proto

    @cached_property
    def weighted(self) -> bool:
        rule = RULES.get(("", self.node.op_type))
        return rule is not None and (rule.weights or rule.op == "MatMul")


def node_tests(*patterns: str) -> Iterator[NodeTest]:
    """The tests of one node whose folders match, in the order of their names."""
    for folder in sorted({f for p in patterns or ("*",) for f in DATA.glob(p)}):
        proto = onnx.load(str(folder / "model.onnx"))
        ins = [i.name for i in proto.graph.input]
        nodes, opset = proto.graph.node, proto.opset_import[0].version
        if len(nodes) != 1 or nodes[0].domain or not ins or nodes[0].input[0] not in ins:
            continue
        opset = min(opset, OPSETS[-1])
        if onnx.defs.get_schema(nodes[0].op_type).since_version > opset:
            continue  # a form that came later
        try:
            inputs, outputs = (_read(folder, kind) for kind in ("input", "output"))
        except (TypeError, ValueError):  # a sequence or an optional value
            continue
        known = dict(zip(ins, inputs, strict=False))
        operands = tuple(known[i] if i else None for i in nodes[0].input)
        yield NodeTest(folder.name, nodes[0], opset, operands, tuple(outputs))


def _read(folder: Path, kind: str) -> list[np.ndarray]:
    found = []
    for k in range(len([*folder.glob(f"test_data_set_0/{kind}_*.pb")])):
        tensor = TensorProto()
        tensor.ParseFromString((folder / "test_data_set_0" / f"{kind}_{k}.pb").read_bytes())
        found.append(numpy_helper.to_array(tensor))
    return found


def near(got: np.ndarray, want: np.ndarray, slack: float = 2.0**-17) -> bool:
    """Whether numbers are equal, but for what floats round; other types are equal."""
    if got.shape != want.shape:
        return False
    if want.dtype.kind != "f":
        return bool(np.array_equal(got.astype(np.float64), want.astype(np.float64)))
    wide = want.astype(np.float64)
    slack = max(slack, 8 * float(np.finfo(want.dtype).eps))
    largest = np.max(np.abs(wide), initial=0.0)
    return bool((np.abs(got - wide) <= slack * (np.abs(wide) + largest)).all())


def by_float_evaluator(test: NodeTest) -> str:
    """``equal``, ``wrong``, or why the float evaluator cannot say."""
    if not _plain(test):
        return "unjudged: no finite numbers"
    try:
        with np.errstate(all="ignore"):
            found = evaluate_all(test.alone(), test.data)
    except Undecided:
        return "unjudged: undecided"
    except NotImplementedError as error:
        return f"unjudged: {error}"
    slack = 2.0**-9 if test.name in PRINTED else 2.0**-17
    pairs = zip(found, test.outputs, strict=True)
    return "equal" if all(near(n.v, want, slack) for n, want in pairs) else "wrong"


def _plain(test: NodeTest) -> bool:
    """Whether a test is of finite numbers, none of them floats of 8 bits or bfloat16."""
    numbers = [v for v in (*test.inputs, *test.outputs) if v is not None]
    finite = (v.dtype.kind != "f" or bool(np.isfinite(v).all()) for v in numbers)
    small = ("float8" in v.dtype.name or "float4" in v.dtype.name for v in numbers)
    brain = (v.dtype.name == "bfloat16" for v in numbers)
    return test.data.dtype.kind in "fiu" and not any((*small, *brain)) and all(finite)


def by_exact_evaluator(test: NodeTest) -> str:
    """``equal``, ``wrong``, or ``unjudged``."""
    if test.data.dtype != FLOAT or len(test.outputs) != 1 or not _plain(test):
        return "unjudged: no single output of finite floats"
    try:
        found = IntegerEvaluator(test.alone().SerializeToString()).run(test.data)
    except Unsure:
        return "unjudged"
    except Invalid as error:
        return f"wrong: {error}"
    slack = 2.0**-9 if test.name in PRINTED else 2.0**-17
    return "equal" if near(found.astype(np.float64), test.outputs[0], slack) else "wrong"


# -- the importer


def by_importer(test: NodeTest, folder: Path) -> str:
    """``equal``, ``refused: reason``, ``wrong: numbers``; ``unjudged`` without data of 8 bits."""
    if test.data.dtype not in (FLOAT, *SMALL) or not _plain(test) or not test.data.size:
        return "unjudged: no data of floats or 8 bits"
    test = _with_batch(test)
    step, test = _on_grid(test)
    reason = ""
    for layer in (False, True):
        net = Net(*test.data.shape, opset=test.opset)
        x = _quantized(net, test.data, step)
        if layer and (test.data.dtype != FLOAT or test.data.ndim not in (2, 3, 4)):
            return reason
        out = test.placed(net, _unchanged(net, x, test.data.shape) if layer else x)
        out = [_real(net, y, a) for y, a in zip(out, test.outputs, strict=True)]
        proto = test.typed(net, out, FLOAT)
        for declared, recorded in zip(proto.graph.output, test.outputs, strict=True):
            if recorded.dtype in SMALL:
                declared.type.tensor_type.elem_type = TensorProto.FLOAT
        try:
            return _compared(load_model(save(proto, folder)), test)
        except UnsupportedError as error:
            reason = f"refused: {error}"
            if NO_LAYER not in reason:
                break
    return reason


def _with_batch(test: NodeTest) -> NodeTest:
    """Data of one axis get one for the batch, where the operator takes each element for itself."""
    rule = RULES.get(("", test.node.op_type))
    if test.data.ndim != 1 or rule is None or rule.layout != "same" or test.node.attribute:
        return test
    first, *rest = test.inputs
    assert first is not None
    outputs = tuple(y[None] for y in test.outputs)
    return replace(test, inputs=(first[None], *rest), outputs=outputs)


def _on_grid(test: NodeTest) -> tuple[float, NodeTest]:
    """The step of the data's grid, and the test with numbers that lie on it."""
    x = test.data
    if x.dtype in SMALL:
        return 1.0, test
    steps = [2.0**-k for k in range(-8, 9)]
    fit = [s for s in steps if (x / s == np.round(x / s)).all() and np.abs(x / s).max() <= 127]
    if fit and not test.weighted:
        return fit[0], test
    rng = np.random.default_rng(len(test.name))
    low = 1 if (x > 0).all() else -8
    drawn: list[np.ndarray | None] = [(rng.integers(low, 8, x.shape) * STEP).astype(np.float32)]
    drawn += test.inputs[1:]
    if test.weighted and len(drawn) > 1 and drawn[1] is not None:
        drawn[1] = rng.integers(-3, 4, drawn[1].shape).astype(drawn[1].dtype)
    again = replace(test, inputs=tuple(drawn))
    outputs = ReferenceEvaluator(again.alone()).run(None, {"x": drawn[0]})
    return STEP, replace(again, outputs=tuple(np.asarray(y) for y in outputs))


def _quantized(net: Net, x: np.ndarray, step: float) -> str:
    """The model's input on the grid; data of 8 bits are what QuantizeLinear gives of them."""
    if x.dtype == FLOAT:
        return net.quant("x", step, bits=8.0)
    return net.node("QuantizeLinear", "x", net.const(1.0), net.const(0, x.dtype))


def _unchanged(net: Net, x: str, shape: tuple[int, ...]) -> str:
    """``x`` behind a layer whose weights are the identity."""
    eye = np.eye(shape[1], dtype=np.float32)
    if len(shape) == 2:
        return net.node("MatMul", x, net.const(eye))
    return net.node("Conv", x, net.const(eye.reshape(*eye.shape, *[1] * (len(shape) - 2))))


def _real(net: Net, y: str, recorded: np.ndarray) -> str:
    if recorded.dtype not in SMALL:
        return y
    return net.node("DequantizeLinear", y, net.const(1.0), net.const(0, recorded.dtype))


def _compared(graph: Graph, test: NodeTest) -> str:
    x = test.data.astype(np.float32)
    integers = graph.run(x if graph.source.quantizer is None else graph.source.quantize(x))
    got = list(model_outputs(graph.sink, integers).values())
    for y, want in zip(got, test.outputs, strict=True):
        if not near(y, want):
            return f"wrong: {y.reshape(-1)[:4]} and not {want.reshape(-1)[:4]}"
    return "equal"
