"""Where float64 computes exactly: results that lie on a grid of powers of two with room to spare.

A tensor's grid is the largest power of two of which all its numbers are multiples. Sums lie on the
finer grid of their operands, products on the product of both; below ``2 / U`` steps they are exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def grid(v: np.ndarray) -> float:
    """The exponent of the grid of all numbers; that of zeros alone is infinite."""
    numbers = np.asarray(v, np.float64)
    numbers = numbers[numbers != 0]
    if not numbers.size:
        return np.inf
    if not np.isfinite(numbers).all():
        return -np.inf
    parts, exponents = np.frexp(numbers)
    whole = (parts * 2.0**53).astype(np.int64)
    return float(np.min(np.log2(whole & -whole) + exponents)) - 53


def exact(bound: Any, exponent: float, u: float) -> bool:
    """Whether numbers of at most ``bound`` on a grid are floats that round by ``u``."""
    largest = float(np.max(bound, initial=0.0))
    return largest == 0 or (exponent > -900 and largest <= 2.0 ** min(exponent, 900) * 2 / u)
