"""Numbers in float64 with bounds of their error, and arithmetic on them; nothing of Bitrill.

Each float tensor is a pair of values and bounds on their error (running error analysis: Higham,
"Accuracy and Stability of Numerical Algorithms", 3.3). If a quantizer's input is nearer to one of
its boundaries than its bound, float64 cannot decide, and `Undecided` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from frontend.float_exact import exact, grid

U = 2.0**-52


class Undecided(Exception):  # noqa: N818
    """A quantizer's input lies too close to a boundary for float64."""


@dataclass
class Num:
    """A float tensor ``v`` with a bound ``e`` of its error: ``|true - v| <= e``."""

    v: np.ndarray
    e: np.ndarray

    @staticmethod
    def of(a: Any) -> Num:
        v = np.asarray(a)
        return (
            Num(v, np.zeros(v.shape))
            if v.dtype.kind in "iubV"  # V: of four bits and fewer
            else Num(v.astype(np.float64), np.zeros(v.shape))
        )

    def map(self, f: Any) -> Num:
        return Num(np.asarray(f(self.v)), np.asarray(f(self.e)))

    @property
    def ints(self) -> list[int]:
        return [int(i) for i in self.v.reshape(-1)]


def rounded(v: np.ndarray, e: np.ndarray, exactly: bool = False) -> Num:
    v = np.asarray(v)
    if v.dtype.kind in "iu":
        return Num(v, np.zeros(v.shape))
    return Num(v, np.asarray(e + (0 if exactly else np.abs(v) * U + 1e-300)))


def known(*numbers: Num) -> bool:
    """Whether numbers are without error."""
    return not any(n.e.any() for n in numbers)


def add(a: Num, b: Num) -> Num:
    exactly = known(a, b) and exact(np.abs(a.v) + np.abs(b.v), min(grid(a.v), grid(b.v)), U)
    return rounded(a.v + b.v, a.e + b.e, exactly)


def sub(a: Num, b: Num) -> Num:
    if a.v.dtype.kind in "iu" and b.v.dtype.kind in "iu":
        return Num.of(a.v - b.v)
    return add(a, Num(-b.v, b.e))


def mul(a: Num, b: Num) -> Num:
    v = a.v * b.v
    exactly = known(a, b) and exact(np.abs(v), grid(a.v) + grid(b.v), U)
    return rounded(v, np.abs(a.v) * b.e + np.abs(b.v) * a.e + a.e * b.e, exactly)


def div(a: Num, b: Num) -> Num:
    if a.v.dtype.kind in "iu" and b.v.dtype.kind in "iu":
        v = np.trunc(a.v / b.v).astype(np.result_type(a.v, b.v))
        return Num(v, np.zeros(v.shape))
    low = np.abs(b.v) - b.e
    if (low <= 0).any():
        raise Undecided
    v = a.v / b.v
    exactly = known(a, b) and (v * b.v == a.v).all() and exact(np.abs(a.v), grid(v) + grid(b.v), U)
    return rounded(v, (a.e + np.abs(v) * b.e) / low, exactly)


def total(x: Num, axis: Any, keepdims: bool = False) -> Num:
    """The sum along axes."""
    size, n = np.abs(x.v).sum(axis, keepdims=keepdims), x.v.size
    exactly = known(x) and exact(size, grid(x.v), U)
    error = x.e.sum(axis, keepdims=keepdims) + (0 if exactly else n * U) * size
    return Num(x.v.sum(axis, keepdims=keepdims), np.asarray(error))


def root(a: Num) -> Num:
    if (a.v - a.e < 0).any():
        raise Undecided
    return rounded(np.sqrt(a.v), np.sqrt(a.v + a.e) - np.sqrt(a.v - a.e))


def matmul(a: Num, b: Num) -> Num:
    x, y = np.abs(a.v), np.abs(b.v)
    n, size = a.v.shape[-1], x @ y
    exactly = known(a, b) and exact(size, grid(a.v) + grid(b.v), U)
    error = (x + a.e) @ b.e + a.e @ y + (0 if exactly else n * U) * size
    return rounded(a.v @ b.v, error, exactly)


def sure(f: Any, a: Num) -> np.ndarray:
    """The value of the monotone step function ``f``, if both ends of the interval agree."""
    lo, hi = f(a.v - a.e), f(a.v + a.e)
    if (lo != hi).any():
        raise Undecided
    return f(a.v)
