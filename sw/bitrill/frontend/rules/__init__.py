"""Import rules, one module for each kind of ONNX operator; importing this declares all of them."""

from . import (
    arrange,
    convs,
    elementwise,
    joins,
    l1_matmul,
    matmul,
    multithreshold,
    outputs,
    pools,
    quantizers,
    resample,
    shapes,
    truncs,
)

__all__ = [
    "arrange",
    "convs",
    "elementwise",
    "joins",
    "l1_matmul",
    "matmul",
    "multithreshold",
    "outputs",
    "pools",
    "quantizers",
    "resample",
    "shapes",
    "truncs",
]
