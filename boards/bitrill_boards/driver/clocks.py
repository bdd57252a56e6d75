"""Clocks that a Zynq's processing system makes for the fabric: a PLL's, divided twice."""

from __future__ import annotations

from fractions import Fraction
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
    pll, asked = Fraction(pll_mhz), Fraction(asked_mhz)
    products = [(a * b, a, b) for a in range(1, LARGEST + 1) for b in range(1, a + 1)]
    below = [p for p in products if pll / p[0] <= asked] or [max(products)]
    product, first, second = min(below)
    return Divided(pll / product, first, second)


def above(pll_mhz: int | Fraction, asked_mhz: int | Fraction) -> Divided:
    """The slowest clock that is not below ``asked_mhz``; the PLL's own where none is."""
    pll, asked = Fraction(pll_mhz), Fraction(asked_mhz)
    products = [(a * b, a, b) for a in range(1, LARGEST + 1) for b in range(1, a + 1)]
    product, first, second = max(p for p in products if p[0] == 1 or pll / p[0] >= asked)
    return Divided(pll / product, first, second)


def zynq7_pll(crystal_mhz: int | Fraction, feedback: int) -> Fraction:
    """MHz of a PLL of Zynq-7000: its multiplier is PLL_FDIV (UG585, IO_PLL_CTRL)."""
    return Fraction(crystal_mhz) * feedback


def zynqmp_pll(crystal_mhz: int | Fraction, feedback: int, halved: bool) -> Fraction:
    """MHz of a PLL of Zynq UltraScale+: FBDIV and DIV2 (UG1087, IOPLL_CTRL)."""
    return Fraction(crystal_mhz) * feedback / (2 if halved else 1)


__all__ = ["Divided", "above", "crystal", "divide", "zynq7_pll", "zynqmp_pll"]
