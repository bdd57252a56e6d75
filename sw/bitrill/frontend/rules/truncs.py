"""Rule for QONNX's Trunc, in both versions: drop the low bits of an integer.

With ``v = round(x / scale + zero)``:

- five inputs ``(x, scale, zero, bits_in, bits_out)``: the result is ``(q - zero) * scale`` with
  ``q = rounding(v / 2**(bits_in - bits_out))``;
- six inputs ``(x, scale, zero, bits_in, out_scale, bits_out)``: the result is
  ``(q - zero / T) * out_scale`` with ``q = rounding(clamp(v / T))``, where ``T`` is the power of
  two nearest (by ratio) to ``out_scale / scale``, and clamp limits to the range of ``bits_out``.

v must be ``a * integer + b`` of the data's integers, with integers a and b. Scales are rounded
floats, so this is checked for all values.
"""

from dataclasses import replace
from fractions import Fraction

from ...exact import Real, Surd, floor, sign
from ...ir import IntType, Quantizer
from ...real import Affine, Rounding, at, round_real
from ..symbolic import Call, Data, Known, RefusedError, brief
from .quantizers import FLAGS, check_bits, integer_type, rounding_mode
from .table import QONNX, rule


@rule("Trunc", domain=QONNX, inputs=(5, 6), layout="same", attributes=FLAGS)
def trunc(call: Call) -> Known:
    """Divide by a power of two and round; the result is an integer again."""
    x = call.edge(0)
    rounding = rounding_mode(call, "FLOOR")
    scale, zero = _rational(call, 1, "its scale"), _rational(call, 2, "its zero point")
    if scale <= 0:
        raise RefusedError(f"its scale must be above 0, not {brief(scale)}")
    grid = _grid(x, scale, zero)
    if len(call.values) == 6:
        step, type_, meaning = _to_scale(call, scale, zero)
    else:
        if given := [n for n in ("signed", "narrow") if n in call.attributes]:
            raise RefusedError(f"attribute {given[0]} must come with six inputs, not five")
        step = _dropped(call)
        type_ = _range(x, grid, step, rounding)
        meaning = Affine((scale,), (-zero * scale,))
    check_bits(type_)
    inner = replace(x, steps=(grid,))
    edge = call.builder.quantize(inner, Quantizer(type_, (step,), rounding=rounding), call.node)
    return replace(x, edge=edge, type=type_, steps=(meaning,), quantized=True)


def _to_scale(call: Call, scale: Fraction, zero: Fraction) -> tuple[Fraction, IntType, Affine]:
    """Return divisor, type, and scale and offset, if the node has an output scale (six inputs)."""
    bits = _bits(call, 5)
    _rational(call, 3, "its input bit width")  # must be there, though nothing depends on it
    out_scale = _rational(call, 4, "its output scale")
    if out_scale <= 0:
        raise RefusedError(f"its output scale must be above 0, not {brief(out_scale)}")
    step = _power(out_scale / scale)
    return step, integer_type(call, bits), Affine((out_scale,), (-zero / step * out_scale,))


def _dropped(call: Call) -> Fraction:
    """Return the divisor if the node has input bits but no output scale (five inputs)."""
    bits = _bits(call, 4)
    dropped = _rational(call, 3, "its input bit width") - bits
    if dropped.denominator != 1 or abs(dropped) > 64:
        raise RefusedError(
            f"its bit widths must be integers at most 64 apart, not {brief(dropped)} apart"
        )
    return Fraction(2) ** int(dropped)


def _bits(call: Call, i: int) -> int:
    bits = _rational(call, i, "its output bit width")
    if bits.denominator != 1 or not 1 <= bits <= 32:
        raise RefusedError(
            f"its output bit width must be an integer from 1 to 32, not {brief(bits)}"
        )
    return int(bits)


def _range(x: Data, grid: Affine, step: Fraction, rounding: Rounding) -> IntType:
    """Return the range of the resulting integers."""
    ends = [
        round_real(grid(Fraction(v), c) / step, rounding)
        for c in range(grid.n_channels)
        for v in (() if x.type is None else (x.type.lo, x.type.hi))
    ]
    return IntType.for_range(lo=min(ends), hi=max(ends))


def _rational(call: Call, i: int, what: str) -> Fraction:
    value = call.number(i, what, like="any")
    if isinstance(value, Surd):
        raise RefusedError(f"{what} must be rational")
    return value


def _grid(x: Data, scale: Fraction, zero: Fraction) -> Affine:
    """Return ``round(x / scale + zero)`` as ``a * integer + b``, or refuse."""
    given = x.meaning("its data")
    ends = () if x.type is None else (x.type.lo, x.type.hi)
    half = Fraction(1, 2)
    slopes: list[Real] = []
    shifts: list[Real] = []
    for c in range(given.n_channels):
        slope, shift = at(given.scale, c) / scale, at(given.offset, c) / scale + zero
        a, b = (Fraction(floor(v + half)) for v in (slope, shift))
        far = [(slope - a) * v + (shift - b) for v in ends]
        if any(sign(f - half) >= 0 or sign(f + half) <= 0 for f in far):
            raise RefusedError(
                f"its data, {brief(at(given.scale, c))} * integer, must lie on the grid of its"
                f" scale, {brief(scale)}"
            )
        slopes.append(a)
        shifts.append(b)
    return Affine(tuple(slopes), tuple(shifts))


def _power(ratio: Fraction) -> Fraction:
    """Return the power of two nearest to ``ratio``, by their quotient."""
    k = ratio.numerator.bit_length() - ratio.denominator.bit_length()
    while Fraction(2) ** (2 * k + 1) <= ratio**2:
        k += 1
    while Fraction(2) ** (2 * k - 1) > ratio**2:
        k -= 1
    return Fraction(2) ** k
