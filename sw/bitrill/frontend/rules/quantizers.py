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
from ...real import ROUNDING_NAMES, Affine, Clip, Rounding, zip_channels
from ..reader import limits
from ..reader.local_functions import DOMAIN, LARGEST_BITS, LOG_QUANT
from ..symbolic import (
    Call,
    Const,
    Data,
    Known,
    Quantized,
    RefusedError,
    brief,
    exact_array,
    per_channel,
)
from .matmul import widest
from .quantized_constants import fits, quantized_constant
from .table import QONNX, rule

DROPS_HALVES = ("ROUND", "HALF_EVEN", "DOWN", "HALF_DOWN")
"""Rounding modes that round -1/2 to 0; a signed width of 0 bits leaves only the range -1/2..0."""

FLAGS: dict[str, type] = {"signed": int, "narrow": int, "rounding_mode": str}
"""Attributes that Quant, IntQuant and Trunc share."""


@rule("BipolarQuant", domain=QONNX, inputs=2, layout="same")
def bipolar_quant(call: Call) -> Known:
    """Take the sign of the input, as +-scale."""
    scale = _nonzero(call.exact(1, "its scale", like="any"))
    # a negative scale must not change the sign: the quantizer itself has scale 1
    return _apply(call, BIPOLAR, "ROUND", scale, None, unit=True)


@rule("Quant", domain=QONNX, inputs=4, layout="same", attributes=FLAGS)
@rule("IntQuant", domain=QONNX, inputs=4, layout="same", attributes=FLAGS)
def quant(call: Call) -> Known:
    """Round and clamp to integers of ``bits`` bits."""
    for name in ("signed", "narrow"):
        if call.attributes.get(name) not in (0, 1):
            raise RefusedError(f"attribute {name} must be 0 or 1, not {call.attributes.get(name)}")
    rounding = rounding_mode(call, "ROUND")
    scale = _nonzero(call.exact(1, "its scale", like="any"))
    zero = call.exact(2, "its zero point", like="any")
    widths = call.exact(3, "its bit width", like="any")
    shape = call.shape(0)
    if widths.size > 1 and not fits(widths.shape, shape):
        raise RefusedError(
            f"its bit width must fit shape {list(shape)}, not have shape {list(widths.shape)}"
        )
    types = {b: integer_type(call, int(b)) for b in _different(call, widths, rounding)}
    given = rounding, scale, None if not zero.any() else zero
    if len(types) == 1:
        return _apply(call, next(iter(types.values())), *given)
    if BIPOLAR in types.values():
        raise RefusedError("a signed bit width of 1 must be that of all elements")
    ends = [[getattr(types[b], end) for b in widths.reshape(-1)] for end in ("lo", "hi")]
    lows, highs = (np.array(e).reshape(widths.shape) for e in ends)
    return _apply(call, widest(*types.values()), *given, within=(lows, highs))


def _different(call: Call, widths: np.ndarray, rounding: Rounding) -> list[Fraction]:
    """Return the different bit widths; 0 is accepted besides others if it leaves only integer 0."""
    different = list(dict.fromkeys(widths.reshape(-1).tolist()))
    signed = call.int_attribute("signed", 1)
    pruned = len(different) > 1 and (not signed or rounding in DROPS_HALVES)
    for bits in different:
        if isinstance(bits, Surd) or bits.denominator != 1 or not 1 - pruned <= bits <= 32:
            raise RefusedError(f"its bit width must be an integer from 1 to 32, not {brief(bits)}")
    return different


@rule("LogQuant", domain=DOMAIN, inputs=2, quantizer=True, body=LOG_QUANT, bits=int)
def log_quant(call: Call) -> Known:
    """Round to 0 or a power of two, times a scale; docs/format.md specifies it."""
    bits = call.int_attribute("bits", 0)
    if not 1 <= bits <= LARGEST_BITS:
        raise RefusedError(f"attribute bits must be 1 to {LARGEST_BITS}, not {bits}")
    call.data(0)
    scale = call.exact(1, "its scale", like="any")
    if any(sign(s) <= 0 for s in scale.flat):
        raise RefusedError("its scale must be above 0")
    return _apply(call, IntType(0, 1 << (1 << bits) - 2, "log2"), "ROUND", scale, None)


def rounding_mode(call: Call, default: str) -> Rounding:
    """Return the attribute ``rounding_mode``, which may be in upper or lower case."""
    mode = call.text_attribute("rounding_mode", default).upper()
    if mode in ROUNDING_NAMES:
        return ROUNDING_NAMES[mode]
    raise RefusedError(
        f"rounding_mode must be one of {', '.join(ROUNDING_NAMES)}, not {mode[:40]!r}"
    )


def integer_type(call: Call, bits: int) -> IntType:
    """Return the type of ``bits`` bits with the attributes ``signed`` and ``narrow``."""
    signed, narrow = (
        bool(call.int_attribute(name, default)) for name, default in (("signed", 1), ("narrow", 0))
    )
    if not bits:
        return IntType(0, 0)
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
    within: tuple[np.ndarray, np.ndarray] | None = None,
) -> Known:
    """Quantize input 0; ``within``: the least and the greatest integer of each element."""
    value = call.value(0)
    if isinstance(value, Const | Quantized):
        parts = type_, rounding, scale, zero, call.builder.work
        return quantized_constant(value, *parts, unit=unit, within=within)
    check_bits(type_)
    scales = per_channel(scale, value, what="its scale")
    zeros = (Fraction(0),) if zero is None else per_channel(zero, value, what="its zero point")
    quantizer = Quantizer(type_, (Fraction(1),) if unit else scales, zeros, rounding)
    meaning = Affine(scales) if unit else quantizer.meaning
    if type_.n_values == 1:
        within = np.array(type_.lo), np.array(type_.hi)
        type_ = IntType(type_.lo, type_.lo + 1)  # hardware needs two values
    if within is not None:
        value = _clamped(call, value, quantizer, within)
        quantizer = Quantizer(type_, rounding=rounding)
    edge = call.builder.quantize(value, quantizer, call.node)
    return replace(value, edge=edge, type=type_, steps=(meaning,), quantized=True, deferred=None)


def _clamped(
    call: Call, value: Data, quantizer: Quantizer, within: tuple[np.ndarray, np.ndarray]
) -> Data:
    """Return the data that ``quantizer`` rounds, clamped to each channel's range.

    Each channel's range is mapped to 0..1, clipped there, and mapped back, exactly.
    """
    ends = (exact_array(Const(e), call.builder.work) for e in within)
    low, high = (per_channel(e, value, what="its bit width") for e in ends)
    span = zip_channels(lambda a, b: b - a, low, high)
    inverse = tuple(1 / s if s else Fraction(0) for s in span)
    scale = zip_channels(lambda f, s: f / s, inverse, quantizer.scale)
    offset = zip_channels(lambda f, z, a: f * (z - a), inverse, quantizer.zero, low)
    clip = Clip(Fraction(0), Fraction(1))
    return call.then(value, Affine(scale, offset), clip, Affine(span, low))
