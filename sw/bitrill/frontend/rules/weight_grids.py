"""Recognises float weights that are whole multiples of one scale: their quantizer was folded.

A float is ``m * 2**e``, so the largest number of which all weights are multiples is found exactly.
If weights only equal ``float32(n * scale)``, they lie on no grid, and the refusal explains that.
"""

from fractions import Fraction
from math import gcd, lcm

import numpy as np

from ...exact import Surd
from ...ir import BIPOLAR, IntType
from ..symbolic import Quantized, brief

BITS = 8
"""Largest number of bits of multiples on a grid."""

_SAMPLE = 256
"""Number of weights that are tried first with a guessed scale."""


def narrowest(w: np.ndarray) -> IntType:
    """Return the narrowest type that holds integer weights."""
    if (np.abs(w) == 1).all():
        return BIPOLAR
    return IntType.for_range(lo=int(w.min()), hi=int(w.max()))


def on_grid(w: np.ndarray, axis: int) -> Quantized | None:
    """Return weights as integers times a scale, one or one for each index of ``axis``; or None."""
    if w.size == 0 or w.dtype.kind not in "fO":
        return None
    whole = _divided(w)
    if whole is not None:
        integers, scale = whole
        return Quantized(integers, np.full((1,) * w.ndim, scale, object), narrowest(integers))
    rows = [_divided(row) for row in np.moveaxis(w, axis, 0)]
    parts = [r for r in rows if r is not None]
    if len(parts) < len(rows):
        return None
    integers = np.moveaxis(np.array([n for n, _ in parts]), 0, axis)
    scale = np.empty(len(parts), object)
    scale[:] = [s for _, s in parts]
    shape = tuple(len(parts) if a == axis % w.ndim else 1 for a in range(w.ndim))
    return Quantized(integers, scale.reshape(shape), narrowest(integers))


def _divided(w: np.ndarray) -> tuple[np.ndarray, Fraction] | None:
    """Return ``(n, scale)`` with ``w = n * scale`` and n of at most `BITS` bits, or None."""
    units = _fractions(w) if w.dtype == object else _floats(w)
    if units is None:
        return None
    whole, unit = units
    if not whole.any():
        return whole, Fraction(1)
    step = int(np.gcd.reduce(np.abs(whole), axis=None))
    n = whole // step
    small = IntType.for_range(lo=int(n.min()), hi=int(n.max())).bits <= BITS
    return (n, step * unit) if small else None


def _floats(w: np.ndarray) -> tuple[np.ndarray, Fraction] | None:
    """Return ``(m, u)``, int64 and a power of two, with ``w = m * u``; None if m is too large."""
    w = w.astype(np.float64)
    if not w.any():
        return np.zeros(w.shape, np.int64), Fraction(1)
    part, exponent = np.frexp(w[w != 0])
    digits = np.abs(np.ldexp(part, 53).astype(np.int64))
    last = exponent - 53 + np.frexp((digits & -digits).astype(np.float64))[1] - 1
    low, high = int(last.min()), int(exponent.max())
    if high - low > 62:
        return None
    half = low // 2  # 2**-low may be beyond float64
    whole = np.ldexp(np.ldexp(w, -half), half - low).astype(np.int64)
    return whole, Fraction(2) ** low


def _fractions(w: np.ndarray) -> tuple[np.ndarray, Fraction] | None:
    """Return ``(m, u)`` with ``w = m * u`` for exact numbers; None if m is too large."""
    values = w.reshape(-1).tolist()
    if any(isinstance(v, Surd) for v in values):
        return None
    bottom, top = 1, 0
    for v in dict.fromkeys(values):
        bottom = lcm(bottom, v.denominator)
        if bottom.bit_length() > 4096:
            return None
    for v in dict.fromkeys(values):
        top = gcd(top, int(v * bottom))
    top = top or 1
    whole = [int(v * bottom) // top for v in values]
    if max(map(abs, whole)) >> BITS:
        return None
    return np.array(whole, np.int64).reshape(w.shape), Fraction(top, bottom)


def rounded_grid(w: np.ndarray, axis: int) -> str:
    """Return in words of what float32 weights are rounded multiples, for a refusal; else ""."""
    if w.dtype != np.float32 or w.size == 0:
        return ""
    grid = _near(w)
    if grid is not None:
        return f"float32(n * {brief(Fraction(grid))}) with whole n of at most {BITS} bits"
    rows = [_near(row) for row in np.moveaxis(w, axis, 0)]
    if len(rows) < 2 or any(r is None for r in rows):
        return ""
    return f"float32(n * scale) with whole n of at most {BITS} bits and a scale for each output"


def _near(w: np.ndarray) -> float | None:
    """Return a float32 scale with ``w == float32(n * scale)`` for n of at most `BITS` bits."""
    values = np.unique(w[w != 0])
    if not values.size:
        return 1.0
    sizes = np.abs(values.astype(np.float64))
    small = sizes.min()
    for k in range(1, int(((1 << BITS) - 0.5) * small / sizes.max()) + 1):
        scale = small / k
        for some in (sizes[:_SAMPLE], sizes):
            n = np.round(some / scale)
            if (np.abs(some - n * scale) > some * 2.0**-22).any():
                break
        else:
            scale = float(np.median(sizes / np.round(sizes / scale)))
            n = np.round(values / scale).astype(np.float32)
            if IntType.for_range(lo=int(n.min()), hi=int(n.max())).bits > BITS:
                return None
            middle = np.float32(scale)
            near = [middle]
            for end in (-np.inf, np.inf):
                at = middle
                for _ in range(4):
                    at = np.nextafter(at, np.float32(end))
                    near.append(at)
            for s in near:
                if np.array_equal(n * s, values):
                    return float(s)
    return None
