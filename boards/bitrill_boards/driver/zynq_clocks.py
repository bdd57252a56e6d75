"""Clocks that a Zynq's processing system makes for the fabric: a PLL's, divided twice."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

LARGEST = 63
"""Of each of both divisors: six bits."""


class Divided(NamedTuple):
    """A clock of ``mhz``: the PLL's over ``first * second``."""

    mhz: Fraction
    first: int
    second: int


def crystal(mhz: float) -> Fraction:
    """An oscillator's rate as people write it: 33.333333 is 100/3."""
    return Fraction(mhz).limit_denominator(1000)


def divide(pll_mhz: int | Fraction, asked_mhz: int | Fraction) -> Divided:
    """The fastest clock that is not above ``asked_mhz``; the slowest of all where none is.

    Never above: timing was met at the clock that is asked for.
    """
    pll = Fraction(pll_mhz)
    least = min(ceil(pll / asked_mhz), LARGEST**2)
    return next(_divided(pll, k) for k in range(max(least, 1), LARGEST**2 + 1) if _pair(k))


def above(pll_mhz: int | Fraction, asked_mhz: int | Fraction) -> Divided:
    """The slowest clock that is not below ``asked_mhz``; the PLL's own where none is."""
    pll = Fraction(pll_mhz)
    most = min(floor(pll / asked_mhz), LARGEST**2)
    return next(_divided(pll, k) for k in range(max(most, 1), 0, -1) if _pair(k))


def _pair(product: int) -> tuple[int, int] | None:
    """Two divisors of a product, the first one not the smaller one, if there are such."""
    for first in range(1, LARGEST + 1):
        if product % first == 0 and product // first <= first:
            return first, product // first
    return None


def _divided(pll: Fraction, product: int) -> Divided:
    first, second = _pair(product) or (1, 1)
    return Divided(pll / product, first, second)


def zynq7_pll(crystal_mhz: int | Fraction, feedback: int) -> Fraction:
    """MHz of a PLL of Zynq-7000: its multiplier is PLL_FDIV (UG585, IO_PLL_CTRL)."""
    return Fraction(crystal_mhz) * feedback


def zynqmp_pll(crystal_mhz: int | Fraction, feedback: int, halved: bool) -> Fraction:
    """MHz of a PLL of Zynq UltraScale+: FBDIV and DIV2 (UG1087, IOPLL_CTRL)."""
    return Fraction(crystal_mhz) * feedback / (2 if halved else 1)


__all__ = ["Divided", "above", "crystal", "divide", "zynq7_pll", "zynqmp_pll"]
