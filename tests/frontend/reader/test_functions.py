"""The functions of domain ``bitrill``: bodies, what they compute, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend.reader.local_functions import (
    DOMAIN,
    L1_CONV,
    L1_MATMUL,
    LOG_QUANT,
    OPSETS,
    Body,
    l1_matmul_function,
    log_quant_function,
)
from bitrill.ir import IntType
from bitrill.ir.activation import Quantizer
from bitrill.lowering import to_integer
from bitrill.ops import L1MatVec, Lookup, MatVec
from frontend import float_evaluator, float_numbers
from frontend.agreement import agrees
from frontend.onnx_models import QONNX, Net, imported, save
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from support import ROOT


class Quant(OpRun):
    """QONNX's Quant for the reference evaluator, with the modes that these tests use."""

    op_domain = QONNX

    def _run(
        self,
        x: np.ndarray,
        scale: np.ndarray,
        zero: np.ndarray,
        bits: np.ndarray,
        narrow: int = 0,
        signed: int = 1,
        rounding_mode: str = "ROUND",
    ) -> tuple[np.ndarray]:
        half = 2 ** (int(bits) - signed)
        lo, hi = -half * signed + narrow * signed, half - 1
        q = np.round(np.clip(x / scale + zero, lo, hi)).astype(np.float32)
        return ((q - zero) * scale,)


def reference(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """The output by onnx's reference evaluator, which runs functions by their bodies."""
    (y,) = list(ReferenceEvaluator(proto, new_ops=[Quant]).run(None, {"x": x}))
    return np.asarray(y)


def mixed(**options: Any) -> tuple[Net, list[str]]:
    """Layers of both functions, with slopes of both signs, and the names of what they give."""
    net = Net("b", 6, opset=15, **options)  # of 13, onnx evaluates batch norm as if it trained
    told = [net.quant("x", 0.25)]
    told.append(net.distances(told[-1], 6, 5, seed=1, scale=0.25))
    told.append(net.log_quant(net.norm(told[-1], 5), 0.5, 3))
    told.append(net.distances(told[-1], 5, 4, seed=2, scale=0.25, bits=3.0))
    told.append(net.log_quant(net.norm(told[-1], 4, seed=3), [[0.5, 0.25, 0.5, 0.5]], 2))
    told.append(net.distances(net.quant(told[-1], 0.3, bits=3.0, signed=0), 4, 7, scale=0.6))
    told.append(net.quant(net.norm(told[-1], 7, seed=5), 0.3, bits=3.0, signed=0))
    return net, told


def test_the_page_has_the_bodies() -> None:
    """`docs/format.md` lists each line of both."""
    page = (ROOT / "docs/format.md").read_text()

    def row(body: Body, k: int) -> str:
        line = body.nodes[k]
        told = ""
        if line.attribute is not None:
            name, value = line.attribute
            shown = list(value) if isinstance(value, tuple) else value
            told = f"{name} = {shown}"
        if told.startswith("value_int = @"):
            told = "value_int = attribute `bits` (by reference)"
        return f"| {line.output} | {line.op} | {', '.join(line.inputs)} | {told} |".replace(
            "  ", " "
        )

    for body in (L1_MATMUL, L1_CONV, LOG_QUANT):
        table = "\n".join(row(body, k) for k in range(len(body.nodes)))
        assert table in page


@pytest.mark.parametrize("opset", [OPSETS[0], 14, 16, 18, OPSETS[-1]])
def test_onnx_takes_the_functions(opset: int, tmp_path: Path) -> None:
    net, told = mixed()
    proto = net.proto(told[-1])
    del proto.functions[:]
    proto.functions.extend([l1_matmul_function(opset), log_quant_function(opset)])
    proto.opset_import[0].version = opset
    proto.graph.output[0].CopyFrom(
        helper.make_tensor_value_info(told[-1], onnx.TensorProto.FLOAT, ["b", 7])
    )
    onnx.checker.check_model(proto)
    assert len(imported(proto, tmp_path).nodes) >= 6


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_body_of_log_quant_is_what_the_importer_takes_it_for(bits: int, scale: float) -> None:
    """Run by the reference evaluator, on floats on both sides of each boundary; they may differ
    where float32 does not tell the two sides apart."""
    net = Net("b", 1, opset=13)
    proto = net.proto(net.log_quant("x", scale, bits))
    bounds = np.float32(scale) * 2.0 ** (np.arange(-1, 2**bits + 1) - 0.5)
    near = bounds.astype(np.float32)[:, None] * (1 + np.arange(-4, 5, dtype=np.float32) * 2.0**-23)
    noise = np.random.default_rng(bits).normal(0, 8, 200)
    x = np.concatenate([near.reshape(-1), noise, [0, -0.0, -5, 1e30, 1e-30]]).astype(np.float32)
    y = reference(proto, x[:, None])
    step = Fraction(float(np.float32(scale)))
    exact = Quantizer(IntType(0, 1 << (1 << bits) - 2, "log2"), (step,))
    off = 0
    for v, given in zip(x.tolist(), y[:, 0].tolist(), strict=True):
        q = exact(Fraction(v), 0)
        powers = [Fraction(0), *(Fraction(1 << k) for k in range(2**bits - 1))]
        squares = [Fraction(v) ** 2 * 2 >= step**2 * 4**k for k in range(2**bits - 1)]
        assert q == powers[sum(squares) if v > 0 else 0]
        if given != np.float32(float(q)) * np.float32(scale):
            off += 1
            assert min(abs(v / b - 1) for b in bounds) < 2.0**-22
    assert off < 9 * 2**bits


def test_what_is_imported_is_what_the_bodies_compute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensor by tensor: each is the output once, of a file that onnx runs with its bodies.

    They may differ where float32 cannot decide: where our evaluator, told that it has no more than
    float32, says so.
    """
    net, told = mixed()
    x = np.random.default_rng(2).normal(0, 2, (300, 6)).astype(np.float32)
    for tensor in told[1:]:
        proto = net.proto(tensor)
        graph = imported(proto, tmp_path)
        assert agrees(graph, proto, n=30) >= 25
        theirs = reference(proto, x)
        ours = graph.sink.dequantize(graph.run(graph.source.quantize(x)))
        # sums of float32 are rounded, which is far below a hundredth of a step
        differ = (np.rint(ours * 1024) != np.rint(theirs.astype(float) * 1024)).any(1)
        assert differ.sum() <= 6
        with float_evaluator.unit(2.0**-21):
            for k in np.flatnonzero(differ):
                with pytest.raises(float_numbers.Undecided):
                    float_evaluator.evaluate(proto, x[k : k + 1])


def test_integers_of_both_layers(tmp_path: Path) -> None:
    """Weights on the data's grid; logarithmic codes are decoded for distances by one table."""
    net, told = mixed()
    graph = to_integer(imported(net.proto(told[-1]), tmp_path))
    layers = [n for n in graph if isinstance(n, L1MatVec)]
    w = np.random.default_rng(1).normal(0, 2, (5, 6)).astype(np.float32)
    assert np.array_equal(layers[0].weights, np.clip(np.round(w / np.float32(0.25)), -8, 7))
    lookups = [n for n in graph if isinstance(n, Lookup)]
    # data on 0.5 and weights on 0.25 meet on 0.25; the next codes become integers in front of Quant
    assert lookups[0].table.tolist() == [[0, 2, 4, 8, 16, 32, 64, 128]]
    assert lookups[1].table.tolist() == [[0, 1, 2, 4]]
    assert graph["logquant5"].y.type == IntType(0, 64, "log2")
    w = np.random.default_rng(0).normal(0, 2, (7, 4)).astype(np.float32)
    whole = np.clip(np.round(w / np.float32(0.6)), -8, 7).astype(int)
    assert np.array_equal(layers[2].weights, 2 * whole)  # 0.6 is twice 0.3, in float32 as well


def test_log_codes_go_to_products_as_they_are(tmp_path: Path) -> None:
    net = Net("b", 6, opset=13)
    out = net.dense(net.log_quant("x", 0.5, 3), 6, 4, scale=0.3)
    graph = imported(net.proto(out), tmp_path)
    assert [type(n) for n in graph] == [MatVec]
    assert graph.source.tensor.type == IntType(0, 64, "log2")
    assert agrees(graph, net.proto(out)) >= 30


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # quantizer of the data, of the weights
    "bipolar data": ({"bits": 1.0, "scale": 0.5}, {"scale": 0.5, "bits": 3.0}),
    "bipolar weights": ({"scale": 0.5}, {"scale": 0.5, "bits": 1.0}),
    "zero point": ({"scale": 0.5, "zero": 3.0, "bits": 3.0, "signed": 0}, {"scale": 0.5}),
    "a scale for each output": ({"scale": 0.5}, {"scale": [[0.5], [0.25], [1.0], [0.5]]}),
    "finer data": ({"scale": 0.25}, {"scale": 0.75}),
    "thirds": ({"scale": 0.75}, {"scale": 0.5}),
    "a negative scale": ({"scale": -0.5}, {"scale": 0.5}),
    "eight bits": ({"scale": 0.125, "bits": 8.0}, {"scale": 0.125, "bits": 8.0}),
}


@pytest.mark.parametrize("case", CASES)
def test_grids_that_meet(case: str, tmp_path: Path) -> None:
    data, weights = CASES[case]
    net = Net("b", 6, opset=13)
    out = net.distances(net.quant("x", **data), 6, 4, seed=4, **weights)
    graph = imported(net.proto(out), tmp_path)
    assert agrees(graph, net.proto(out)) >= 30
    levelled = net.quant(net.norm(out, 4), 0.4, bits=2.0)
    assert agrees(to_integer(imported(net.proto(levelled), tmp_path)), net.proto(levelled)) >= 30


def test_distances_to_signs_are_products(tmp_path: Path) -> None:
    net = Net("b", 6, opset=13)
    data = net.bipolar("x", 0.5)
    whole, fine = (net.distances(data, 6, 4, seed=4, scale=s) for s in (0.5, 0.25))
    graph = to_integer(imported(net.proto(whole), tmp_path))
    (layer,) = graph.nodes
    assert isinstance(layer, MatVec)
    assert set(np.unique(layer.weights)) == {-1, 0, 1}
    assert agrees(graph, net.proto(whole)) >= 30
    graph = imported(net.proto(fine), tmp_path)
    assert set(np.unique(graph.nodes[0].weights)) <= {-2, -1, 0, 1, 2}  # type: ignore[attr-defined]
    assert agrees(graph, net.proto(fine)) >= 30


def test_weights_may_be_small_integers(tmp_path: Path) -> None:
    net = Net("b", 3, opset=13)
    w = net.const([[1, -2], [0, 3], [5, 5]])
    out = net.node("L1MatMul", net.quant("x", 1.0), w, domain=DOMAIN)
    graph = imported(net.proto(out), tmp_path)
    assert graph.nodes[0].weights.tolist() == [[1, 0, 5], [-2, 3, 5]]  # type: ignore[attr-defined]


def test_a_call_without_its_function(tmp_path: Path) -> None:
    net, told = mixed()
    proto = net.proto(told[-1])
    del proto.functions[:]
    assert len(imported(proto, tmp_path).nodes) >= 6


def test_names_of_a_body_do_not_matter(tmp_path: Path) -> None:
    net, told = mixed()
    proto = net.proto(told[-1])
    for function in proto.functions:
        names = {
            n: f"strange/{k}"
            for k, n in enumerate([*function.input, *(o for n in function.node for o in n.output)])
        }
        function.doc_string = "a note"
        for node in function.node:
            node.name, node.doc_string = "some name", "another"
            for tensors in (node.input, node.output):
                tensors[:] = [names[t] for t in tensors]
        for tensors in (function.input, function.output):
            tensors[:] = [names[t] for t in tensors]
    assert len(imported(proto, tmp_path).nodes) >= 6


Change = Callable[[onnx.ModelProto], object]


def l1(m: onnx.ModelProto) -> onnx.FunctionProto:
    return m.functions[0]


def log(m: onnx.ModelProto) -> onnx.FunctionProto:
    return m.functions[1]


def set_(part: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(part, name, value)


def swap(f: onnx.FunctionProto) -> None:
    """Swap two constants."""
    first, second = f.node[0].SerializeToString(), f.node[1].SerializeToString()
    f.node[0].ParseFromString(second)
    f.node[1].ParseFromString(first)


BODY = "must be, node by node, as docs/format.md defines it: "
DAMAGED: dict[str, tuple[Change, str]] = {
    "a node less": (
        lambda m: l1(m).node.pop(3),
        f"L1MatMul {BODY}2 inputs, 1 output and 7 nodes, not 2, 1 and 6",
    ),
    "a node more": (lambda m: l1(m).node.add(op_type="Neg"), "not 2, 1 and 8"),
    "an input more": (lambda m: l1(m).input.append("Z"), "not 3, 1 and 7"),
    "an output more": (lambda m: l1(m).output.append("Z"), "not 2, 2 and 7"),
    "one input twice": (lambda m: l1(m).input.__setitem__(1, "X"), "two inputs have the same name"),
    "another operator": (
        lambda m: set_(l1(m).node[3], op_type="Relu"),
        f"L1MatMul {BODY}node 3 must be Abs of difference",
    ),
    "another domain inside": (lambda m: set_(l1(m).node[3], domain="os"), "node 3 must be Abs"),
    "an overload of a node": (lambda m: set_(l1(m).node[3], overload="a"), "node 3 must be Abs"),
    "operands swapped": (
        lambda m: l1(m).node[2].input.__setitem__(slice(None), ["W", "column"]),
        "node 2 must be Sub of column, W",
    ),
    "an operand of nowhere": (lambda m: l1(m).node[2].input.__setitem__(1, "V"), "node 2 must be"),
    "an operand more": (lambda m: l1(m).node[3].input.append("W"), "node 3 must be Abs"),
    "two outputs of a node": (lambda m: l1(m).node[3].output.append("more"), "node 3 must be Abs"),
    "a tensor written twice": (
        lambda m: l1(m).node[3].output.__setitem__(0, "last"),
        "node 3 must be Abs",
    ),
    "another output": (
        lambda m: l1(m).output.__setitem__(0, "sums"),
        "its output must be the result of node 6",
    ),
    "another axis": (
        lambda m: l1(m).node[0].attribute[0].ints.__setitem__(0, -2),
        "node 0 must be Constant of nothing with value_ints = (-1,)",
    ),
    "an attribute less": (
        lambda m: l1(m).node[5].ClearField("attribute"),
        "node 5 must be ReduceSum of distance, features with keepdims = 0",
    ),
    "an attribute more": (
        lambda m: l1(m).node[3].attribute.append(helper.make_attribute("alpha", 1.0)),
        "node 3 must be Abs",
    ),
    "an attribute of another name": (
        lambda m: set_(l1(m).node[5].attribute[0], name="axes"),
        "node 5 must be ReduceSum",
    ),
    "an attribute of another type": (
        lambda m: set_(l1(m).node[5].attribute[0], type=1),
        "node 5 must be ReduceSum",
    ),
    "a value by reference": (
        lambda m: set_(l1(m).node[5].attribute[0], ref_attr_name="bits"),
        "node 5 must be ReduceSum",
    ),
    "an attribute of the function": (
        lambda m: l1(m).attribute.append("bits"),
        f"L1MatMul {BODY}its attributes must be none",
    ),
    "a default": (
        lambda m: log(m).attribute_proto.append(helper.make_attribute("bits", 3)),
        "its attributes must be bits, without defaults",
    ),
    "no attribute": (lambda m: log(m).ClearField("attribute"), f"LogQuant {BODY}its attributes"),
    "a reference to another": (
        lambda m: set_(log(m).node[4].attribute[0], ref_attr_name="b"),
        "node 4 must be Constant of nothing with value_int = @bits",
    ),
    "another number": (
        lambda m: set_(log(m).node[1].attribute[0], f=0.25),
        "node 1 must be Constant of nothing with value_float = 0.5",
    ),
    "another order": (lambda m: swap(log(m)), "node 0 must be Constant of nothing with value_"),
    "another domain declared": (
        lambda m: log(m).opset_import.append(helper.make_opsetid("os", 1)),
        "it must declare only ONNX's opset 13 to 20",
    ),
    "an old opset": (lambda m: set_(log(m).opset_import[0], version=11), "opset 13 to 20"),
    "no opset": (lambda m: log(m).ClearField("opset_import"), "opset 13 to 20"),
    "an overload": (
        lambda m: set_(log(m), overload="x"),
        "function 'LogQuant' of domain 'bitrill' is not accepted; only IntSoftmax, L1Conv,",
    ),
    "another function": (
        lambda m: m.functions.add(name="Q", domain="qonnx.custom_op.general"),
        "function 'Q' of domain 'qonnx.custom_op.general' is not accepted",
    ),
    "twice": (
        lambda m: m.functions.append(log_quant_function()),
        "function LogQuant must be defined once, not twice",
    ),
    "very many": (
        lambda m: m.functions.extend([log_quant_function()] * 80),
        "functions must be at most 64, not 82",
    ),
    "no version": (
        lambda m: m.opset_import.pop(),
        "must declare version 1 of domain bitrill, not none",
    ),
    "another version": (lambda m: set_(m.opset_import[-1], version=2), "domain bitrill, not 2"),
    "an old model opset": (
        lambda m: set_(m.opset_import[0], version=12),
        "functions of domain bitrill the opset must be at least 13, not 12",
    ),
    "an old file": (lambda m: set_(m, ir_version=7), "the IR version must be at least 8, not 7"),
    "an unknown call": (lambda m: set_(m.graph.node[-1], domain=DOMAIN), "is not supported"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_or_foreign_function_is_refused(case: str, tmp_path: Path) -> None:
    net, told = mixed()
    proto = net.proto(told[-1])
    change, message = DAMAGED[case]
    change(proto)
    with pytest.raises(UnsupportedError) as caught:
        imported(proto, tmp_path)
    assert any(message in reason for reason in caught.value.reasons)


def other_value(node: onnx.NodeProto) -> None:
    attribute = node.attribute[0]
    attribute.ClearField("ref_attr_name")
    attribute.i, attribute.f = 7, 7.0
    attribute.ints[:] = [7]


def test_single_damages_of_a_body_are_all_seen(tmp_path: Path) -> None:
    """Each node left out, each operator, operand and constant changed, one at a time."""
    net, told = mixed()
    whole = net.proto(told[-1])
    tried = 0
    for f, function in enumerate(whole.functions):
        for k, node in enumerate(function.node):
            changes: list[Callable[[Any], object]] = [
                lambda n: set_(n, op_type="Identity"),
                lambda n: n.input.append("X"),
                lambda n: n.output.__setitem__(0, "elsewhere"),
            ]
            changes += [lambda n, i=i: n.input.__setitem__(i, "") for i in range(len(node.input))]
            changes += [other_value] * len(node.attribute)
            for change in changes:
                proto = onnx.ModelProto()
                proto.CopyFrom(whole)
                change(proto.functions[f].node[k])
                with pytest.raises(UnsupportedError, match="must be, node by node"):
                    imported(proto, tmp_path)
                tried += 1
    assert tried > 100


REFUSED: dict[str, tuple[Callable[[Net], str], str]] = {
    "scales apart": (
        lambda n: n.distances(n.quant("x", 0.125), 6, 4, scale=0.1),
        "the scales of its data, 0.125, and of its weights, 0.1, must be whole multiples",
    ),
    "many scales apart": (
        lambda n: n.distances(n.quant("x", 0.5), 6, 2, scale=[[0.3], [0.5]]),
        "the scales of its data, 0.5, and of its weights, 0.3 and 1 more, must be",
    ),
    "the common grid is too fine for the data": (
        lambda n: n.distances(n.quant("x", 1.0, bits=8.0), 6, 2, scale=0.5),
        "of which the data hold at most 8 bits and the weights 16; train both on one scale",
    ),
    "weights too far out": (
        lambda n: n.node(
            "L1MatMul",
            n.quant("x", 2.0**-10),
            n.quant(n.const(np.full((6, 2), 50.0)), 8.0),
            domain=DOMAIN,
        ),
        "the scales of its data, 0.000976562, and of its weights, 8, must be",
    ),
    "wide data": (
        lambda n: n.distances(n.quant("x", 1.0, bits=9.0), 6, 2, scale=1.0),
        "its data must have at most 8 bits, not 9",
    ),
    "a scale for each channel of the data": (
        lambda n: n.distances(n.quant("x", [[1.0, 1, 1, 1, 1, 2]]), 6, 2, scale=1.0),
        "its data must have one scale for all channels, not one for each",
    ),
    "a zero point for each channel": (
        lambda n: n.distances(n.quant("x", 1.0, [[1.0, 1, 1, 1, 1, 2]]), 6, 2, scale=1.0),
        "its data must have one zero point for all channels",
    ),
    "features that do not fit": (
        lambda n: n.distances(n.quant("x", 1.0), 5, 2, scale=1.0),
        "its weights must take 6 features, not 5",
    ),
    "floats": (lambda n: n.distances("x", 6, 2, scale=1.0), "it takes unquantized floats"),
    "float weights": (
        lambda n: n.node(
            "L1MatMul", n.quant("x"), n.const(np.sqrt(np.arange(12)).reshape(6, 2)), domain=DOMAIN
        ),
        "its weights are not quantized; pass them through Quant, BipolarQuant or",
    ),
    "constants on both sides": (
        lambda n: n.node(
            "L1MatMul", n.const(np.ones((1, 6))), n.const(np.ones((6, 2))), domain=DOMAIN
        ),
        "its first operand must be data, its second constant weights",
    ),
    "data on both sides": (
        lambda n: n.node("L1MatMul", n.quant("x"), n.quant("x"), domain=DOMAIN),
        "both its operands depend on the model's input",
    ),
    "a vector of weights": (
        lambda n: n.node("L1MatMul", n.quant("x"), n.quant(n.const(np.ones(6))), domain=DOMAIN),
        "data must be [batch, features] and weights a matrix",
    ),
    "an attribute": (
        lambda n: n.node("L1MatMul", n.quant("x"), n.weights(6, 2), domain=DOMAIN, alpha=1.0),
        "its attributes must be among none, not 'alpha'",
    ),
    "no bits": (
        lambda n: n.node("LogQuant", "x", n.const(1.0), domain=DOMAIN),
        "attribute bits must be 1 to 4, not 0",
    ),
    "many bits": (lambda n: n.log_quant("x", bits=5), "attribute bits must be 1 to 4, not 5"),
    "bits of another type": (
        lambda n: n.node("LogQuant", "x", n.const(1.0), domain=DOMAIN, bits=3.0),
        "attribute bits has the wrong type",
    ),
    "a scale of 0": (lambda n: n.log_quant("x", 0.0), "its scale must be above 0"),
    "a negative scale": (lambda n: n.log_quant("x", -1.0), "its scale must be above 0"),
    "a scale that is data": (
        lambda n: n.node("LogQuant", "x", "x", domain=DOMAIN, bits=3),
        "its scale must be a constant",
    ),
    "a constant": (
        lambda n: n.log_quant(n.const(np.ones((1, 6)))),
        "input 0 must depend on the model's input, not be a constant",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, tmp_path: Path) -> None:
    build, message = REFUSED[case]
    net = Net("b", 6, opset=13)
    out = build(net)
    net.quant("x")
    with pytest.raises(UnsupportedError) as caught:
        imported(net.proto(out), tmp_path)
    assert any(message in reason for reason in caught.value.reasons), caught.value.reasons


def test_a_file_with_functions_is_bounded_before_it_is_parsed(tmp_path: Path) -> None:
    net, told = mixed()
    proto = net.proto(told[-1])
    for _ in range(9):
        proto.functions.extend(list(proto.functions))
    with pytest.raises(UnsupportedError, match="functions must be at most 64, not 1024"):
        imported(proto, tmp_path)
    assert save(proto, tmp_path).stat().st_size > 1 << 18
