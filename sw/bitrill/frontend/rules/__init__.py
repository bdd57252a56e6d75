"""Import rules, one module for each kind of ONNX operator; importing this declares all of them.

``docs/glossary.md`` explains the importer's words: edge, frame, image, place, order, stream, grid,
meaning, step, deferred. `bitrill.frontend.symbolic.values` has the data that rules work on.
"""

from . import (
    activations,
    arrange,
    convs,
    elementwise,
    extremes,
    host,
    int_softmax,
    joins,
    l1_matmul,
    linear_quantizers,
    matmul,
    matmul_data,
    multithreshold,
    pads,
    pools,
    powers,
    qlinear,
    quantizers,
    reduces,
    repeats,
    resample,
    rounding,
    shapes,
    table,
    table_layers,
    truncs,
)
from .host import HOST


def accepted() -> list[str]:
    """Return the names of all operators that have a rule, in hardware or on the host."""
    return sorted({*table.accepted(), *(op for _, op in HOST)})


__all__ = [
    "accepted",
    "activations",
    "arrange",
    "convs",
    "elementwise",
    "extremes",
    "host",
    "int_softmax",
    "joins",
    "l1_matmul",
    "linear_quantizers",
    "matmul",
    "matmul_data",
    "multithreshold",
    "pads",
    "pools",
    "powers",
    "qlinear",
    "quantizers",
    "reduces",
    "repeats",
    "resample",
    "rounding",
    "shapes",
    "table",
    "table_layers",
    "truncs",
]
