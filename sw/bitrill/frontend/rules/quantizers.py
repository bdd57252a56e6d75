"""Rules for Quant, IntQuant and BipolarQuant, on data and on constants; and for LogQuant.

``Quant(x, scale, zero, bits)``: ``(round(clamp(x / scale + zero, lo, hi)) - zero) * scale``, with
``lo..hi`` from ``bits``, ``signed`` and ``narrow``; one bit, signed: +-1 by
``x / scale + zero >= 0``. ``BipolarQuant(x, scale)``: ``scale`` where ``x >= 0``, else ``-scale``.
(QONNX: Pappalardo et al. 2022, "QONNX: Representing Arbitrary-Precision Quantized Neural Networks")
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ... import exact
from ...exact import Surd
from ...ir.types import BIPOLAR, IntType
from ...real import ROUNDINGS, Affine, Quantizer, Rounding
from ..reader import limits
from ..reader.functions import LARGEST_BITS
from ..symbolic.context import Call
from ..symbolic.values import (
    Const,
    Known,
    Quantized,
    RefusedError,
    Work,
    brief,
    exact_array,
    per_channel,
)

_CLOSE = 2.0**-46
"""Relative distance to a boundary, in float64, below which the exact numbers are asked.

The quotient is of two numbers rounded to float64 and is rounded itself, the zero point is rounded
and added: four roundings of 2**-53 each, and a spare factor of 32.
"""


_CHUNK = 1 << 18


def bipolar_quant(call: Call) -> Known:
    scale = _nonzero(call.exact(1, "its scale"))
    # its sign is the input's, whatever the scale's: the quantizer itself has scale 1
    return _apply(call, BIPOLAR, "ROUND", scale, None, unit=True)


def quant(call: Call) -> Known:
    for name in ("signed", "narrow"):
        if call.attributes.get(name) not in (0, 1):
            raise RefusedError(f"attribute {name} must be 0 or 1, not {call.attributes.get(name)}")
    rounding = call.attributes.get("rounding_mode", "ROUND").upper()
    if rounding not in ROUNDINGS:
        raise RefusedError(
            f"rounding_mode must be one of {', '.join(ROUNDINGS)}, not {rounding[:40]!r}"
        )
    scale = _nonzero(call.exact(1, "its scale"))
    zero = call.exact(2, "its zero point")
    bits = call.number(3, "its bit width")
    if isinstance(bits, Surd) or bits.denominator != 1 or not 1 <= bits <= 32:
        raise RefusedError(f"its bit width must be an integer from 1 to 32, not {brief(bits)}")
    flags = {name: call.attributes[name] == 1 for name in ("signed", "narrow")}
    type_ = integer_type(int(bits), **flags)
    return _apply(call, type_, rounding, scale, None if not zero.any() else zero)


def log_quant(call: Call) -> Known:
    """The function of domain ``bitrill``: 0 and powers of two times a scale. See docs/format.md."""
    bits = call.attributes.get("bits", 0)
    if not 1 <= bits <= LARGEST_BITS:
        raise RefusedError(f"attribute bits must be 1 to {LARGEST_BITS}, not {bits}")
    call.data(0)
    scale = call.exact(1, "its scale")
    if any(exact.sign(s) <= 0 for s in scale.flat):
        raise RefusedError("its scale must be above 0")
    return _apply(call, IntType(0, 1 << (1 << bits) - 2, "log2"), "ROUND", scale, None)


def integer_type(bits: int, *, signed: bool, narrow: bool) -> IntType:
    """The integers of a Quant node of so many bits."""
    if signed and bits == 1:
        return BIPOLAR
    if signed:
        return IntType(-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1)
    return IntType(0, (1 << bits) - 1 - narrow)


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
    if type_.bits > limits.ACTIVATION_BITS:
        raise RefusedError(
            f"activations must have at most {limits.ACTIVATION_BITS} bits, not {type_.bits}"
        )
    scales = per_channel(scale, value, what="its scale")
    zeros = (Fraction(0),) if zero is None else per_channel(zero, value, what="its zero point")
    quantizer = Quantizer(type_, (Fraction(1),) if unit else scales, zeros, rounding)
    edge = call.builder.quantize(value, quantizer, call.node)
    meaning = Affine(scales) if unit else quantizer.meaning
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
    """A constant's integers with the zero point taken off, and its scale."""
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
    """``Quantizer(type_, scale, zero, rounding)`` of each number of ``x``, exactly; int64.

    scale, zero: object arrays of exact reals that broadcast to x, of as many axes. Decided in
    float64 where that is far from every boundary, else by the exact numbers, each pair once.
    """
    shape = np.broadcast_shapes(scale.shape, zero.shape)
    s, z = (np.broadcast_to(a, shape).reshape(-1).tolist() for a in (scale, zero))
    groups = np.broadcast_to(np.arange(len(s)).reshape(shape), x.shape).reshape(-1)
    s64, z64 = np.array(s, np.float64), np.array(z, np.float64)
    flat, out = x.reshape(-1), np.empty(x.size, np.int64)
    known: dict[tuple[int, object], int] = {}
    for start in range(0, x.size, _CHUNK):  # so that float64 copies stay small
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
    """The integers in float64, and where they are too close to a boundary to be sure."""
    with np.errstate(over="ignore", invalid="ignore"):
        quotient = x / scale
        v = quotient + zero
        slack = (np.abs(quotient) + np.abs(zero)) * _CLOSE + 1e-290  # which covers underflow
        if type_.coding.is_bipolar:
            return np.where(v >= 0, 1, -1), np.abs(v) <= slack
        half = 0.5 if rounding in ("ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN") else 0.0
        near = np.abs(v - (np.round(v - half) + half)) <= slack
        inside = (v >= type_.lo - slack) & (v <= type_.hi + slack)
        q = _rounded(np.clip(v, type_.lo, type_.hi), rounding)
    return q.astype(np.int64), near & inside


def _rounded(v: np.ndarray, rounding: Rounding) -> np.ndarray:
    """Away from boundaries, so halves need no rule of their own."""
    if rounding == "FLOOR":
        return np.floor(v)
    if rounding == "CEIL":
        return np.ceil(v)
    if rounding == "UP":
        return np.sign(v) * np.ceil(np.abs(v))
    if rounding == "DOWN":
        return np.trunc(v)
    return np.round(v)
