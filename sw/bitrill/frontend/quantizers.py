"""Rules for Quant, IntQuant and BipolarQuant, on data and on constants.

``Quant(x, scale, zero, bits)``: ``(round(clamp(x / scale + zero, lo, hi)) - zero) * scale``, with
``lo..hi`` from ``bits``, ``signed`` and ``narrow``; one bit, signed: +-1 by ``x / scale + zero >= 0``.
``BipolarQuant(x, scale)``: ``scale`` where ``x >= 0``, else ``-scale``. (QONNX, Pappalardo et al. 2022)
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..exact import Real, Surd
from ..ir.types import BIPOLAR, IntType
from ..real import ROUNDINGS, Affine, Quantizer, Rounding
from . import limits
from .context import Call
from .values import Const, Data, Quantized, Refused, Value, Work, exact_array, per_channel

_CLOSE = 2.0**-46
"""Relative distance to a boundary, in float64, below which the exact numbers are asked.

The quotient is of two numbers rounded to float64 and is rounded itself, the zero point is rounded
and added: four roundings of 2**-53 each, and a spare factor of 32.
"""


def bipolar_quant(call: Call) -> Value:
    scale = _nonzero(call.exact(1, "its scale"))
    # its sign is the input's, whatever the scale's: the quantizer itself has scale 1
    return _apply(call, BIPOLAR, "ROUND", scale, None, unit=True)


def quant(call: Call) -> Value:
    for name in ("signed", "narrow"):
        if call.attributes.get(name) not in (0, 1):
            raise Refused(f"attribute {name} must be 0 or 1, not {call.attributes.get(name)}")
    rounding = call.attributes.get("rounding_mode", "ROUND").upper()
    if rounding not in ROUNDINGS:
        raise Refused(f"rounding_mode must be one of {', '.join(ROUNDINGS)}, not {rounding[:40]!r}")
    scale = _nonzero(call.exact(1, "its scale"))
    zero = call.exact(2, "its zero point")
    bits = call.number(3, "its bit width")
    if isinstance(bits, Surd) or bits.denominator != 1 or not 1 <= bits <= 32:
        raise Refused(f"its bit width must be an integer from 1 to 32, not {float(bits):g}")
    type_ = _type(int(bits), signed=call.attributes["signed"] == 1, narrow=call.attributes["narrow"] == 1)
    return _apply(call, type_, rounding, scale, None if not zero.any() else zero)


def _type(bits: int, *, signed: bool, narrow: bool) -> IntType:
    if signed and bits == 1:
        return BIPOLAR
    if signed:
        return IntType(-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1)
    return IntType(0, (1 << bits) - 1 - narrow)


def _nonzero(scale: np.ndarray) -> np.ndarray:
    if not scale.all():
        raise Refused("its scale must not be zero")
    return scale


def _apply(
    call: Call, type_: IntType, rounding: Rounding, scale: np.ndarray, zero: np.ndarray | None,
    *, unit: bool = False,
) -> Value:  # fmt: skip
    value = call.value(0)
    if isinstance(value, Const | Quantized):
        return _constant(value, type_, rounding, scale, zero, call.builder.work, unit=unit)
    if not isinstance(value, Data):
        raise Refused("nothing is known of its operand")
    if type_.bits > limits.ACTIVATION_BITS:
        raise Refused(f"activations must have at most {limits.ACTIVATION_BITS} bits, not {type_.bits}")
    scales = per_channel(scale, value, what="its scale")
    zeros = (Fraction(0),) if zero is None else per_channel(zero, value, what="its zero point")
    quantizer = Quantizer(type_, (Fraction(1),) if unit else scales, zeros, rounding)
    edge, edge_type = call.builder.quantize(value, quantizer, call.node)
    meaning = Affine(scales) if unit else quantizer.meaning
    return Data(edge, edge_type, value.shape, (meaning,), quantized=True)


def _constant(
    value: Const | Quantized, type_: IntType, rounding: Rounding, scale: np.ndarray,
    zero: np.ndarray | None, work: Work, *, unit: bool,
) -> Quantized:  # fmt: skip
    """A constant's integers with the zero point taken off, and its scale."""
    if isinstance(value, Quantized) or value.array.dtype == object:
        value = Const(exact_array(value, work))
    x = value.array
    if not x.size:
        raise Refused("the constant that it quantizes must not be empty")
    for part, what in ((scale, "its scale"), (zero, "its zero point")):
        if part is not None and np.broadcast_shapes(x.shape, part.shape) != x.shape:
            raise Refused(f"{what} must fit shape {list(x.shape)}, not have shape {list(part.shape)}")
    scale = scale.reshape((1,) * (x.ndim - scale.ndim) + scale.shape)
    zeros = np.full((1,) * x.ndim, Fraction(0)) if zero is None else zero
    zeros = zeros.reshape((1,) * (x.ndim - zeros.ndim) + zeros.shape)
    if any(isinstance(z, Surd) or z.denominator != 1 or abs(z) >= 1 << 31 for z in zeros.flat):
        raise Refused("the zero point of a constant must be an integer of at most 32 bits")
    divisor = np.full((1,) * x.ndim, Fraction(1)) if unit else scale
    q = quantize_array(x, divisor, zeros, type_, rounding)
    if zero is None:
        return Quantized(q, scale, type_)
    whole = zeros.astype(np.int64)
    shifted = IntType(type_.lo - int(whole.max()), type_.hi - int(whole.min()))
    return Quantized(q - whole, scale, shifted)


def quantize_array(
    x: np.ndarray, scale: np.ndarray, zero: np.ndarray, type_: IntType, rounding: Rounding
) -> np.ndarray:
    """``Quantizer(type_, scale, zero, rounding)`` of each number of ``x``, exactly; int64.

    scale, zero: object arrays of exact reals that broadcast to x, of as many axes. Decided in
    float64 where that is far from every boundary, else by the exact numbers, each pair once.
    """
    exact_x = x.dtype == object
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        approximate = x.astype(np.float64)
        quotient = approximate / scale.astype(np.float64)
        offset = zero.astype(np.float64)
        v = quotient + offset
        slack = (np.abs(quotient) + np.abs(offset)) * _CLOSE + 1e-290
        if type_.coding == "bipolar":
            q, close = np.where(v >= 0, 1.0, -1.0), np.abs(v) <= slack
        else:
            v = np.clip(v, type_.lo, type_.hi)
            half = 0.5 if rounding in ("ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN") else 0.0
            q, near = _rounded(v, rounding), np.round(v - half) + half
            close = np.abs(v - near) <= slack
    close |= ~np.isfinite(quotient) | (np.abs(quotient) < 1e-280)
    q = np.where(close, 0.0, q).astype(np.int64)
    if not close.any():
        return q
    places = np.nonzero(close)
    s, z = np.broadcast_to(scale, x.shape), np.broadcast_to(zero, x.shape)
    groups = np.broadcast_to(_groups(scale, zero), x.shape)[places]
    known: dict[tuple[int, object], int] = {}
    found = []
    for n, (group, number) in enumerate(zip(groups.tolist(), x[places].tolist(), strict=True)):
        key = (group, number)
        if key not in known:
            at = tuple(p[n] for p in places)
            exact = number if exact_x else Fraction(number)
            known[key] = _decide(exact, s[at], z[at], type_, rounding)
        found.append(known[key])
    q[places] = found
    return q


def _groups(scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """A number for each place where scale and zero point may differ."""
    shape = np.broadcast_shapes(scale.shape, zero.shape)
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


def _decide(x: Real, scale: Real, zero: Real, type_: IntType, rounding: Rounding) -> int:
    return Quantizer(type_, (scale,), (zero,), rounding)(x, 0)


def _rounded(v: np.ndarray, rounding: Rounding) -> np.ndarray:
    """Away from the boundaries, where halves cannot occur."""
    if rounding == "FLOOR":
        return np.floor(v)
    if rounding == "CEIL":
        return np.ceil(v)
    if rounding == "UP":
        return np.sign(v) * np.ceil(np.abs(v))
    if rounding == "DOWN":
        return np.trunc(v)
    return np.round(v)
