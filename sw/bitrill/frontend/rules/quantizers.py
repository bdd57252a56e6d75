"""Rules for quantizers, on data and on constants: QONNX's, and LogQuant of domain ``bitrill``.

``Quant(x, scale, zero, bits)``: ``(round(clamp(x / scale + zero, lo, hi)) - zero) * scale``, with
``lo..hi`` from ``bits``, ``signed`` and ``narrow``; one bit, signed: +-1 by
``x / scale + zero >= 0``. ``BipolarQuant(x, scale)``: ``scale`` where ``x >= 0``, else ``-scale``.
(QONNX: Pappalardo et al. 2022, "QONNX: Representing Arbitrary-Precision Quantized Neural Networks")
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...exact import Surd, sign
from ...ir import BIPOLAR, IntType, Quantizer
from ...real import ROUNDINGS, Affine, Rounding, is_rounding
from ..reader import limits
from ..reader.functions import DOMAIN, LARGEST_BITS, LOG_QUANT
from ..symbolic import (
    Call,
    Const,
    Known,
    Quantized,
    RefusedError,
    Work,
    brief,
    exact_array,
    per_channel,
)
from .table import QONNX, rule

_CLOSE = 2.0**-46
"""Relative distance to a boundary, in float64, below which exact numbers decide.

The quotient is of two numbers rounded to float64 and is rounded itself, the zero point is rounded
and added: four roundings of 2**-53 each, and a spare factor of 32.
"""


_CHUNK = 1 << 18
"""Elements quantized at once, so that float64 copies stay small."""

ALIASES = {"ROUND_TO_ZERO": "DOWN"}
"""Further names of rounding modes, which Brevitas writes."""

FLAGS: dict[str, type] = {"signed": int, "narrow": int, "rounding_mode": str}
"""Attributes that Quant, IntQuant and Trunc share."""


@rule("BipolarQuant", domain=QONNX, inputs=2, layout="same")
def bipolar_quant(call: Call) -> Known:
    """Take the sign of the input, as +-scale."""
    scale = _nonzero(call.exact(1, "its scale"))
    # a negative scale must not turn the sign: the quantizer itself has scale 1
    return _apply(call, BIPOLAR, "ROUND", scale, None, unit=True)


@rule("Quant", domain=QONNX, inputs=4, layout="same", attributes=FLAGS)
@rule("IntQuant", domain=QONNX, inputs=4, layout="same", attributes=FLAGS)
def quant(call: Call) -> Known:
    """Round and clamp to integers of ``bits`` bits."""
    for name in ("signed", "narrow"):
        if call.attributes.get(name) not in (0, 1):
            raise RefusedError(f"attribute {name} must be 0 or 1, not {call.attributes.get(name)}")
    rounding = rounding_mode(call, "ROUND")
    scale = _nonzero(call.exact(1, "its scale"))
    zero = call.exact(2, "its zero point")
    bits = call.number(3, "its bit width")
    if isinstance(bits, Surd) or bits.denominator != 1 or not 1 <= bits <= 32:
        raise RefusedError(f"its bit width must be an integer from 1 to 32, not {brief(bits)}")
    type_ = integer_type(call, int(bits))
    return _apply(call, type_, rounding, scale, None if not zero.any() else zero)


@rule("LogQuant", domain=DOMAIN, inputs=2, quantizer=True, body=LOG_QUANT, bits=int)
def log_quant(call: Call) -> Known:
    """Round to 0 or a power of two, times a scale; docs/format.md specifies it."""
    bits = call.int_attribute("bits", 0)
    if not 1 <= bits <= LARGEST_BITS:
        raise RefusedError(f"attribute bits must be 1 to {LARGEST_BITS}, not {bits}")
    call.data(0)
    scale = call.exact(1, "its scale")
    if any(sign(s) <= 0 for s in scale.flat):
        raise RefusedError("its scale must be above 0")
    return _apply(call, IntType(0, 1 << (1 << bits) - 2, "log2"), "ROUND", scale, None)


def rounding_mode(call: Call, default: str) -> Rounding:
    """Return the attribute ``rounding_mode``, which exporters write in either case."""
    mode = call.text_attribute("rounding_mode", default).upper()
    mode = ALIASES.get(mode, mode)
    if is_rounding(mode):
        return mode
    known = ", ".join((*ROUNDINGS, *ALIASES))
    raise RefusedError(f"rounding_mode must be one of {known}, not {mode[:40]!r}")


def integer_type(call: Call, bits: int) -> IntType:
    """Return the integers of ``bits`` bits by the attributes ``signed`` and ``narrow``."""
    signed, narrow = (
        bool(call.int_attribute(name, default)) for name, default in (("signed", 1), ("narrow", 0))
    )
    if signed and bits == 1:
        return BIPOLAR
    if signed:
        return IntType(-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1)
    return IntType(0, (1 << bits) - 1 - narrow)


def check_bits(t: IntType) -> None:
    """Refuse activations that are too wide."""
    if t.bits > limits.ACTIVATION_BITS:
        raise RefusedError(
            f"activations must have at most {limits.ACTIVATION_BITS} bits, not {t.bits}"
        )


def _nonzero(scale: np.ndarray) -> np.ndarray:
    if not scale.all():
        raise RefusedError("its scale must not be zero")
    return scale


def _apply(
    call: Call,
    type_: IntType,
    rounding: Rounding,
    scale: np.ndarray,
    zero: np.ndarray | None,
    *,
    unit: bool = False,
) -> Known:
    value = call.value(0)
    if isinstance(value, Const | Quantized):
        return _constant(value, type_, rounding, scale, zero, call.builder.work, unit=unit)
    check_bits(type_)
    scales = per_channel(scale, value, what="its scale")
    zeros = (Fraction(0),) if zero is None else per_channel(zero, value, what="its zero point")
    quantizer = Quantizer(type_, (Fraction(1),) if unit else scales, zeros, rounding)
    meaning = Affine(scales) if unit else quantizer.meaning
    if type_.n_values == 1:  # hardware needs two: a constant in front gives the lower one
        lo = (Fraction(type_.lo),)
        value = call.then(value, Affine((Fraction(0),), lo))
        type_ = IntType(type_.lo, type_.lo + 1)
        quantizer = Quantizer(type_)
    edge = call.builder.quantize(value, quantizer, call.node)
    return replace(value, edge=edge, type=type_, steps=(meaning,), quantized=True, deferred=None)


def _constant(
    value: Const | Quantized,
    type_: IntType,
    rounding: Rounding,
    scale: np.ndarray,
    zero: np.ndarray | None,
    work: Work,
    *,
    unit: bool,
) -> Quantized:
    """Return a constant's integers, the zero point subtracted, and its scale."""
    if isinstance(value, Quantized) or value.array.dtype == object:
        value = Const(exact_array(value, work))
    x = value.array
    if not x.size:
        raise RefusedError("the constant that it quantizes must not be empty")
    for part, what in ((scale, "its scale"), (zero, "its zero point")):
        if part is not None and not _fits(part.shape, x.shape):
            raise RefusedError(
                f"{what} must fit shape {list(x.shape)}, not have shape {list(part.shape)}"
            )
    scale = scale.reshape((1,) * (x.ndim - scale.ndim) + scale.shape)
    zeros = np.full((1,) * x.ndim, Fraction(0)) if zero is None else zero
    zeros = zeros.reshape((1,) * (x.ndim - zeros.ndim) + zeros.shape)
    if any(isinstance(z, Surd) or z.denominator != 1 or abs(z) >= 1 << 31 for z in zeros.flat):
        raise RefusedError("the zero point of a constant must be an integer of at most 32 bits")
    divisor = np.full((1,) * x.ndim, Fraction(1)) if unit else scale
    q = quantize_array(x, divisor, zeros, type_, rounding)
    if zero is None:
        return Quantized(q, scale, type_)
    whole = zeros.astype(np.int64)
    shifted = IntType(type_.lo - int(whole.max()), type_.hi - int(whole.min()))
    return Quantized(q - whole, scale, shifted)


def _fits(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether ``small`` broadcasts to ``large`` without changing it."""
    tail = large[len(large) - len(small) :] if len(small) <= len(large) else None
    return tail is not None and all(s in (1, n) for s, n in zip(small, tail, strict=True))


def quantize_array(
    x: np.ndarray, scale: np.ndarray, zero: np.ndarray, type_: IntType, rounding: Rounding
) -> np.ndarray:
    """Apply ``Quantizer(type_, scale, zero, rounding)`` to each number of ``x``, exactly; int64.

    scale, zero: object arrays of exact reals that broadcast to x, with as many axes. float64
    decides far from every boundary, else the exact numbers do, once for each different pair.
    """
    shape = np.broadcast_shapes(scale.shape, zero.shape)
    s, z = (np.broadcast_to(a, shape).reshape(-1).tolist() for a in (scale, zero))
    groups = np.broadcast_to(np.arange(len(s)).reshape(shape), x.shape).reshape(-1)
    s64, z64 = np.array(s, np.float64), np.array(z, np.float64)
    flat, out = x.reshape(-1), np.empty(x.size, np.int64)
    known: dict[tuple[int, object], int] = {}
    for start in range(0, x.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        group = groups[part]
        q, close = _approximate(
            flat[part].astype(np.float64), s64[group], z64[group], type_, rounding
        )
        places = np.flatnonzero(close)
        for place, g, number in zip(
            places.tolist(), group[places].tolist(), flat[part][places].tolist(), strict=True
        ):
            if (g, number) not in known:
                real = Fraction(number) if isinstance(number, int | float) else number
                known[g, number] = Quantizer(type_, (s[g],), (z[g],), rounding)(real, 0)
            q[place] = known[g, number]
        out[part] = q
    return out.reshape(x.shape)


def _approximate(
    x: np.ndarray, scale: np.ndarray, zero: np.ndarray, type_: IntType, rounding: Rounding
) -> tuple[np.ndarray, np.ndarray]:
    """Return the integers by float64, and which are too close to a boundary to be sure."""
    with np.errstate(over="ignore", invalid="ignore"):
        quotient = x / scale
        v = quotient + zero
        slack = (np.abs(quotient) + np.abs(zero)) * _CLOSE + 1e-290  # which covers underflow
        if type_.coding.is_bipolar:
            return np.where(v >= 0, 1, -1), np.abs(v) <= slack
        half = 0.0 if rounding in ("CEIL", "FLOOR", "UP", "DOWN") else 0.5
        near = np.abs(v - (np.round(v - half) + half)) <= slack
        inside = (v >= type_.lo - slack) & (v <= type_.hi + slack)
        q = _rounded(np.clip(v, type_.lo, type_.hi), rounding)
    return q.astype(np.int64), near & inside


def _rounded(v: np.ndarray, rounding: Rounding) -> np.ndarray:
    """Round numbers that are not close to a boundary: halves need no rule of their own."""
    if rounding == "FLOOR":
        return np.floor(v)
    if rounding == "CEIL":
        return np.ceil(v)
    if rounding == "UP":
        return np.sign(v) * np.ceil(np.abs(v))
    if rounding == "DOWN":
        return np.trunc(v)
    return np.round(v)
