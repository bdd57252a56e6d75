"""Rules for ONNX's own quantizers, QuantizeLinear and DequantizeLinear, on data and constants.

``QuantizeLinear(x, s, z)``: ``min(max(round(x / s) + z, lo), hi)``, halves to even, rounded before
the zero point is added. ``DequantizeLinear(q, s, z)``: ``(q - z) * s``. Between the two the model
has integers; a Clip there reduces their bits, as in Brevitas' QCDQ.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...exact import Surd, floor
from ...ir import IntType
from ...real import Affine, zip_channels
from ..reader.stored import NUMBERS, as_stored, limits_of, stored_kind
from ..symbolic import (
    Call,
    Const,
    Data,
    Known,
    Quantized,
    RefusedError,
    Rounded,
    check_floats,
    exact_array,
    per_channel,
)
from .joins import DeferredJoin
from .quantized_constants import quantize_array
from .table import MICROSOFT, rule, since
from .weight_grids import narrowest

ACTIVATIONS = ("INT2", "UINT2", "INT4", "UINT4", "INT8", "UINT8", "INT16", "UINT16")
"""Types of QuantizeLinear's result."""

QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
"""Operators that take integers of other widths than 8 bits, and scales of 16 bits."""

FLOATS = (0, 1, 10, 11)
"""Attribute values for floats of 16, 32 or 64 bits, or for no type."""


@dataclass(frozen=True, eq=False)
class LinearGrid:
    """Scale and zero point of a linear quantizer, with as many axes as the quantized tensor."""

    scale: np.ndarray
    zero: np.ndarray
    kind: str

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        return limits_of(self.kind)


@rule(
    "QuantizeLinear",
    inputs={10: (2, 3)},
    layout="same",
    quantizer=True,
    axis=since(13, int),
    saturate=since(19, int),
    block_size=since(21, int),
    output_dtype=since(21, int),
    precision=since(23, int),
)
@rule("QuantizeLinear", domain=MICROSOFT, inputs=(2, 3), layout="same", quantizer=True, axis=int)
def quantize_linear(call: Call) -> Known:
    """Divide by the scale, round half to even, add the zero point, and saturate."""
    if call.int_attribute("precision", 0) not in FLOATS:
        raise RefusedError("attribute precision must be float (16, 32, 64 bits); it is exact here")
    return onto_grid(call, call.value(0), grid_of(call, call.value(0), 1, 2))


def onto_grid(call: Call, value: Known, grid: LinearGrid, *, behind: bool = False) -> Known:
    """Return the integers of ``value`` on a grid.

    ``behind``: the zero point is added before rounding.
    """
    if not grid.scale.all():
        raise RefusedError("its scale must not be zero")
    lo, hi = grid.limits
    if not isinstance(value, Data):
        return _constant(call, value, grid)
    if isinstance(value.deferred, DeferredJoin) and value.deferred.is_uniform:
        value = call.builder.settle(value)
    scale = per_channel(grid.scale, value, what="its scale")
    zero = tuple(floor(z) for z in per_channel(grid.zero, value, what="its zero point"))
    if _lies_on(value, _meaning(grid, value), lo, hi):
        return replace(value, steps=(), stored=grid.kind)
    return replace(
        value,
        type=IntType(lo, hi),
        steps=(),
        quantized=True,
        stored=grid.kind,
        deferred=Rounded(call.builder, value, call.node, scale, zero, lo, hi, behind=behind),
    )


def _lies_on(value: Data, meaning: Affine, lo: int, hi: int) -> bool:
    """Return whether data are already on this very grid, as between two pairs of QDQ nodes."""
    given = value.affine
    waits = value.deferred is not None and not isinstance(value.deferred, Rounded)
    if given is None or value.type is None or not value.quantized or waits:
        return False
    fits = value.type.coding.binary and lo <= value.type.lo and value.type.hi <= hi
    return fits and all(
        all(a == b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else False
        for one, other in ((given.scale, meaning.scale), (given.offset, meaning.offset))
    )


def _constant(call: Call, value: Const | Quantized, grid: LinearGrid) -> Const:
    """Quantize a constant; its integers stay integers."""
    check_floats(value, "the constant that it quantizes")
    if isinstance(value, Quantized) or value.array.dtype == object:
        value = Const(exact_array(value, call.builder.work))
    if not value.array.size:
        raise RefusedError("the constant that it quantizes must not be empty")
    (lo, hi), zero = grid.limits, grid.zero.astype(np.int64)
    wide = IntType(lo - int(zero.max()), hi - int(zero.min()))
    none = np.full((1,) * value.array.ndim, Fraction(0), object)
    q = quantize_array(value.array, grid.scale, none, wide, "ROUND") + zero
    return Const(as_stored(np.clip(q, lo, hi), grid.kind))


@rule(
    "DequantizeLinear",
    inputs={10: (2, 3)},
    layout="same",
    integers="read",
    axis=since(13, int),
    block_size=since(21, int),
    output_dtype=since(23, int),
)
@rule("DequantizeLinear", domain=MICROSOFT, inputs=(2, 3), layout="same", integers="read", axis=int)
def dequantize_linear(call: Call) -> Known:
    """Subtract the zero point and multiply by the scale."""
    if call.int_attribute("output_dtype", 0) not in FLOATS:
        raise RefusedError("attribute output_dtype must be float (16, 32 or 64 bits)")
    return off_grid(call, call.value(0), grid_of(call, call.value(0), 1, 2))


def off_grid(call: Call, value: Known, grid: LinearGrid) -> Known:
    """Return the real numbers of integers on a grid."""
    kind = value.stored if isinstance(value, Data) else stored_kind(_numbers(value))
    if kind and kind != grid.kind:
        raise RefusedError(f"its zero point must be {kind}, as its data are, not {grid.kind}")
    if isinstance(value, Data):
        if not value.stored:
            raise RefusedError("its data must be integers: what QuantizeLinear gives")
        if isinstance(value.deferred, Rounded):
            value = call.builder.settle(value)
        return call.then(replace(value, stored=""), _meaning(grid, value))
    if not isinstance(value, Const) or value.array.dtype != np.int64:
        raise RefusedError("the constant that it reads must hold integers")
    if not value.array.size:
        raise RefusedError("the constant that it reads must not be empty")
    w = value.array.astype(np.int64) - grid.zero.astype(np.int64)
    return Quantized(w, grid.scale, narrowest(w))


def _meaning(grid: LinearGrid, value: Data) -> Affine:
    scale = per_channel(grid.scale, value, what="its scale")
    zero = per_channel(grid.zero, value, what="its zero point")
    return Affine(scale, zip_channels(lambda s, z: -s * z, scale, zero))


def grid_of(
    call: Call, value: Known, scale: int, zero: int, *, axis: int | None = None
) -> LinearGrid:
    """Return the grid of ``value`` with the node's inputs ``scale`` and ``zero``.

    ``axis``: the axis of several scales, instead of the attribute.
    """
    shape = _shape(call, value)
    _check_float(call, scale)
    scales = call.exact(scale, "its scale")
    if any(isinstance(s, Surd) for s in scales.flat):
        raise RefusedError("its scale must be rational")
    zeros, kind = np.full(scales.shape, Fraction(0), object), _kind(call, value)
    if call.has(zero):
        given = call.value(zero)
        if not isinstance(given, Const) or given.array.dtype != np.int64:
            raise RefusedError("its zero point must be constant integers")
        zeros = call.exact(zero, "its zero point", like="any")
        kind = _named(call, stored_kind(given.array) or kind)
    _check_integer(call, kind, "zero point" if call.has(zero) else "data")
    if call.has(zero):
        lo, hi = limits_of(kind)
        if any(not lo <= z <= hi for z in zeros.flat):
            raise RefusedError(f"its zero point must be {lo} to {hi}")
    single = max(scales.ndim, zeros.ndim) < 2  # a scalar and a list of one mean the same
    if scales.size != zeros.size or (scales.shape != zeros.shape and not single):
        raise RefusedError(
            f"its scale and zero point must have the same shape, not {list(scales.shape)} and"
            f" {list(zeros.shape)}"
        )
    axis = call.int_attribute("axis", 1) if axis is None else axis
    block = call.int_attribute("block_size", 0)
    parts = (
        _along(scales, "scale", shape, axis, block),
        _along(zeros, "zero point", shape, axis, block),
    )
    return LinearGrid(*parts, kind)


def _check_float(call: Call, scale: int) -> None:
    """Raise unless a scale that stands in the file has a type that the operator takes."""
    value = call.value(scale)
    known = value.array.dtype.name if isinstance(value, Const) else ""
    # ONNX Runtime's own QuantizeLinear wants the type of its data, and the data here have 32 bits
    own = call.node.op == "DequantizeLinear" or not call.node.domain
    halves = ("float16",) if call.node.op in (*QUANTIZERS, "QLinearMatMul") and own else ()
    allowed = ("float32", *halves)
    if known.startswith("float") and known not in allowed:
        raise RefusedError(f"its scale must be {' or '.join(allowed)}, not {known}")


def _check_integer(call: Call, kind: str, what: str) -> None:
    """Raise unless the operator takes integers of this type; QDQ's take more than the others."""
    allowed = ("INT8", "UINT8")
    if call.node.op in QUANTIZERS:
        wide = ["INT32"] if call.node.op == "DequantizeLinear" else []
        allowed = (*wide, *ACTIVATIONS)
    if kind not in allowed:
        raise RefusedError(
            f"its {what} must be {', '.join(allowed[:-1])} or {allowed[-1]}, not {kind}"
        )


def _shape(call: Call, value: Known) -> tuple[int, ...]:
    if isinstance(value, Data):
        return (call.builder.batch, *value.shape)
    return _numbers(value).shape


def _numbers(value: Const | Quantized) -> np.ndarray:
    return value.array if isinstance(value, Const) else value.integers


def _kind(call: Call, value: Known) -> str:
    """Return the integers' type if there is no zero point."""
    stored = value.stored if isinstance(value, Data) else ""
    if isinstance(value, Const):
        stored = stored_kind(value.array)
    named = call.int_attribute("output_dtype", 0)
    if stored or not named:
        return stored or "UINT8"
    return _named(call, NUMBERS.get(named, ""))


def _named(call: Call, kind: str) -> str:
    """Return the integers' type, after a check against the attribute that may state it, too."""
    named = call.int_attribute("output_dtype", 0)
    if named in FLOATS and kind:
        return kind
    if NUMBERS.get(named) != kind or not kind:
        raise RefusedError(
            f"attribute output_dtype must be an integer type, that of its zero point, not {named}"
        )
    return kind


def _along(
    values: np.ndarray, what: str, shape: tuple[int, ...], axis: int, block: int
) -> np.ndarray:
    """Return one number, or several along an axis, as an array that fits ``shape``."""
    rank = len(shape)
    if values.size == 1 and values.ndim < 2:
        return values.reshape((1,) * rank)
    if not -rank <= axis < rank:
        raise RefusedError(f"axis must be -{rank}..{rank - 1}, not {axis}")
    axis %= rank
    n = shape[axis]
    if block:
        wanted = (*shape[:axis], -(-n // max(block, 1)), *shape[axis + 1 :])
        if block < 1 or values.shape != wanted:
            raise RefusedError(
                f"its {what} must be of shape {list(wanted)} for blocks of {block}, not"
                f" {list(values.shape)}"
            )
        return np.repeat(values, block, axis).take(range(n), axis)
    if values.ndim != 1 or len(values) != n:
        raise RefusedError(
            f"its {what} must be a single number or {n} along axis {axis}, not of shape"
            f" {list(values.shape)}"
        )
    return values.reshape(tuple(n if a == axis else 1 for a in range(rank)))


@rule("DynamicQuantizeLinear", inputs={11: 1}, outputs="all", quantizer=True)
def dynamic(call: Call) -> Known:
    """Refuse a scale that depends on each input."""
    raise RefusedError(
        "its scale is taken from each frame while it runs, so no integers are fixed; quantize with"
        " static scales (onnxruntime.quantization.quantize_static)"
    )
