"""Imported graphs compute what the model means, in every accepted form."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend import load_model
from bitrill.ir import BIPOLAR, Graph, IntType, Stage, verify
from bitrill.ir.activation import Activation
from bitrill.ops import MatVec
from bitrill.real import ROUNDINGS
from frontend.agreement import agrees
from frontend.float_evaluator import evaluate
from frontend.onnx_models import QONNX, Net, imported, small
from onnx import TensorProto, helper
from support import shared_data, shared_model


def check(net: Net, output: str, folder: Path, **options: object) -> Graph:
    proto = net.proto(output)
    graph = imported(proto, folder)
    verify(graph, Stage.IMPORTED)
    assert agrees(graph, proto, **options) >= 8  # type: ignore[arg-type]
    return graph


def test_a_small_network_becomes_integer_layers_and_exact_functions(tmp_path: Path) -> None:
    net, out = small()
    graph = check(net, out, tmp_path)
    assert [type(n) for n in graph] == [MatVec, Activation, MatVec]
    assert graph.source.shape == (1, 2, 3)
    assert graph.source.tensor.shape == (6,)
    assert graph.name == "net"
    first = graph.nodes[0]
    assert isinstance(first, MatVec)
    w = np.random.default_rng(1).normal(0, 2, (5, 6)).astype(np.float32)
    assert np.array_equal(first.weights, np.clip(np.round(w / np.float32(0.3)), -7, 7))


def test_the_evaluator_agrees_with_qonnx() -> None:
    pytest.importorskip("qonnx")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    net, out = small()
    proto = net.proto(out)
    rng = np.random.default_rng(3)
    wrapped = ModelWrapper(proto).transform(InferShapes())
    for _ in range(4):
        x = rng.normal(0, 2, (1, 1, 2, 3)).astype(np.float32)
        theirs = execute_onnx(wrapped, {"x": x})[out]
        ours = evaluate(proto, x)
        # qonnx computes in float32: equal once both are rounded well above its error
        assert np.array_equal(np.rint(theirs.astype(float) * 1000), np.rint(ours.v * 1000))


@pytest.mark.parametrize("rounding", [*ROUNDINGS, "round", "Half_Up"])
def test_every_rounding_mode(tmp_path: Path, rounding: str) -> None:
    net = Net(1, 6)
    x = net.quant("x", 0.5, rounding=rounding)
    x = net.dense(x, 6, 4, scale=0.4, rounding=rounding)
    check(net, net.quant(x, 0.7, rounding=rounding), tmp_path)


@pytest.mark.parametrize("domain", ["onnx.brevitas", "finn.custom_op.general", QONNX])
@pytest.mark.parametrize("declare", [True, False])
@pytest.mark.parametrize("op", ["Quant", "IntQuant"])
def test_every_domain_declared_or_not(tmp_path: Path, domain: str, declare: bool, op: str) -> None:
    net = Net(1, 6, declare=declare)
    x = net.quant("x", 0.5, domain=domain, op=op)
    w = net.bipolar(net.const(np.random.default_rng(0).normal(0, 1, (6, 3))), 0.5, domain=domain)
    graph = check(net, net.node("MatMul", x, w), tmp_path)
    layer = graph.nodes[0]
    assert isinstance(layer, MatVec)
    assert layer.weight_type == BIPOLAR


@pytest.mark.parametrize("opset", range(9, 21))
def test_every_opset(tmp_path: Path, opset: int) -> None:
    net, out = small(opset=opset)
    check(net, out, tmp_path)


@pytest.mark.parametrize("ir", [3, 6, 14])
def test_every_format_version(tmp_path: Path, ir: int) -> None:
    net, out = small(ir=ir)
    check(net, out, tmp_path)


@pytest.mark.parametrize(
    ("bits", "signed", "narrow", "want"),
    [
        (1, 1, 0, BIPOLAR),
        (1, 1, 1, BIPOLAR),
        (1, 0, 0, IntType(0, 1)),
        (2, 1, 1, IntType(-1, 1)),
        (2, 1, 0, IntType(-2, 1)),
        (3, 0, 1, IntType(0, 6)),
        (8, 1, 1, IntType(-127, 127)),
        (8, 0, 0, IntType(0, 255)),
    ],
)
def test_types_follow_bits_sign_and_narrowness(
    tmp_path: Path, bits: int, signed: int, narrow: int, want: IntType
) -> None:
    net = Net(1, 6)
    kind = {"bits": float(bits), "signed": signed, "narrow": narrow}
    x = net.quant("x", 0.5, **kind)  # type: ignore[arg-type]
    x = net.dense(x, 6, 4, scale=0.4, **kind)
    graph = check(net, net.quant(x, 0.7, **kind), tmp_path)  # type: ignore[arg-type]
    layer = graph.nodes[0]
    assert isinstance(layer, MatVec)
    assert graph.source.tensor.type == layer.weight_type == graph.sink.tensor.type == want


def test_zero_points_of_data_and_weights(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.quant("x", 0.25, 5.0, 4.0, signed=0)
    x = net.dense(x, 6, 4, scale=0.4, zero=3.0, bits=4.0, signed=0)
    graph = check(net, net.quant(x, 0.7, -2.5), tmp_path)
    layer = graph.nodes[0]
    assert isinstance(layer, MatVec)
    assert layer.weight_type == IntType(-3, 12)


def test_zero_points_for_each_channel(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.quant("x", 0.25, [1.0, 2.0, 0.5, 0.25, -1.0, 0.0])
    x = net.dense(x, 6, 4, scale=0.4, zero=[[1.0], [0.0], [-1.0], [2.0]])
    check(net, net.quant(x, [0.7, 0.8, 0.9, 1.0], [[1.0, 0.5, 0.0, 2.0]]), tmp_path)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (4, 1)])
def test_weight_scales_of_every_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    scale = np.random.default_rng(5).uniform(0.2, 0.6, shape)
    net = Net(1, 6)
    check(net, net.dense(net.quant("x", 0.5), 6, 4, scale=scale), tmp_path)
    net = Net(1, 6)
    w = net.weights(6, 4, scale=scale.T if scale.ndim == 2 else scale)
    check(net, net.node("MatMul", net.quant("x", 0.5), w), tmp_path)


def test_equal_scales_for_each_input_are_one_scale(tmp_path: Path) -> None:
    net = Net(1, 6)
    check(net, net.dense(net.quant("x", 0.5), 6, 4, scale=[[0.5] * 6]), tmp_path)


@pytest.mark.parametrize("scale", [-0.5, [0.5, -0.25, 1.0, -2.0]])
def test_negative_scales(tmp_path: Path, scale: object) -> None:
    net = Net(1, 6)
    x = net.dense(net.bipolar("x", -0.5), 6, 4, scale=-0.4)
    x = net.bipolar(x, scale)
    check(net, x, tmp_path)
    net = Net(1, 6)
    check(net, net.quant(net.dense(net.quant("x", -0.5), 6, 4), scale), tmp_path)


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias", [None, (), (1,), (4,), (1, 4), (1, 1)])
def test_gemm(tmp_path: Path, transposed: int, bias: tuple[int, ...] | None) -> None:
    net = Net(1, 6)
    w = net.weights(*((4, 6) if transposed else (6, 4)), scale=0.3)
    operands = [net.quant("x", 0.5), w]
    if bias is not None:
        operands.append(net.const(np.random.default_rng(1).normal(0, 1, bias)))
    x = net.node("Gemm", *operands, transB=transposed, alpha=0.5, beta=-1.5)
    check(net, x, tmp_path)


def test_a_quantized_bias(tmp_path: Path) -> None:
    net = Net(1, 6)
    bias = net.quant(net.const([1.0, -2.0, 0.3, 0.7]), 0.125, bits=16.0)
    x = net.node("Gemm", net.quant("x", 0.5), net.weights(6, 4), bias)
    check(net, net.node("Add", x, bias), tmp_path)


def test_batch_norm_taken_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    net = Net(1, 6)
    x = net.dense(net.quant("x", 0.5), 6, 4)
    var = net.node("Add", net.const(rng.uniform(0.1, 2, 4)), net.const(1e-5))
    x = net.node("Sub", x, net.const(rng.normal(0, 1, 4)))
    x = net.node("Div", x, net.node("Pow", var, net.const(0.5)))
    x = net.node("Mul", net.const(rng.normal(0, 1, (1, 4))), x)
    x = net.quant(net.node("Add", net.const(rng.normal(0, 1, 4)), x), 0.5)
    x = net.dense(x, 4, 3, seed=4)
    x = net.node("Mul", x, net.node("Reciprocal", net.node("Sqrt", net.const([2.0, 3.0, 4.0]))))
    x = net.node("Mul", x, net.node("Pow", net.const([2.0, 3.0, 4.0]), net.const(-0.5)))
    x = net.node("Div", x, net.node("Pow", net.const(1.5), net.const([2.0])))
    x = net.node("Sub", net.const(1.0), net.node("Neg", x))
    check(net, x, tmp_path)


def test_roots_stay_exact(tmp_path: Path) -> None:
    """``sqrt(2) * sqrt(2)`` is 2: a threshold at exactly 2 is reached by an accumulator of 2."""
    net = Net(1, 2)
    x = net.node("MatMul", net.bipolar("x"), net.bipolar(net.const([[1.0], [1.0]])))
    two = net.const(2.0)
    x = net.node("Mul", x, net.node("Sqrt", two))
    x = net.node("Mul", x, net.node("Pow", two, net.const(0.5)))
    x = net.node("Sub", x, net.const(4.0))
    graph = imported(net.proto(net.bipolar(x)), tmp_path)
    assert graph.run(np.array([[1, 1], [1, -1]])).tolist() == [[1], [-1]]


def test_a_decision_at_the_boundary_is_by_the_exact_weights(tmp_path: Path) -> None:
    """Float32 says 0.7 / 0.2 = 3.5; the rationals that those floats are say a little less."""
    w, scale = np.float32(0.7), np.float32(0.2)
    assert w / scale == np.float32(3.5)
    assert Fraction(float(w)) / Fraction(float(scale)) < Fraction(7, 2)
    net = Net(1, 2)
    weights = net.quant(net.const([[w], [w]]), scale, rounding="HALF_UP", bits=8.0)
    layer = imported(net.proto(net.node("MatMul", net.bipolar("x"), weights)), tmp_path).nodes[0]
    assert isinstance(layer, MatVec)
    assert layer.weights.tolist() == [[3, 3]]


@pytest.mark.parametrize("bounds", [(-1.0, 2.0), (None, 1.0), (0.5, None), (None, None)])
@pytest.mark.parametrize("opset", [9, 13])
def test_clip_by_attributes_and_inputs(
    tmp_path: Path, bounds: tuple[float | None, float | None], opset: int
) -> None:
    net = Net(1, 6, opset=opset)
    x = net.dense(net.quant("x", 0.5), 6, 4)
    if opset < 11:
        given = {k: v for k, v in zip(("min", "max"), bounds, strict=True) if v is not None}
        x = net.node("Clip", x, **given)
    else:
        x = net.node("Clip", x, *["" if b is None else net.const(b) for b in bounds])
    check(net, net.quant(x, 0.125), tmp_path)


@pytest.mark.parametrize("opset", [9, 13])
def test_shape_noise(tmp_path: Path, opset: int) -> None:
    """The batch is free; its size goes through Shape, Gather, Slice, Concat, Cast, and back."""
    net = Net("N", 2, 1, 3, opset=opset)
    axes = (lambda *a: {"axes": list(a)}) if opset < 13 else lambda *_: {}
    extra = (lambda *_: []) if opset < 13 else (lambda *a: [net.shape_const(*a)])
    sizes = net.node("Shape", "x")
    n = net.node("Gather", sizes, net.const(0, np.int64), axis=0)
    n = net.node("Unsqueeze", n, *extra(0), **axes(0))
    n = net.node("Cast", n, to=TensorProto.INT32)
    n = net.node("Cast", n, to=TensorProto.INT64)
    if opset < 10:
        rest = net.node("Slice", sizes, starts=[1], ends=[2], axes=[0])
    else:
        rest = net.node("Slice", sizes, *(net.shape_const(v) for v in (1, 2, 0, 1)))
    three = net.node("Constant", value=helper.make_tensor("v", TensorProto.INT64, [1], [3]))
    rest = net.node("Mul", rest, three)
    x = net.node("Reshape", "x", net.node("Concat", n, rest, axis=0))
    x = net.node("Unsqueeze", x, *extra(1, 3), **axes(1, 3))
    x = net.node("Transpose", x, perm=[0, 3, 2, 1])
    x = net.node("Squeeze", x, *extra(1, 3), **axes(1, 3))
    x = net.node("Identity", net.node("Cast", x, to=TensorProto.DOUBLE))
    x = net.node("Dropout", net.quant(x, 0.5))
    x = net.node("Flatten", net.dense(x, 6, 4))
    check(net, net.node("Reshape", x, net.shape_const(0, 2, -1)), tmp_path)


def test_flatten_behind_the_quantizer_and_scales_for_each_image_channel(tmp_path: Path) -> None:
    net = Net(1, 2, 1, 3)
    x = net.node("Sub", "x", net.const(np.array([0.5, -0.5]).reshape(1, 2, 1, 1)))
    parts = [net.const(v) for v in ([1.0, 2.0], [0.1, 0.2], [0.3, 0.4], [2.0, 3.0])]
    x = net.node("BatchNormalization", x, *parts)
    x = net.quant(net.node("Mul", x, net.const([2.0, 3.0, 4.0])), 0.5)
    graph = check(net, net.dense(net.node("Flatten", x), 6, 4), tmp_path)
    assert graph.source.shape == (2, 1, 3)


def test_raw_input_makes_the_first_quantizer_a_node(tmp_path: Path) -> None:
    net, out = small()
    proto = net.proto(out)
    graph = imported(proto, tmp_path, raw_input=IntType(0, 255), raw_scale=Fraction(1, 100))
    assert graph.source.quantizer is None
    assert graph.source.raw_scale == "1/100"
    assert [type(n) for n in graph] == [Activation, MatVec, Activation, MatVec]
    assert agrees(graph, proto) >= 8


def test_raw_input_straight_into_a_layer(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Sub", net.node("Mul", "x", net.const(2.0)), net.const(1.0))
    proto = net.proto(net.dense(x, 6, 4))
    graph = imported(proto, tmp_path, raw_input=IntType(-8, 7), raw_scale=Fraction(1, 7))
    assert agrees(graph, proto) >= 8


def test_a_quantizer_behind_a_quantizer(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.quant(net.node("Relu", net.quant("x", 0.25)), 0.5, bits=2.0, signed=0)
    check(net, net.dense(x, 6, 3), tmp_path)


def test_quantized_weights_may_be_scaled_negated_and_reshaped(tmp_path: Path) -> None:
    net = Net(1, 6)
    w = net.node("Neg", net.node("Mul", net.weights(4, 6, scale=0.3), net.const([0.5])))
    w = net.node("Reshape", net.node("Div", w, net.const(3.0)), net.shape_const(6, -1))
    check(net, net.node("MatMul", net.quant("x", 0.5), w), tmp_path)


def test_what_the_output_does_not_need_is_left_out(tmp_path: Path) -> None:
    net, out = small()
    net.node("Conv", "x", net.const(np.ones((1, 1, 1, 1))))
    assert len(check(net, out, tmp_path).nodes) == 3


def test_weights_of_double_and_half_precision(tmp_path: Path) -> None:
    net = Net(1, 6)
    w = np.random.default_rng(0).normal(0, 2, (6, 4))
    first = net.quant(net.const(w, np.float64), 0.3)
    x = net.quant(net.node("MatMul", net.quant("x", 0.5), first), 0.5)
    second = net.quant(net.const(w[:4], np.float16), 0.3)
    check(net, net.node("MatMul", x, second), tmp_path)


@pytest.mark.parametrize(("name", "accuracy"), [("TFC_1W1A", 9296), ("TFC_1W2A", 9474)])
def test_models_made_elsewhere_keep_their_accuracy(name: str, accuracy: int) -> None:
    import gzip

    from bitrill.lowering import to_integer

    graph = to_integer(load_model(shared_model(f"{name}.onnx")))
    folder = shared_data() / "mnist"
    (images,), (labels,) = (sorted(folder.glob(f"t10k-{k}*")) for k in ("images", "labels"))
    raw = [
        gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes()
        for p in (images, labels)
    ]
    x = np.frombuffer(raw[0], np.uint8, offset=16).reshape(-1, 1, 28, 28) / np.float32(255)
    y = graph.run(graph.source.quantize(x))
    assert int((y.argmax(1) == np.frombuffer(raw[1], np.uint8, offset=8)).sum()) == accuracy


def test_an_output_that_nothing_reads_is_no_matter(tmp_path: Path) -> None:
    """A Dropout may name its mask; batch norm that names more outputs is in training mode."""
    net, out = small()
    net.node("Dropout", out)
    net.nodes[-1].output.append("mask")
    check(net, net.nodes[-1].output[0], tmp_path)
    net.node("Add", "mask", out)
    with pytest.raises(
        UnsupportedError, match=r"Dropout node .* it must have one result, its first"
    ):
        imported(net.proto(net.nodes[-1].output[0]), tmp_path)
    net, out = small()
    (norm,) = [n for n in net.nodes if n.op_type == "BatchNormalization"]
    norm.output.append("running_mean")
    with pytest.raises(UnsupportedError, match=r"BatchN.* node .* it must have one result"):
        imported(net.proto(out), tmp_path)
