"""Float64 intervals of whole arrays, every end rounded outwards.

They decide most of what exact arithmetic would: a comparison that both ends decide alike is proven.
A sum or product of numbers stays one number where float64 holds it exactly, so ties are seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from math import inf, isfinite, nextafter
from typing import TypeAlias

import numpy as np

from .exact import Real, to_float

Bounds: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Lower and upper ends, float64 of one shape; the same array twice where these are the numbers."""

_SPLIT = 134_217_729.0
"""Factor ``2**27 + 1`` that cuts a float64 into halves of 26 bits (Veltkamp)."""

_LEAST, _MOST = 2.0**-900, 2.0**900
"""Sizes within which the errors of products and sums are float64 themselves."""


def bounds_of(values: Sequence[Real]) -> Bounds:
    """Return the closest bounds of real numbers, ``[len(values)]``."""
    near = [to_float(v) for v in values]
    if all(isfinite(f) and f == v for f, v in zip(near, values, strict=True)):
        return points(np.array(near))
    ends = [_beside(f, v) for f, v in zip(near, values, strict=True)]
    return np.array([lo for lo, _ in ends]), np.array([hi for _, hi in ends])


def points(x: np.ndarray) -> Bounds:
    """Return the bounds of numbers that are known."""
    return x, x


def times(a: Bounds, b: Bounds) -> Bounds:
    """Return bounds of the products, element by element."""
    with np.errstate(all="ignore"):
        if a[0] is a[1] and b[0] is b[1]:
            p = a[0] * b[0]
            zero = (a[0] == 0) | (b[0] == 0)
            return _widened(p, _error_of_product(a[0], b[0], p), zero | (np.abs(p) > _LEAST))
        ends = [x * y for x in _ends(a) for y in _ends(b)]
        for p in ends:
            p[np.isnan(p)] = 0  # 0 times an infinite end
        lo, hi = reduce(np.minimum, ends), reduce(np.maximum, ends)
        return np.nextafter(lo, -inf), np.nextafter(hi, inf)


def plus(a: Bounds, b: Bounds) -> Bounds:
    """Return bounds of the sums, element by element."""
    with np.errstate(all="ignore"):
        if a[0] is a[1] and b[0] is b[1]:
            s = a[0] + b[0]
            part = s - a[0]
            return _widened(s, (a[0] - (s - part)) + (b[0] - part), np.True_)
        return np.nextafter(a[0] + b[0], -inf), np.nextafter(a[1] + b[1], inf)


def least(a: Bounds, b: Bounds) -> Bounds:
    """Return bounds of the lesser numbers."""
    lo = np.minimum(a[0], b[0])
    return points(lo) if _are_points(a, b) else (lo, np.minimum(a[1], b[1]))


def greatest(a: Bounds, b: Bounds) -> Bounds:
    """Return bounds of the greater numbers."""
    lo = np.maximum(a[0], b[0])
    return points(lo) if _are_points(a, b) else (lo, np.maximum(a[1], b[1]))


def _are_points(*each: Bounds) -> bool:
    return all(lo is hi for lo, hi in each)


def _ends(a: Bounds) -> tuple[np.ndarray, ...]:
    return a[:1] if a[0] is a[1] else a


def _beside(near: float, value: Real) -> tuple[float, float]:
    """Return the floats around a real number to which ``near`` is the nearest."""
    if isfinite(near) and isinstance(value, Fraction) and near == value:
        return near, near
    return nextafter(near, -inf), nextafter(near, inf)


def _widened(x: np.ndarray, error: np.ndarray, known: np.ndarray | np.bool_) -> Bounds:
    """Return ``x``, or the floats around it if any ``error`` may not be 0."""
    exact = (error == 0) & known & (np.abs(x) < _MOST)
    if exact.all():
        return points(x)
    return np.where(exact, x, np.nextafter(x, -inf)), np.where(exact, x, np.nextafter(x, inf))


def _error_of_product(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return ``a * b - p``, where float64 has no bounds (Dekker 1971)."""
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaled = _SPLIT * x
    high = scaled - (scaled - x)
    return high, x - high
