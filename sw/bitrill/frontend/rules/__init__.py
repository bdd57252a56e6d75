"""Import rules, one module for each kind of ONNX operator; importing this declares all of them."""

from . import (
    arrange,
    convs,
    elementwise,
    extremes,
    joins,
    l1_matmul,
    matmul,
    multithreshold,
    outputs,
    pads,
    pools,
    quantizers,
    reduces,
    resample,
    shapes,
    truncs,
)

__all__ = [
    "arrange",
    "convs",
    "elementwise",
    "extremes",
    "joins",
    "l1_matmul",
    "matmul",
    "multithreshold",
    "outputs",
    "pads",
    "pools",
    "quantizers",
    "reduces",
    "resample",
    "shapes",
    "truncs",
]
