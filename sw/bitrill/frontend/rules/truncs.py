"""Rule for Trunc, which drops low bits of an integer: in both versions of QONNX.

With ``v = round(x / scale + zero)``:

- five inputs ``(x, scale, zero, bits_in, bits_out)``: ``q = rounding(v / 2**(bits_in - bits_out))``
  stands for ``(q - zero) * scale``;
- six inputs ``(x, scale, zero, bits_in, out_scale, bits_out)``: ``q = rounding(clamp(v / T))`` with
  ``T`` the power of two nearest to ``out_scale / scale`` by ratio and the range of ``bits_out``
  stands for ``(q - zero / T) * out_scale``.

v is an integer that grows evenly with the data's own, ``a * integer + b``; that this is so although
the scales are rounded floats is checked for all values.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from ... import exact
from ...exact import Real, Surd
from ...ir.types import IntType
from ...real import ROUNDINGS, Affine, Quantizer, at, round_real
from ..reader import limits
from ..symbolic.context import RAW_HINT, Call
from ..symbolic.values import Data, Known, RefusedError, brief
from .quantizers import integer_type


def trunc(call: Call) -> Known:
    x = call.builder.settle(call.data(0))
    if x.type is None:
        raise RefusedError(f"it takes unquantized floats; {RAW_HINT}")
    rounding = call.attributes.get("rounding_mode", "FLOOR").upper()
    if rounding not in ROUNDINGS:
        raise RefusedError(
            f"rounding_mode must be one of {', '.join(ROUNDINGS)}, not {rounding[:40]!r}"
        )
    scale, zero = _rational(call, 1, "its scale"), _rational(call, 2, "its zero point")
    if scale <= 0:
        raise RefusedError(f"its scale must be above 0, not {brief(scale)}")
    grid = _grid(x, scale, zero)
    second = len(call.values) == 6
    bits = _rational(call, 5 if second else 4, "its output bit width")
    if bits.denominator != 1 or not 1 <= bits <= 32:
        raise RefusedError(
            f"its output bit width must be an integer from 1 to 32, not {brief(bits)}"
        )
    if second:
        out_scale = _rational(call, 4, "its output scale")
        if out_scale <= 0:
            raise RefusedError(f"its output scale must be above 0, not {brief(out_scale)}")
        step = _power(out_scale / scale)
        flags = {k: bool(call.attributes.get(k, d)) for k, d in (("signed", 1), ("narrow", 0))}
        type_ = integer_type(int(bits), **flags)
        meaning = Affine((out_scale,), (-zero / step * out_scale,))
    else:
        dropped = _rational(call, 3, "its input bit width") - bits
        if dropped.denominator != 1 or abs(dropped) > 64:
            raise RefusedError(
                f"its bit widths must be integers at most 64 apart, not {brief(dropped)} apart"
            )
        step = Fraction(2) ** int(dropped)
        ends = [
            round_real(grid(Fraction(v), c) / step, rounding)
            for c in range(len(grid.scale))
            for v in (x.type.lo, x.type.hi)
        ]
        type_ = IntType.for_range(lo=min(ends), hi=max(ends))
        meaning = Affine((scale,), (-zero * scale,))
    if type_.bits > limits.ACTIVATION_BITS:
        raise RefusedError(
            f"activations must have at most {limits.ACTIVATION_BITS} bits, not {type_.bits}"
        )
    whole = replace(x, steps=(grid,))
    edge = call.builder.quantize(whole, Quantizer(type_, (step,), rounding=rounding), call.node)
    return replace(x, edge=edge, type=type_, steps=(meaning,), quantized=True)


def _rational(call: Call, i: int, what: str) -> Fraction:
    value = call.number(i, what)
    if isinstance(value, Surd):
        raise RefusedError(f"{what} must be rational")
    return value


def _grid(x: Data, scale: Fraction, zero: Fraction) -> Affine:
    """``round(x / scale + zero)`` as ``a * integer + b``, which it is for all values, or refuse."""
    if x.affine is None or x.type is None:
        raise RefusedError(
            "its data must be a scale times integers plus an offset, not what a Relu or Clip"
            " gives of them"
        )
    given = x.affine
    n = max(len(given.scale), len(given.offset))
    half = Fraction(1, 2)
    slopes: list[Real] = []
    shifts: list[Real] = []
    for c in range(n):
        slope, shift = at(given.scale, c) / scale, at(given.offset, c) / scale + zero
        a, b = (Fraction(exact.floor(v + half)) for v in (slope, shift))
        far = [(slope - a) * v + (shift - b) for v in (x.type.lo, x.type.hi)]
        if any(exact.sign(f - half) >= 0 or exact.sign(f + half) <= 0 for f in far):
            raise RefusedError(
                f"its data, {brief(at(given.scale, c))} * integer, must lie on the grid of its"
                f" scale, {brief(scale)}"
            )
        slopes.append(a)
        shifts.append(b)
    return Affine(tuple(slopes), tuple(shifts))


def _power(ratio: Fraction) -> Fraction:
    """The power of two nearest to ``ratio``, by their ratio."""
    k = ratio.numerator.bit_length() - ratio.denominator.bit_length()
    while Fraction(2) ** (2 * k + 1) <= ratio**2:
        k += 1
    while Fraction(2) ** (2 * k - 1) > ratio**2:
        k -= 1
    return Fraction(2) ** k
