"""Every construct that is refused: one line that names the node, and what would do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import SpecError, UnsupportedError
from bitrill.frontend import limits, load_model
from bitrill.ir import IntType
from frontend.onnx_models import Net, imported, small
from onnx import TensorProto
from support import shared_model

Build = Callable[[Net], str]


def dense(n: Net, **quant: object) -> str:
    """One layer on quantized data."""
    return n.dense(n.quant("x", 0.5), 6, 4, **quant)  # type: ignore[arg-type]


def on_layer(op: str, *constants: object, **attributes: object) -> Build:
    """``op`` of one layer's result and constants."""
    return lambda n: n.node(op, dense(n), *[n.const(c) for c in constants], **attributes)


def of_constants(op: str, *constants: object, **attributes: object) -> Build:
    """A layer plus what ``op`` makes of constants."""
    return lambda n: n.node(
        "Add", dense(n), n.node(op, *[n.const(c) for c in constants], **attributes)
    )


def of_integers(op: str, *constants: object, **attributes: object) -> Build:
    """A Reshape to what ``op`` makes of int64 constants."""
    return lambda n: n.node(
        "Reshape", dense(n), n.node(op, *[n.const(c, np.int64) for c in constants], **attributes)
    )


def quantized(*values: object, **options: object) -> Build:
    return lambda n: n.quant(dense(n), *values, **options)  # type: ignore[arg-type]


def weights(**options: object) -> Build:
    return lambda n: dense(n, **options)


def reshaped(*shape: int) -> Build:
    return lambda n: n.node("Reshape", dense(n), n.shape_const(*shape))


def named(n: Net, op: str, **attributes: object) -> str:
    """A Quant whose attributes are given one by one."""
    parts = [n.const(v) for v in (0.5, 0.0, 4.0)]
    return n.node(op, dense(n), *parts, domain="onnx.brevitas", **attributes)


def two_readers(n: Net) -> str:
    q = n.quant("x", 0.5)
    first, second = n.dense(q, 6, 4), n.dense(q, 6, 4)
    return n.node("Mul", first, second)


def batch_axis(n: Net) -> str:
    n.shape = ("N", 6)
    return n.node("Unsqueeze", dense(n), n.node("Shape", "x"))


def batch_sized(n: Net) -> str:
    n.shape = ("N", 6)
    size = n.node("Gather", n.node("Shape", "x"), n.const(0, np.int64))
    return n.node("Mul", dense(n), size)


def batch_behind(n: Net) -> str:
    n.shape = ("N", 6)
    size = n.node("Gather", n.node("Shape", "x"), n.shape_const(0))
    return n.node("Reshape", dense(n), n.node("Concat", n.shape_const(4), size, axis=0))


def batch_cast(n: Net) -> str:
    n.shape = ("N", 6)
    return n.node("Mul", dense(n), n.node("Cast", n.node("Shape", "x"), to=1))


def clips(n: Net) -> str:
    x = dense(n)
    for k in range(limits.STEPS + 1):
        x = n.node("Clip", x, n.const(-k - 1.0))
    return n.quant(x, 0.5)


def squares(n: Net) -> str:
    c = n.const(1.1)
    for _ in range(12):
        c = n.node("Mul", c, c)
    return n.node("Mul", dense(n), c)


def roots(n: Net) -> str:
    c = n.const(0.0)
    for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23):
        c = n.node("Add", c, n.node("Sqrt", n.const(float(prime))))
    return n.node("Mul", dense(n), c)


def two_input_quantizers(n: Net) -> str:
    return n.node("Add", n.dense(n.quant("x", 0.5), 6, 4), n.dense(n.quant("x", 0.25), 6, 4))


def no_layer(n: Net) -> str:
    return n.quant("x", 0.5)


def gemm(n: Net, **attributes: object) -> str:
    return n.node("Gemm", n.quant("x", 0.5), n.weights(6, 4), **attributes)


def normed(n: Net, *parts: object, **attributes: object) -> str:
    return n.node("BatchNormalization", dense(n), *[n.const(p) for p in parts], **attributes)


ONES = [1.0] * 4
CASES: dict[str, tuple[Build, str]] = {
    "unknown operator": (
        on_layer("Softsign"),
        r"Softsign node 'softsign\d+': this operator is not supported; accepted are Add, ArgMax",
    ),
    "custom operator of the wrong domain": (
        lambda n: n.node("Conv", dense(n), domain="onnx.brevitas"),
        "Conv node .* this operator is not supported",
    ),
    "quantizer without a domain": (
        lambda n: n.node("Quant", dense(n)),
        "Quant node .* this operator is not supported",
    ),
    "unknown domain": (
        on_layer("Relu", domain="os.path"),
        r"domain must be ONNX's own or onnx.brevitas, .*, not 'os.path'",
    ),
    "too many inputs": (on_layer("Relu", 1.0), "it must have 1 inputs, not 2"),
    "too few inputs": (
        lambda n: n.node("Gemm", n.quant("x", 0.5)),
        "it must have 2 to 3 inputs, not 1",
    ),
    "unknown attribute": (
        on_layer("Relu", alpha=1.0),
        "its attributes must be among none, not 'alpha'",
    ),
    "attribute of the wrong type": (
        lambda n: gemm(n, alpha=1),
        "attribute alpha has the wrong type",
    ),
    "list of the wrong type": (
        on_layer("Transpose", perm=[0.5, 1.5]),
        "attribute perm has the wrong type",
    ),
    "missing input": (lambda n: n.node("MatMul", dense(n), ""), "input 1 must be given"),
    "relu of a constant": (of_constants("Relu", 1.0), "input 0 must depend on the model's input"),
    "scale that is data": (
        lambda n: n.node("BipolarQuant", "x", "x", domain="onnx.brevitas"),
        "its scale must be a constant, not depend on",
    ),
    "empty constant": (on_layer("Add", []), "its constant must not be empty"),
    "bits for each channel": (
        quantized(0.5, 0.0, ONES),
        r"its bit width must be a single number, not of shape \[4\]",
    ),
    "float axes": (
        lambda n: n.node("Unsqueeze", dense(n), n.const([1.0])),
        "axes must be constant integers",
    ),
    "batch as axis": (batch_axis, "axes must not depend on the size of the batch"),
    "infinite attribute": (
        lambda n: gemm(n, alpha=float("inf")),
        "attribute alpha must be finite, not inf",
    ),
    "NaN attribute": (
        lambda n: normed(n, ONES, ONES, ONES, ONES, epsilon=float("nan")),
        "attribute epsilon must be finite, not nan",
    ),
    "NaN constant": (
        lambda n: n.node("Add", dense(n), n.node("Constant", value_float=float("nan"))),
        "its value must be finite, and holds NaN",
    ),
    "transA": (lambda n: gemm(n, transA=1), "transA must be 0"),
    "weights first": (
        lambda n: n.node("MatMul", n.weights(6, 6), n.quant("x", 0.5)),
        "its first operand must be data, its second constant weights",
    ),
    "float weights": (
        lambda n: n.node("MatMul", n.quant("x", 0.5), n.const(np.full((6, 4), 0.5))),
        "its weights are not quantized; pass them through Quant or BipolarQuant",
    ),
    "float input": (
        lambda n: n.dense("x", 6, 4),
        r"it takes unquantized floats; .*--raw-input uint8 --input-scale 1/255",
    ),
    "layer on a layer": (
        lambda n: n.dense(dense(n), 4, 3),
        "its data are not quantized; put Quant or BipolarQuant right before",
    ),
    "layer on a relu": (
        lambda n: n.dense(n.node("Relu", dense(n)), 4, 3),
        "its data are not quantized",
    ),
    "scales for each input": (
        lambda n: n.dense(n.quant("x", np.arange(1.0, 7.0)), 6, 3),
        "its data must have one scale for all channels",
    ),
    "weight scales for each input": (
        weights(scale=np.arange(1.0, 7.0)),
        "one scale, or one for each output, not for each input",
    ),
    "vector weights": (
        lambda n: n.node("MatMul", n.quant("x", 0.5), n.quant(n.const(np.ones(6)))),
        r"data must be \[batch, features\] and weights a matrix",
    ),
    "wrong width": (
        lambda n: n.dense(n.quant("x", 0.5), 5, 4),
        "its weights must take 6 features, not 5",
    ),
    "accumulator too wide": (weights(bits=30.0, scale=1e-9), "the accumulator must fit 32 bits"),
    "training batch norm": (
        lambda n: normed(n, ONES, ONES, ONES, ONES, training_mode=1),
        "training_mode must be 0",
    ),
    "short batch norm": (
        lambda n: normed(n, ONES, ONES, [1.0], ONES),
        r"its mean must have 4 numbers, not shape \[1\]",
    ),
    "negative variance": (
        lambda n: normed(n, ONES, ONES, ONES, [1.0, 1, -1, 1]),
        "its variance plus epsilon must be above 0",
    ),
    "zero variance": (
        lambda n: normed(n, ONES, ONES, ONES, [0.0] * 4, epsilon=0.0),
        "its variance plus epsilon must be above 0",
    ),
    "product of two branches": (
        two_readers,
        "one operand must be a constant, not both depend on the input",
    ),
    "data in the denominator": (
        lambda n: n.node("Div", n.const(1.0), dense(n)),
        "data must not stand in the denominator",
    ),
    "division by zero": (on_layer("Div", 0.0), "its divisor must not be zero"),
    "constant division by zero": (of_constants("Div", 1.0, 0.0), "its divisor must not be zero"),
    "integer division by zero": (of_integers("Div", [4], [0]), "its divisor must not be zero"),
    "reciprocal of zero": (of_constants("Reciprocal", 0.0), "its divisor must not be zero"),
    "constants that do not fit": (
        of_constants("Add", [1.0, 2.0], [1.0, 2.0, 3.0]),
        r"shapes that fit, not \[2\] and \[3\]",
    ),
    "integer overflow": (of_integers("Mul", [1 << 40], [1 << 40]), "integers must fit 64 bits"),
    "integer negation": (of_integers("Neg", [-(1 << 63)]), "integers must fit 64 bits"),
    "constant of another shape": (
        on_layer("Add", [1.0, 2.0, 3.0]),
        r"its constant must be a single number or one for each channel of"
        r" \['batch', 4\], not of shape \[3\]",
    ),
    "constant that adds axes": (
        on_layer("Add", [[[1.0]]]),
        "its constant must be a single number or one for each",
    ),
    "power of data": (on_layer("Pow", 2.0), "its base must be a constant, not data"),
    "unknown power": (
        of_constants("Pow", 2.0, 0.3),
        "its exponent must be -1, -0.5, 0.5, 1 or 2, not 0.3",
    ),
    "root of a negative number": (
        of_constants("Sqrt", -2.0),
        "a square root must be of a number of at least 0, not -2",
    ),
    "root of a root": (
        lambda n: n.node("Add", dense(n), n.node("Sqrt", n.node("Sqrt", n.const(2.0)))),
        "a square root of a square root must not occur",
    ),
    "clip upside down": (
        on_layer("Clip", 2.0, -1.0),
        "its min must not be above its max, not 2 and -1",
    ),
    "clip bound given twice": (
        on_layer("Clip", -1.0, min=-1.0),
        "min must be given once, as attribute or as input",
    ),
    "irrational clip": (
        lambda n: n.node("Clip", dense(n), n.node("Sqrt", n.const(2.0))),
        "its min must be rational",
    ),
    "clip bound of many numbers": (
        on_layer("Clip", ONES),
        r"its min must be a single number, not of shape \[4\]",
    ),
    "zero scale": (quantized(0.0), "Quant node 'quant.*': its scale must not be zero"),
    "zero scale of weights": (
        weights(scale=[[1.0], [0.0], [1.0], [1.0]]),
        "its scale must not be zero",
    ),
    "zero scale of bipolar": (
        lambda n: n.bipolar(dense(n), 0.0),
        "BipolarQuant node .* its scale must not be zero",
    ),
    "fractional bits": (
        quantized(0.5, 0.0, 2.5),
        "its bit width must be an integer from 1 to 32, not 2.5",
    ),
    "no bits": (quantized(0.5, 0.0, 0.0), "its bit width must be an integer from 1 to 32, not 0"),
    "too many bits": (
        quantized(0.5, 0.0, 1e30),
        "its bit width must be an integer from 1 to 32, not 1e",
    ),
    "wide activation": (quantized(0.5, 0.0, 17.0), "activations must have at most 16 bits, not 17"),
    "unknown rounding": (
        quantized(0.5, rounding="NEAREST"),
        "rounding_mode must be one of ROUND, HALF_EVEN, .*, not 'NEAREST'",
    ),
    "missing sign": (
        lambda n: named(n, "Quant", narrow=0),
        "attribute signed must be 0 or 1, not None",
    ),
    "odd narrowness": (
        lambda n: named(n, "IntQuant", signed=1, narrow=3),
        "attribute narrow must be 0 or 1, not 3",
    ),
    "scales of another number": (
        quantized([1.0, 2.0]),
        "its scale must be a single number or one for each",
    ),
    "weight scales of another number": (
        weights(scale=[1.0, 2.0]),
        r"its scale must fit shape \[4, 6\], not have shape \[2\]",
    ),
    "fractional zero point of weights": (
        weights(zero=0.5),
        "the zero point of a constant must be an integer",
    ),
    "empty weights": (
        lambda n: n.node("MatMul", n.quant("x", 0.5), n.quant(n.const(np.ones((6, 0))))),
        "the constant that it quantizes must not be empty",
    ),
    "two first quantizers": (
        two_input_quantizers,
        "must go through one quantizer, not two different",
    ),
    "no layer": (no_layer, "must come from at least one layer; there is none"),
    "relu at the end": (
        on_layer("Relu"),
        "the output 't4' must be a scale times integers plus an offset, not what a Relu",
    ),
    "constant output": (
        lambda n: n.quant(n.const(1.0)),
        "the output .* must depend on the model's input",
    ),
    "shape as output": (
        lambda n: n.node("Shape", dense(n)),
        "the output .* must depend on the model's input",
    ),
    "floats to the end": (
        lambda n: n.node("Add", "x", n.quant(n.const(1.0))),
        "the output .* is floats without any quantizer; .*--raw-input",
    ),
    "no quantizer at all": (
        lambda n: n.node("Relu", "x"),
        r"net.onnx holds no quantizer: a network must be quantized \(BipolarQuant",
    ),
    "batch in arithmetic": (batch_sized, "numbers must not depend on the size of the batch"),
    "batch not first": (batch_behind, "only the first axis may have the size of the batch"),
    "batch as float": (batch_cast, "the size of the batch must not be cast to float"),
    "batch folded away": (
        reshaped(4, 1),
        r"the batch axis must stay the first, not \[1, 4\] become \[4, 1\]",
    ),
    "batch squeezed": (lambda n: n.node("Squeeze", dense(n)), "the batch axis must stay the first"),
    "squeezed size": (
        lambda n: n.node("Squeeze", dense(n), n.shape_const(1)),
        r"the axes squeezed must have size 1, not those of \[1, 4\]",
    ),
    "axes twice": (
        lambda n: n.node("Squeeze", dense(n), n.shape_const(1), axes=[1]),
        "axes must be given once",
    ),
    "no axes": (on_layer("Unsqueeze"), "axes must be given"),
    "same axes": (
        on_layer("Unsqueeze", axes=[1, 1]),
        "axes must be different and give at most 8 axes",
    ),
    "axis out of range": (on_layer("Unsqueeze", axes=[7]), r"axis must be -3\.\.2, not 7"),
    "flatten out of range": (on_layer("Flatten", axis=3), r"axis must be -2\.\.2, not 3"),
    "elements lost": (
        reshaped(1, 3),
        r"the shape must keep 4 elements, not make \[1, 4\] \[1, 3\]",
    ),
    "not divisible": (reshaped(3, -1), "the shape must keep 4 elements"),
    "two unknown sizes": (reshaped(-1, -1), "sizes of at least 0 and at most one -1"),
    "negative size": (reshaped(1, -2), "sizes of at least 0 and at most one -1"),
    "copied axis": (reshaped(1, 4, 0), "must not copy axes that"),
    "nine axes": (reshaped(1, 4, *[1] * 7), "the shape must be 1 to 8 integers"),
    "order changed": (
        lambda n: n.node(
            "Transpose", n.node("Reshape", dense(n), n.shape_const(1, 2, 2)), perm=[0, 2, 1]
        ),
        "data must keep its order",
    ),
    "no permutation": (
        on_layer("Transpose", perm=[0, 0]),
        r"perm must order the 2 axes, not be \[0, 0\]",
    ),
    "reshaped scales": (
        lambda n: n.node(
            "MatMul",
            n.quant("x"),
            n.node("Reshape", n.weights(4, 6, scale=np.ones((4, 1))), n.shape_const(6, 4)),
        ),
        "a constant with one scale for each channel must keep its shape",
    ),
    "gathered data": (
        lambda n: n.node("Gather", dense(n), n.shape_const(0)),
        "only constants .shapes. are accepted here, not data",
    ),
    "gathered too far": (
        of_integers("Gather", [1, 4], [2]),
        r"indices must be -2\.\.1, not 2\.\.2",
    ),
    "concat without axis": (of_integers("Concat", [1], [4]), "attribute axis must be given"),
    "concat of shapes": (
        of_integers("Concat", [1], [[4]], axis=0),
        "its operands must have the same shape but for one axis",
    ),
    "concat of types": (
        lambda n: n.node(
            "Reshape", dense(n), n.node("Concat", n.shape_const(1), n.const([4.0]), axis=0)
        ),
        "its operands must have the same type",
    ),
    "slice of unequal lists": (
        of_integers("Slice", [1, 4], [0, 0], [1]),
        "starts, ends, axes and steps must be equally many",
    ),
    "slice by zero": (of_integers("Slice", [1, 4], [0], [2], [0], [0]), "no step zero"),
    "cast to text": (on_layer("Cast", to=int(TensorProto.STRING)), "it must cast to float"),
    "cast of data": (
        on_layer("Cast", to=int(TensorProto.INT64)),
        "only constants may be cast to integers; use Quant",
    ),
    "cast of computed": (
        lambda n: n.node(
            "Reshape", dense(n), n.node("Cast", n.node("Sqrt", n.const([1.0, 16.0])), to=7)
        ),
        "computed parameters must not be cast to integers",
    ),
    "cast too large": (
        lambda n: n.node("Add", dense(n), n.node("Cast", n.const(1e300, np.float64), to=1)),
        "every number must fit the type it is cast to",
    ),
    "cast out of int32": (
        of_integers("Cast", [1 << 31, 4], to=6),
        "every number must fit the type it is cast to",
    ),
    "dropout in training": (
        lambda n: n.node("Dropout", dense(n), n.const(0.5), n.const(True, bool)),
        "training_mode must be false",
    ),
    "constant of two values": (
        lambda n: n.node("Add", dense(n), n.node("Constant", value_float=1.0, value_int=1)),
        "one value must be given, not 2",
    ),
    "too many steps": (
        clips,
        f"clips and maps between two quantizers must be at most {limits.STEPS}",
    ),
    "numbers too long": (squares, "must have at most 4096 bits and 8 square roots"),
    "too many roots": (roots, "must have at most 4096 bits and 8 square roots"),
    "numbers too large": (
        lambda n: n.node("Mul", dense(n), n.const(1e305, np.float64)),
        r"must be 0 or between 2\*\*-1000 and 2\*\*1000",
    ),
    "many steps of the input's quantizer": (
        lambda n: n.dense(n.quant("x", 0.5, bits=32.0), 6, 4),
        "activations must have at most 16 bits, not 32",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    build, message = CASES[case]
    net = Net(1, 6)
    proto = net.proto(build(net))
    proto.graph.input[0].CopyFrom(Net(*net.shape).proto("x").graph.input[0])
    with pytest.raises(UnsupportedError, match=message) as caught:
        imported(proto, tmp_path)
    assert "\n" not in str(caught.value)


def test_every_reason_is_told_at_once(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Softsign", dense(net))
    x = net.dense(net.quant(x, 0.5), 4, 4)
    x = net.node("Tanh", x)
    w = net.quant(net.const(np.ones((4, 4))), 0.0)
    with pytest.raises(UnsupportedError) as caught:
        imported(net.proto(net.node("MatMul", x, w)), tmp_path)
    assert [r.split(" node")[0] for r in caught.value.reasons] == ["Softsign", "Tanh", "Quant"]
    assert str(caught.value).startswith("3 reasons: ")


def test_reasons_are_listed_up_to_a_number(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = dense(net)
    for _ in range(limits.REASONS + 5):
        x = net.node("Tanh", x)
    with pytest.raises(UnsupportedError) as caught:
        imported(net.proto(x), tmp_path)
    assert len(caught.value.reasons) == limits.REASONS + 1
    assert caught.value.reasons[-1] == "and 5 more"


def test_a_float_network_made_elsewhere_is_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        load_model(shared_model("qonnx_mnist-conv_model.onnx"))
    text = str(caught.value)
    assert "the opset must be 9 to 20, not 8" in text
    assert "holds no quantizer: a network must be quantized" in text
    assert "Conv node 'Convolution28': it takes unquantized floats" in text


@pytest.mark.parametrize(
    ("raw", "scale", "message"),
    [
        (IntType(0, 255), None, "raw_input and raw_scale must be given together"),
        (None, Fraction(1, 255), "raw_input and raw_scale must be given together"),
        (IntType(0, 255), Fraction(0), "raw_scale must be above 0, not 0"),
        (IntType(0, 1 << 16), Fraction(1), "raw_input must be an integer type of at most 16 bits"),
        (IntType(-1, 1, "bipolar"), Fraction(1), "raw_input must be an integer type"),
    ],
)
def test_a_bad_raw_grid(
    tmp_path: Path, raw: IntType | None, scale: Fraction | None, message: str
) -> None:
    net, out = small()
    with pytest.raises(SpecError, match=message):
        imported(net.proto(out), tmp_path, raw_input=raw, raw_scale=scale)


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("EXACT_ELEMENTS", 3, "computed in the graph must have at most 3 elements, not"),
        ("EXACT_WORK", 20, "computed in the graph must have at most 20 elements together"),
    ],
)
def test_exact_arithmetic_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    monkeypatch.setattr(limits, limit, value)
    net, out = small()
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(out), tmp_path)


def test_shape_noise_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EXACT_ELEMENTS", 3)
    for build in (
        of_integers("Gather", [1, 4], [0, 1, 0, 1]), of_integers("Concat", [1, 4], [1, 4], axis=0)
    ):  # fmt: skip
        net = Net(1, 6)
        with pytest.raises(UnsupportedError, match="it must give at most 3 elements"):
            imported(net.proto(build(net)), tmp_path)


@pytest.mark.parametrize("axes", [9, 8])
def test_constants_keep_a_bounded_rank(tmp_path: Path, axes: int) -> None:
    net = Net(1, 6)
    c = net.node("Unsqueeze", net.const(1.0), axes=list(range(axes)))
    message = "at most 8 axes" if axes == 9 else "its constant must be a single number"
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.node("Add", dense(net), c)), tmp_path)
