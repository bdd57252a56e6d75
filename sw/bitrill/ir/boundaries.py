"""The reals at which a rounding takes its next integer, and which side each of them is on."""

import numpy as np

from ..real import Rounding


def boundaries(lo: int, n: int, rounding: Rounding) -> np.ndarray:
    """Return the reals at which rounding begins to give ``lo + 1 .. lo + n``, float64."""
    j = lo + 1.0 + np.arange(n)
    if rounding == "FLOOR":
        return j
    if rounding == "CEIL":
        return j - 1
    if rounding == "UP":
        return np.where(j > 0, j - 1, j)
    if rounding == "DOWN":
        return np.where(j > 0, j, j - 1)
    return j - 0.5


def holds_boundary(lo: int, n: int, rounding: Rounding) -> np.ndarray:
    """Return whether rounding gives ``lo + 1 .. lo + n`` at `boundaries` already, bool."""
    j = lo + 1 + np.arange(n)
    if rounding in ("FLOOR", "CEIL"):
        return np.full(n, rounding == "FLOOR")
    if rounding in ("UP", "HALF_DOWN"):
        return j <= 0
    if rounding in ("DOWN", "HALF_UP"):
        return j > 0
    return j % 2 == (rounding == "HALF_ODD")
