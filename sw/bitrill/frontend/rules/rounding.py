"""Rules for Round, Floor and Ceil: quantization that a model spells out by hand.

``Clip(Round(x / s) + z, lo, hi)``, then ``(q - z) * s``, in any order that is equivalent on real
numbers: the rounding is the quantizer, and the Clip after it determines its bits.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...ir import IntType
from ...real import Rounding, round_real
from ..symbolic import Call, Const, Data, Known, Rounded
from .table import rule

_UNKNOWN = IntType(-(1 << 62), 1 << 62)
"""Range of integers before a Clip bounds them."""


@rule("Round", inputs={11: 1}, layout="same", quantizer=True)
def round_(call: Call) -> Known:
    """Round to the nearest integer, halves to even."""
    return _rounded(call, "ROUND")


@rule("Floor", inputs=1, layout="same", quantizer=True)
def floor(call: Call) -> Known:
    return _rounded(call, "FLOOR")


@rule("Ceil", inputs=1, layout="same", quantizer=True)
def ceil(call: Call) -> Known:
    return _rounded(call, "CEIL")


def _rounded(call: Call, mode: Rounding) -> Known:
    value = call.value(0)
    if not isinstance(value, Data):
        if isinstance(value, Const) and value.array.dtype.kind == "f":
            return Const({"ROUND": np.round, "FLOOR": np.floor, "CEIL": np.ceil}[mode](value.array))
        array = call.exact(0, "its operand")
        out = np.empty(array.shape, object)
        out.reshape(-1)[:] = [Fraction(round_real(v, mode)) for v in array.reshape(-1)]
        return Const(out)
    waiting = Rounded(call.builder, value, call.node, (Fraction(1),), rounding=mode)
    return replace(value, type=_UNKNOWN, steps=(), quantized=True, deferred=waiting)
