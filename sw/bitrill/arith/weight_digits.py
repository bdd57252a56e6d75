"""Splits weights into digits, so that each digit times x is a few bits of few inputs each.

``w * x' = sum(2**(shift + low) * m * x'[low:high])``: x' is x as an unsigned number (see
`bitrill.arith.products`), and m the digit's value, which some planes of the stored weight choose.
A coding describes its bits in one of four forms (`bitrill.ir.coding.DigitReader`). For each form
`readings` gives several ways, of which `bitrill.arith.products` takes the cheapest:

- ternary: one digit of two planes
- powers of two: one digit a term; if a term has many exponents, also one digit for every few
  exponents, or a shifter of two levels
- table (codebook): digits that all planes of the index decide, with values 0 and a few successive
  powers of two (`codebook_digits`); or the whole entry times a few planes of x, as tables of six
  inputs
- binary: the planes of w themselves (AND) if x has one plane; else two planes and the one below,
  -2 .. 2 (Booth 1951, MacSorley 1961)

In a logarithmic x at most one bit is 1, so a product is a shift: each of its bits is one bit of the
weight, and a digit may have any value (`_ByShifts`).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..ir import IntType, Planes, Values
from .codebook_digits import power_digits
from .gates import LUT_INPUTS


@dataclass(frozen=True)
class Digit:
    """A part of a weight: ``values[code] * 2**shift``, where the stored ``planes`` are the code.

    A value is None if its code never occurs. ``x``: the first plane of x' that the digit
    multiplies, and the one after the last; None means all planes. If a value is negative, the
    product is too large by a constant (`excess`): with ``whole``, all bits of the product are
    complemented, else those of x'. ``shifter``: the product is built in two logic levels, the
    exponent's lower two bits first.
    """

    planes: tuple[int, ...]
    shift: int
    values: Values
    x: tuple[int, int] | None = None
    whole: bool = False
    shifter: bool = False

    @property
    def most(self) -> int:
        """The greatest magnitude among the values."""
        return max(abs(m) for m in self.values if m is not None)

    @property
    def is_gate(self) -> bool:
        """Whether a bit of the product is the AND of a plane of w and one of x'."""
        return len(self.values) == 2 and sorted(map(abs, self.known)) == [0, 1]

    @property
    def known(self) -> list[int]:
        """The values of codes that occur."""
        return [m for m in self.values if m is not None]

    def planes_of(self, n: int) -> tuple[int, int]:
        """First plane that is multiplied, and the one after the last, if x' has ``n`` planes."""
        return self.x or (0, n)

    def width(self, n: int) -> int:
        """Bits of the product with an x' of ``n`` planes."""
        low, high = self.planes_of(n)
        if self.whole:
            return self.most.bit_length() + high - low - 1
        return (self.most * ((1 << high - low) - 1)).bit_length()

    def excess(self, n: int) -> np.ndarray:
        """The constant by which the product is too large, for each code, int64."""
        low, high = self.planes_of(n)
        each = (1 << self.width(n)) - 1 if self.whole else (1 << high - low) - 1
        excesses = [
            0 if m is None or m >= 0 else (1 if self.whole else -m) * each for m in self.values
        ]
        return np.array(excesses) << self.shift + low


@dataclass(frozen=True)
class Reading:
    """A weight as a sum of digits; ``magnitude``: whether it is stored as sign and magnitude."""

    digits: tuple[Digit, ...]
    magnitude: bool = False


def readings(weight: IntType, x: IntType) -> list[Reading]:
    """The ways to split a weight into digits, for a choice by cost."""
    tried = weight.coding.digits(_ByPlanes(x.coding.planes))
    return tried + weight.coding.digits(_ByShifts(x)) if x.coding.one_hot else tried


@dataclass(frozen=True)
class _ByPlanes:
    """Readings for an x' of ``n`` planes, any of which may be 1."""

    n: int

    def sign(self) -> list[Reading]:
        return [Reading((Digit((0,), 0, (-1, 1)),))]

    def binary(self, bits: int, lo: int, hi: int, shift: int = 0) -> list[Reading]:
        """Digits of base 2, or of base 4; a ternary weight is one digit."""
        if (lo, hi) == (-1, 1):
            return [Reading((Digit((0, 1), shift, (0, 1, None, -1)),))]
        each = tuple(
            Digit((i,), shift + i, (0, -1 if lo < 0 and i == bits - 1 else 1)) for i in range(bits)
        )
        if self.n == 1 or bits == 1:
            return [Reading(each)]
        return [Reading(each), Reading(_booth(bits, lo < 0, shift))]

    def exponents(self, terms: tuple[Planes, ...], values: Values) -> list[Reading]:
        """One digit a term, or one for every few of its exponents, or a shifter."""
        powers = _magnitude_bits(values)
        tried = []
        for few in range(1, powers + 1):
            most = LUT_INPUTS + (2 if few == powers else 0)
            if few == 1 or len(terms[0]) + min(self.n, few) <= most:
                tried.append(tuple(d for t in terms for d in _exponents(t, values, few)))
        if powers > 3 and self.n > 1:
            tried.append(tuple(Digit(t, 0, values, None, True, True) for t in terms))
        return [Reading(digits) for digits in tried]

    def table(self, values: Values) -> list[Reading]:
        """The whole value times a few planes of x' each, or digits of 0 and a few powers of two."""
        index = _index(values)
        step = max(1, LUT_INPUTS - len(index))
        parts = ((low, min(self.n, low + step)) for low in range(0, self.n, step))
        tried = [tuple(Digit(index, 0, values, part) for part in parts)]
        known = tuple(v for v in values if v is not None)
        for columns in power_digits(known, step, self.n):
            tried.append(
                tuple(Digit(index, shift, _spread(column, values)) for shift, column in columns)
            )
        return [Reading(digits) for digits in tried]


@dataclass(frozen=True)
class _ByShifts:
    """Readings for an ``x`` that is 0 or a power of two: digits of any value."""

    x: IntType

    def sign(self) -> list[Reading]:
        return []

    def binary(self, bits: int, lo: int, hi: int, shift: int = 0) -> list[Reading]:
        """One digit if a table of six inputs holds the product, else parts of the magnitude."""
        tried = []
        if bits + self.x.bits <= LUT_INPUTS:
            codes = range(1 << bits)
            numbers = [c - (c >> bits - 1 << bits) if lo < 0 else c for c in codes]
            held = tuple(v if lo <= v <= hi else None for v in numbers)
            tried.append(Reading((Digit(tuple(range(bits)), shift, held, None, True),)))
        if lo >= 0:
            tried.append(Reading(tuple(_magnitudes(bits, None, shift))))
        elif lo > -(1 << bits - 1):
            tried.append(Reading(tuple(_magnitudes(bits - 1, bits - 1, shift)), True))
        return tried

    def exponents(self, terms: tuple[Planes, ...], values: Values) -> list[Reading]:
        return [Reading(tuple(Digit(t, 0, values, None, True) for t in terms))]

    def table(self, values: Values) -> list[Reading]:
        """Parts of the magnitude, each as wide as a table of six inputs can choose from."""
        index = _index(values)
        b = len(index)
        fits = b + self.x.bits <= LUT_INPUTS
        window = 8 if fits else max(1, (1 << max(0, LUT_INPUTS - b)) - 1)
        return [Reading(_chunks(index, values, window))]


def _index(values: Values) -> Planes:
    """The planes of a code that chooses one of ``values``."""
    return tuple(range((len(values) - 1).bit_length()))


def _magnitude_bits(values: Values) -> int:
    """Bits of the greatest magnitude."""
    return max(abs(m) for m in values if m is not None).bit_length()


def _spread(column: tuple[int, ...], values: Values) -> Values:
    """``column``, the values of the codes that occur, with None at the other codes."""
    rest = iter(column)
    return tuple(None if v is None else next(rest) for v in values)


def _booth(bits: int, signed: bool, shift: int) -> tuple[Digit, ...]:
    """Digits of base 4: ``w[2j] + w[2j - 1] - 2 * w[2j + 1]``."""
    digits = []
    for low in range(0, bits + (not signed), 2):
        above = low + 1 if low + 1 < bits else bits - 1 if signed else None
        here = low if low < bits else None
        weights: dict[int, int] = {}
        for plane, m in ((above, -2), (here, 1), (low - 1 if low else None, 1)):
            if plane is not None:
                weights[plane] = weights.get(plane, 0) + m
        used = tuple(sorted(weights))
        values = tuple(
            sum(weights[p] * b for p, b in zip(used, code[::-1], strict=True))
            for code in product((0, 1), repeat=len(used))
        )
        digits.append(Digit(used, shift + low, values))
    return tuple(digits)


def _exponents(planes: tuple[int, ...], values: Values, few: int) -> list[Digit]:
    """Digits for a term's exponents, ``few`` of them each."""
    digits = []
    top = _magnitude_bits(values)
    for low in range(0, top, few):
        ends = 1 << low, 1 << low + few
        here = tuple(
            None
            if m is None
            else (1 if m > 0 else -1) * (abs(m) >> low)
            if ends[0] <= abs(m) < ends[1]
            else 0
            for m in values
        )
        digits.append(Digit(planes, low, here))
    return digits


def _chunks(planes: tuple[int, ...], values: Values, window: int) -> tuple[Digit, ...]:
    """Digits for the bits of the values' magnitudes, ``window`` of them each."""
    top = _magnitude_bits(values)
    digits = []
    for low in range(0, top, window):
        ones = (1 << window) - 1
        here = tuple(
            None if m is None else (1 if m > 0 else -1) * (abs(m) >> low & ones) for m in values
        )
        if any(here):
            digits.append(Digit(planes, low, here, None, True))
    return tuple(digits)


def _magnitudes(b: int, sign: int | None, shift: int) -> list[Digit]:
    """Digits for a magnitude, three planes each, with the plane of the sign if there is one."""
    digits = []
    for low in range(0, b, 3):
        used = tuple(range(low, min(b, low + 3)))
        values = tuple(range(1 << len(used)))
        if sign is not None:
            values = (*values, *(-m for m in values))
            used = (*used, sign)
        digits.append(Digit(used, shift + low, values, None, True))
    return digits
