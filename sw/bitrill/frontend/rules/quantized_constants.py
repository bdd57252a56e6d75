"""Quantizes constants exactly: in float64, but with exact numbers near rounding boundaries."""

from fractions import Fraction

import numpy as np

from ...exact import Surd
from ...ir import IntType, Quantizer
from ...real import Rounding
from ..symbolic import Const, Quantized, RefusedError, WorkLimit, exact_array

_CLOSE = 2.0**-46
"""Relative distance to a boundary, in float64, below which exact numbers decide.

Both operands of the division are rounded to float64, and so are the quotient and the sum with the
zero point: four roundings of 2**-53 each, with a safety factor of 32.
"""


_CHUNK = 1 << 18
"""Number of elements quantized at once, so that float64 copies stay small."""


def quantized_constant(
    value: Const | Quantized,
    type_: IntType,
    rounding: Rounding,
    scale: np.ndarray,
    zero: np.ndarray | None,
    work: WorkLimit,
    *,
    unit: bool = False,
    within: tuple[np.ndarray, np.ndarray] | None = None,
) -> Quantized:
    """Return a constant's integers, with the zero point subtracted, and its scale.

    ``within``: the least and the greatest integer of each element, before the zero point is
    subtracted, int64 arrays that broadcast to the constant; ``unit``: the divisor is 1.
    """
    if isinstance(value, Quantized) or value.array.dtype == object:
        value = Const(exact_array(value, work))
    x = value.array
    if not x.size:
        raise RefusedError("the constant that it quantizes must not be empty")
    for part, what in ((scale, "its scale"), (zero, "its zero point")):
        if part is not None and not fits(part.shape, x.shape):
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
    if within is not None:
        q = np.clip(q, *within)  # as before rounding: the ends are integers
    if zero is None:
        return Quantized(q, scale, type_)
    whole = zeros.astype(np.int64)
    shifted = IntType(type_.lo - int(whole.max()), type_.hi - int(whole.min()))
    return Quantized(q - whole, scale, shifted)


def fits(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Return whether ``small`` broadcasts to ``large`` without changing it."""
    tail = large[len(large) - len(small) :] if len(small) <= len(large) else None
    return tail is not None and all(s in (1, n) for s, n in zip(small, tail, strict=True))


def quantize_array(
    x: np.ndarray, scale: np.ndarray, zero: np.ndarray, type_: IntType, rounding: Rounding
) -> np.ndarray:
    """Apply ``Quantizer(type_, scale, zero, rounding)`` to each number of ``x``, exactly; int64.

    scale, zero: object arrays of exact reals that broadcast to x, with as many axes. float64 is
    used far from every rounding boundary, else exact numbers, once for each different pair.
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
    """Return the integers computed in float64, and which are too close to a boundary to be sure."""
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
    """Round numbers that are not close to a boundary, so that halves need no special rule."""
    if rounding == "FLOOR":
        return np.floor(v)
    if rounding == "CEIL":
        return np.ceil(v)
    if rounding == "UP":
        return np.sign(v) * np.ceil(np.abs(v))
    if rounding == "DOWN":
        return np.trunc(v)
    return np.round(v)
