"""Host rules for QuantizeLinear and DequantizeLinear after functions that only the host computes.

ONNX Runtime's static quantization writes them after a Softmax, for example.
"""

from dataclasses import replace

import numpy as np

from ...symbolic import HostCall, Hosted, RefusedError
from ...symbolic.hosted import FLOAT
from ..linear_quantizers import LinearGrid, grid_of
from ..table import MICROSOFT
from .decisions import softmax_of
from .element_functions import joint
from .host_table import also, host
from .movement import stand_in

STORED = ("UINT8", "INT8", "UINT16", "INT16")
"""Types of integers that outputs may have."""


@also("QuantizeLinear")
@also("QuantizeLinear", domain=MICROSOFT)
def quantize_linear(call: HostCall) -> Hosted:
    """Divide by the scale, round half to even, add the zero point, and saturate."""
    return _onto_grid(call, call.numbers(0), 1)


def _onto_grid(call: HostCall, x: Hosted, i: int, stored: str = "") -> Hosted:
    """Return the integers of ``x`` on the grid of input ``i``, a scale, and the next one."""
    grid = _grid(call, x, i, stored)
    lo, hi = grid.limits
    steps = (
        ("Div", {"value": _floats(grid.scale), "reverse": 0}),
        ("Round", {}),
        ("Add", {"value": _floats(grid.zero), "reverse": 0}),
        ("Clip", {"min": np.array(float(lo)), "max": np.array(float(hi))}),
    )
    for op, attributes in steps:
        x = x.then(op, None, attributes)
    kind = grid.kind.lower()
    return x.then("Cast", None, {"to": kind}, dtype=kind)


@also("DequantizeLinear")
@also("DequantizeLinear", domain=MICROSOFT)
def dequantize_linear(call: HostCall) -> Hosted:
    """Subtract the zero point and multiply by the scale."""
    x = call.hosted(0)
    grid = _grid(call, x, 1, x.dtype.upper())
    if x.dtype != grid.kind.lower():
        raise RefusedError(f"its zero point must be {x.dtype}, as its data are, not {grid.kind}")
    x = x.then("Cast", None, {"to": "float64"}, dtype=FLOAT)
    x = x.then("Sub", None, {"value": _floats(grid.zero), "reverse": 0})
    return x.then("Mul", None, {"value": _floats(grid.scale), "reverse": 0})


@host("QLinearSoftmax", domain=MICROSOFT, inputs=5, axis=int, opset=int)
def qlinear_softmax(call: HostCall) -> Hosted:
    """Softmax of the real numbers that integers stand for, on a grid of its own.

    ``opset``: Softmax is that of this opset, not of the model's.
    """
    stored = call.hosted(0).dtype.upper()
    axis, opset = call.int_attribute("axis", -1), call.int_attribute("opset", 0)
    x = softmax_of(call, dequantize_linear(call), axis, opset, "Softmax")
    return _onto_grid(call, x, 3, stored)


def _grid(call: HostCall, x: Hosted, i: int, stored: str = "") -> LinearGrid:
    """Return the grid of input ``i`` and the next one; its scales are not zero and fit the value.

    ``stored``: the type of its integers if there is no zero point; UINT8 if empty.
    """
    grid = grid_of(call, replace(stand_in(x.shape), stored=stored), i, i + 1)
    if grid.kind not in STORED:
        raise RefusedError(f"its zero point must be {', '.join(STORED)}, not {grid.kind}")
    if not grid.scale.all():
        raise RefusedError("its scale must not be zero")
    joint(x.shape, grid.scale.shape)
    return grid


def _floats(exact: np.ndarray) -> np.ndarray:
    return np.array([float(v) for v in exact.flat]).reshape(exact.shape)
