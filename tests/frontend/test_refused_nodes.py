"""Operators, layers and arithmetic that are refused: one line that names the node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from frontend.refused import (
    ONES,
    Build,
    at,
    batch_axis,
    check_refused,
    dense,
    gemm,
    normed,
    of_constants,
    of_integers,
    on_layer,
    two_readers,
    weights,
)

CASES: dict[str, tuple[Build, str]] = {
    "unknown operator": (
        on_layer("Atanh"),
        r"Atanh node 'atanh\d+': this operator is not supported; accepted are Abs, Add, ArgMax",
    ),
    "custom operator of the wrong domain": (
        lambda n: n.node("Conv", dense(n), domain="onnx.brevitas"),
        "Conv node .* this operator is not supported",
    ),
    "quantizer without a domain": (
        lambda n: n.node("Quant", dense(n)),
        "Quant node .* it must have 4 inputs, not 1",
    ),
    "unknown domain": (
        on_layer("Relu", domain="os.path"),
        r"domain must be ONNX's own or onnx.brevitas, .*, not 'os.path'",
    ),
    "too many inputs": (on_layer("Relu", 1.0), "it must have 1 inputs, not 2"),
    "too few inputs": (
        lambda n: n.node("Gemm", n.quant("x", 0.5)),
        "it must have 2 to 3 inputs at opset 11, not 1",
    ),
    "too few inputs for its opset": (
        at(9, lambda n: n.node("Gemm", n.quant("x", 0.5), n.weights(6, 4))),
        "it must have 3 inputs at opset 9, not 2",
    ),
    "attribute of later opsets": (
        at(11, lambda n: n.node("Shape", dense(n), start=1)),
        "attribute start belongs to opsets from 15 on, and the model's is 11",
    ),
    "attribute of earlier opsets": (
        at(13, on_layer("Unsqueeze", 1.0, axes=[2])),
        "attribute axes belongs to opsets up to 12, and the model's is 13",
    ),
    "operator of later opsets": (
        at(9, on_layer("Resize", [1.0, 1.0], mode="nearest")),
        "it belongs to opsets from 10 on, and the model's is 9",
    ),
    "operator of earlier opsets": (
        at(10, on_layer("Upsample", [1.0, 1.0], mode="nearest")),
        "it belongs to opsets from 1 to 9, and the model's is 10",
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
    "float axes": (
        at(13, lambda n: n.node("Unsqueeze", dense(n), n.const([1.0]))),
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
        at(13, lambda n: n.node("Add", dense(n), n.node("Constant", value_float=float("nan")))),
        "its value must be finite, but holds NaN",
    ),
    "transA": (lambda n: gemm(n, transA=1), "transA must be 0"),
    "weights first": (
        lambda n: n.node("MatMul", n.weights(6, 6), n.quant("x", 0.5)),
        "its first operand must be data, its second constant weights",
    ),
    "float weights": (
        lambda n: n.node(
            "MatMul", n.quant("x", 0.5), n.const(np.sqrt(np.arange(24)).reshape(6, 4))
        ),
        "its weights are not quantized; pass them through Quant, BipolarQuant or Dequantize",
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
        lambda n: n.dense(n.quant("x", np.sqrt(np.arange(1.0, 7.0))), 6, 3),
        "the scales of its data's channels lie on one grid only with weights of",
    ),
    "weight scales for each input": (
        weights(scale=np.sqrt(np.arange(1.0, 7.0))),
        "the scales of its weights in a row lie on one grid only with weights of",
    ),
    "vector weights": (
        lambda n: n.node("MatMul", n.quant("x", 0.5), n.quant(n.const(np.ones(6)))),
        r"data must be \[batch, features\] and weights a matrix",
    ),
    "wrong width": (
        lambda n: n.dense(n.quant("x", 0.5), 5, 4),
        "its weights must take 6 features, not 5",
    ),
    "accumulator too wide": (
        lambda n: n.dense(n.quant("x", 1e-3, bits=16.0), 6, 4, bits=32.0, scale=1e-9),
        "accumulators and results must fit 48 bits, not int5",
    ),
    "training batch norm": (
        at(14, lambda n: normed(n, ONES, ONES, ONES, ONES, training_mode=1)),
        "training_mode must be 0",
    ),
    "batch norm for each place": (
        at(8, lambda n: normed(n, ONES, ONES, ONES, ONES, spatial=0)),
        "spatial must be 1: one mean and one variance for each channel",
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
    "quotient of two branches": (two_readers, "its divisor must be a constant, not data"),
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
    "root of data": (on_layer("Sqrt"), "its base must be a constant, not data"),
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
    "irrational clip": (
        lambda n: n.node("Clip", dense(n), n.node("Sqrt", n.const(2.0))),
        "its min must be rational",
    ),
    "clip bound of many numbers": (
        on_layer("Clip", ONES),
        r"its min must be a single number, not of shape \[4\]",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    check_refused(CASES[case], tmp_path, 1, 6)
