"""Clocks that a Zynq makes for its programmable logic: a PLL's clock, divided twice."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

LARGEST = 63
"""Largest value of each of the two divisors, which have six bits."""


class Divided(NamedTuple):
    """A clock: ``mhz`` is the PLL's rate over ``first * second``."""

    mhz: Fraction
    first: int
    second: int


def crystal(mhz: float) -> Fraction:
    """Return the exact rate meant by a rounded one: 100/3 for 33.333333."""
    return Fraction(mhz).limit_denominator(1000)


def divide(pll_mhz: int | Fraction, asked_mhz: int | Fraction) -> Divided:
    """Return the fastest clock that is not above ``asked_mhz``; if all are above, the slowest.

    A faster clock would be wrong: timing was met at ``asked_mhz``.
    """
    pll = Fraction(pll_mhz)
    least = min(ceil(pll / asked_mhz), LARGEST**2)
    return next(_divided(pll, k) for k in range(max(least, 1), LARGEST**2 + 1) if _pair(k))


def above(pll_mhz: int | Fraction, asked_mhz: int | Fraction) -> Divided:
    """Return the slowest clock that is not below ``asked_mhz``; if all are below, the PLL's own."""
    pll = Fraction(pll_mhz)
    most = min(floor(pll / asked_mhz), LARGEST**2)
    return next(_divided(pll, k) for k in range(max(most, 1), 0, -1) if _pair(k))


def _pair(product: int) -> tuple[int, int] | None:
    """Return two divisors with that product, the larger one first; None if there are none."""
    for first in range(1, LARGEST + 1):
        if product % first == 0 and product // first <= first:
            return first, product // first
    return None


def _divided(pll: Fraction, product: int) -> Divided:
    first, second = _pair(product) or (1, 1)
    return Divided(pll / product, first, second)


def zynq7_pll(crystal_mhz: int | Fraction, feedback: int) -> Fraction:
    """Return MHz of a Zynq-7000's PLL; ``feedback`` is PLL_FDIV (UG585, IO_PLL_CTRL)."""
    return Fraction(crystal_mhz) * feedback


def zynqmp_pll(crystal_mhz: int | Fraction, feedback: int, halved: bool) -> Fraction:
    """Return MHz of a Zynq UltraScale+'s PLL, by FBDIV and DIV2 (UG1087, IOPLL_CTRL)."""
    return Fraction(crystal_mhz) * feedback / (2 if halved else 1)
