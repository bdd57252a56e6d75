"""Rules for ONNX Runtime's operators on integers (QOperator): QLinearConv, QGemm and others.

Each is equivalent to DequantizeLinear of its operands, the operator on real numbers, and
QuantizeLinear of the result. So it is imported as just that, with the rule of the operator itself.
Sums, products and averages of windows add the zero point before rounding, ``round(y / s + z)``, in
ONNX Runtime's formulas and in its kernels; the others add it after rounding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from ..reader import limits
from ..reader.stored import limits_of, stored_kind
from ..symbolic import Call, Const, Data, Known, Quantized, RefusedError, as_objects
from .layouts import on_last
from .linear_quantizers import grid_of, off_grid, onto_grid
from .places import WINDOW
from .table import MICROSOFT, Layout, Versioned, plain_rule, rule

Operand: TypeAlias = tuple[int, int, int]
"""Numbers of the inputs for a tensor, its scale and its zero point."""


def _real(call: Call, operand: Operand, axis: int = 0) -> Known:
    """Return the real numbers of an operand; several scales are along ``axis``."""
    value = call.value(operand[0])
    return off_grid(call, value, grid_of(call, value, *operand[1:], axis=axis))


def _applied(call: Call, op: str, values: Sequence[Known | None], *names: str) -> Known:
    """Return the result of ONNX's operator ``op`` on real numbers, with some of the attributes."""
    apply = plain_rule(op)
    if apply is None:
        raise RefusedError(f"its operator, {op}, is not supported on real numbers either")
    attributes = {k: v for k, v in call.attributes.items() if k in names}
    node = replace(call.node, op=op, domain="", attributes=attributes)
    out = apply.apply(Call(call.builder, node, [*values]))
    if isinstance(out, Data | Const | Quantized):
        return out
    raise RefusedError("it must be followed by a layer, not be a decision")


def _quantized(call: Call, value: Known, scale: int, zero: int, *, behind: bool = False) -> Known:
    """Return ``value`` on the grid of two inputs, which are single numbers."""
    grid = grid_of(call, value, scale, zero, axis=0)
    if not call.has(zero):
        grid = replace(grid, kind=next(v.stored for v in call.values if isinstance(v, Data)))
    if grid.scale.size != 1:
        raise RefusedError("the scale of its result must be a single number")
    return onto_grid(call, value, grid, behind=behind)


def _bias(
    call: Call, i: int, x: Operand, w: Operand, factor: Fraction = Fraction(1)
) -> Known | None:
    """Return the bias of input ``i``: integers times the scales of data and weights."""
    if not call.has(i):
        return None
    kind = stored_kind(call.integers(i, "its bias"))
    if kind not in ("", "INT32"):
        raise RefusedError(f"its bias must be integers of type INT32, not {kind}")
    whole = np.array(call.integer_list(i, "its bias"), object)
    scale = factor * call.number(x[1], "its scale") * call.exact(w[1], "its scale").reshape(-1)
    if len(scale) not in (1, len(whole)):
        raise RefusedError(f"its bias must have {len(scale)} numbers, not {len(whole)}")
    return Const(as_objects(whole * scale, whole.shape))


CONV: Mapping[str, type | Versioned] = {"group": int, **WINDOW}


@rule(
    "QLinearConv",
    inputs={10: (8, 9)},
    layout="spatial",
    quantizer=True,
    integers="read",
    attributes=CONV,
)
def qlinear_conv(call: Call) -> Known:
    """Convolve integers; the bias is integers, too."""
    x, w = (0, 1, 2), (3, 4, 5)
    values = [_real(call, x), _real(call, w), _bias(call, 8, x, w)]
    return _quantized(call, _applied(call, "Conv", values, *CONV), 6, 7)


@rule("QLinearMatMul", inputs={10: 8}, quantizer=True, integers="read")
@rule("QLinearMatMul", domain=MICROSOFT, inputs=8, quantizer=True, integers="read")
def qlinear_matmul(call: Call) -> Known:
    """Multiply by a matrix of integers; if it has several scales, they belong to its columns."""
    dtypes = [s.array.dtype for i in (1, 4, 6) if isinstance(s := call.value(i), Const)]
    kinds = sorted({d.name for d in dtypes if d.kind == "f"})
    if len(kinds) > 1:
        raise RefusedError(f"its scales must be of one type, not of {' and '.join(kinds)}")
    values = [_real(call, (0, 1, 2)), _real(call, (3, 4, 5), axis=-1)]
    return _quantized(call, _applied(call, "MatMul", values), 6, 7)


GEMM: dict[str, type] = {"alpha": float, "transA": int, "transB": int}


@rule("QGemm", domain=MICROSOFT, inputs=(6, 9), quantizer=True, integers="read", attributes=GEMM)
def q_gemm(call: Call) -> Known:
    """``alpha * x @ w + alpha * xs * ws * c``; without a scale of the result, real numbers."""
    x, w = (0, 1, 2), (3, 4, 5)
    axis = 0 if call.int_attribute("transB", 0) else -1
    bias = _bias(call, 6, x, w, call.fraction("alpha", 1.0))
    out = _applied(call, "Gemm", [_real(call, x), _real(call, w, axis), bias], *GEMM)
    return _quantized(call, out, 7, 8) if call.has(7) else out


@rule(
    "ConvInteger",
    inputs={10: (2, 4)},
    layout="spatial",
    quantizer=True,
    integers="read",
    attributes=CONV,
)
@rule("MatMulInteger", inputs={10: (2, 4)}, quantizer=True, integers="read")
def on_integers(call: Call) -> Known:
    """Multiply integers after subtracting their zero points; the result is 32-bit integers."""
    op = call.node.op.removesuffix("Integer")
    values = [_shifted(call, 0, 2, axis=0), _shifted(call, 1, 3, axis=-1 if op == "MatMul" else 0)]
    out = _applied(call, op, values, *CONV)
    if not isinstance(out, Data):
        return out
    lo, hi = limits_of("INT32")
    if out.type is not None and not lo <= out.type.lo <= out.type.hi <= hi:
        raise RefusedError(f"its sums must fit 32 bits, as its result does, not {out.type}")
    return replace(out, stored="INT32")


def _shifted(call: Call, i: int, zero: int, *, axis: int) -> Known:
    """Return integer input ``i`` minus its zero point."""
    one = Const(np.array(1.0, np.float32))
    values = [call.value(i), one, call.value(zero) if call.has(zero) else None]
    if call.has(zero):
        ones = np.ones(call.integers(zero, "its zero point").shape, np.float32)
        values[1] = Const(ones)
    inner = Call(call.builder, call.node, values)
    return off_grid(inner, values[0], grid_of(inner, values[0], 1, 2, axis=axis))


def _binary(op: str) -> Callable[[Call], Known]:
    def apply(call: Call) -> Known:
        values = [_real(call, (0, 1, 2)), _real(call, (3, 4, 5))]
        return _quantized(call, _applied(call, op, values), 6, 7, behind=True)

    apply.__qualname__ = f"qlinear_{op}"
    return apply


for _op in ("Add", "Mul"):
    rule(
        f"QLinear{_op}",
        domain=MICROSOFT,
        inputs=(7, 8),
        layout="same",
        quantizer=True,
        integers="read",
    )(_binary(_op))


def _unary(op: str, layout: Layout, *, behind: bool = False, **types: type | Versioned) -> None:
    """Declare the rule of an operator with one operand."""

    def first(call: Call) -> Known:
        return _applied(call, op, [call.value(0)], *types)

    def apply(call: Call) -> Known:
        inner = Call(call.builder, call.node, [_real(call, (0, 1, 2))])
        last = call.int_attribute("channels_last", 0)
        out = on_last(first)(inner) if last else first(inner)
        return _quantized(call, out, 3, 4, behind=behind)

    apply.__qualname__ = f"qlinear_{op}"
    rule(
        f"QLinear{op}",
        domain=MICROSOFT,
        inputs=5,
        layout=layout,
        quantizer=True,
        integers="read",
        attributes=types,
    )(apply)


_unary(
    "AveragePool",
    "spatial",
    behind=True,
    ceil_mode=int,
    count_include_pad=int,
    channels_last=int,
    **{name: kind for name, kind in WINDOW.items() if name != "dilations"},
)
_unary("GlobalAveragePool", "spatial", channels_last=int)
_unary("LeakyRelu", "same", alpha=float)
_unary("Sigmoid", "same")


@rule(
    "QLinearConcat",
    domain=MICROSOFT,
    inputs=(5, limits.NODE_ITEMS),
    quantizer=True,
    integers="read",
    axis=int,
)
def qlinear_concat(call: Call) -> Known:
    """Concatenate integers on several grids; the first inputs are the result's grid."""
    if len(call.values) % 3 != 2:
        raise RefusedError(
            "it must have a scale, a zero point, and each tensor with its own of both, not"
            f" {len(call.values)} inputs"
        )
    values = [_real(call, (i, i + 1, i + 2)) for i in range(2, len(call.values), 3)]
    return _quantized(call, _applied(call, "Concat", values, "axis"), 0, 1)
