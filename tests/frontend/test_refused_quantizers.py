"""Quantizers, and ends of a network, that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from frontend.refused import (
    Build,
    check_refused,
    dense,
    named,
    no_layer,
    quantized,
    two_input_quantizers,
    weights,
)

CASES: dict[str, tuple[Build, str]] = {
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
        "the output .* has floats without any quantizer; .*--raw-input",
    ),
    "no quantizer at all": (
        lambda n: n.node("Relu", "x"),
        r"net.onnx has no quantizer: a network must be quantized \(BipolarQuant",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    check_refused(CASES[case], tmp_path, 1, 6)
