"""How a weight is read as digits, each of which times x is few bits of few inputs.

``w * x' = sum(2**(shift + low) * m * x'[low:high])``: x' is x as an unsigned number (see
`bitrill.arith.products`), and m the digit's value, which some planes of the weight's stored bits
tell. What is tried for each coding of weights (`readings`); the products' plan takes the cheapest:

- ternary: one digit of two planes
- power of two: a digit a term; of many exponents either one digit, or one of a few exponents each,
  or a shifter of two levels
- codebook: digits of all planes of the index whose values are 0 and a few powers of two next to
  each other, the fewest that make all entries (`_powers`); or all of the entry times a few planes
  of x, whose product is a table of six inputs
- integers: where x has one plane, the planes of w themselves (AND); else two planes and the one
  below, -2 .. 2 (Booth 1951, MacSorley 1961)

Of a logarithmic x all bits are 0 but one, so that a product is a shift: each of its bits is one bit
of the weight, and a digit may have any value (`_of_powers`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from ..ir.coding import Planes, Values
from ..ir.types import IntType
from .gates import LUT_INPUTS

_SETS = 6
"""Sets of digits of the fewest bits that are compared by their LUTs."""

_MOST_DIGITS = 4
"""Digits of a codebook: four of -2 .. 2 make every number of 8 bits."""


@dataclass(frozen=True)
class Digit:
    """``values[code]`` of the stored ``planes`` of a lane, times ``2**shift``; None: no such code.

    ``x``: the first plane of x' that it multiplies, and the one behind the last; None: all of
    them. A negative product is too large by a constant (`excess`): with ``whole``, all of its bits
    are complemented, else those of x'. ``shifter``: built in two levels, the exponent's lower two
    bits first.
    """

    planes: tuple[int, ...]
    shift: int
    values: Values
    x: tuple[int, int] | None = None
    whole: bool = False
    shifter: bool = False

    @property
    def most(self) -> int:
        """The greatest magnitude."""
        return max(abs(m) for m in self.values if m is not None)

    @property
    def is_gate(self) -> bool:
        """Whether a bit of its product is the AND of a plane of w and one of x'."""
        return len(self.values) == 2 and sorted(map(abs, self.known)) == [0, 1]

    @property
    def known(self) -> list[int]:
        """The values without None."""
        return [m for m in self.values if m is not None]

    def planes_of(self, n: int) -> tuple[int, int]:
        """``x`` of an x' of ``n`` planes."""
        return self.x or (0, n)

    def width(self, n: int) -> int:
        """Bits of its product with an x' of ``n`` planes."""
        low, high = self.planes_of(n)
        if self.whole:
            return self.most.bit_length() + high - low - 1
        return (self.most * ((1 << high - low) - 1)).bit_length()

    def excess(self, n: int) -> np.ndarray:
        """Per code, by how much the product is too large; int64."""
        low, high = self.planes_of(n)
        each = (1 << self.width(n)) - 1 if self.whole else (1 << high - low) - 1
        found = [
            0 if m is None or m >= 0 else (1 if self.whole else -m) * each for m in self.values
        ]
        return np.array(found) << self.shift + low


@dataclass(frozen=True)
class Reading:
    """The digits of a weight; ``magnitude``: of weights stored as sign and magnitude."""

    digits: tuple[Digit, ...]
    magnitude: bool = False


def planes(x: IntType) -> int:
    """Planes of x'."""
    return x.coding.planes


def readings(weight: IntType, x: IntType) -> list[Reading]:
    """The ways to read a weight that are tried."""
    tried = weight.coding.digits(_ByPlanes(planes(x)))
    return tried + weight.coding.digits(_ByShifts(x)) if x.coding.one_hot else tried


@dataclass(frozen=True)
class _ByPlanes:
    """Readings for an x' of ``n`` planes of which any may be 1."""

    n: int

    def sign(self) -> list[Reading]:
        return [Reading((Digit((0,), 0, (-1, 1)),))]

    def binary(self, bits: int, lo: int, hi: int, shift: int = 0) -> list[Reading]:
        """Each plane, or digits of base 4; a ternary weight as it is."""
        if (lo, hi) == (-1, 1):
            return [Reading((Digit((0, 1), shift, (0, 1, None, -1)),))]
        each = tuple(
            Digit((i,), shift + i, (0, -1 if lo < 0 and i == bits - 1 else 1)) for i in range(bits)
        )
        if self.n == 1 or bits == 1:
            return [Reading(each)]
        return [Reading(each), Reading(_booth(bits, lo < 0, shift))]

    def exponents(self, terms: tuple[Planes, ...], values: Values) -> list[Reading]:
        """A digit a term, or several for a few of its exponents each, or a shifter."""
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
        """The value times a few planes of x', or digits of 0 and a few powers of two each."""
        index = _index(values)
        step = max(1, LUT_INPUTS - len(index))
        parts = ((low, min(self.n, low + step)) for low in range(0, self.n, step))
        tried = [tuple(Digit(index, 0, values, part) for part in parts)]
        known = tuple(v for v in values if v is not None)
        for chosen in _powers(known, step, self.n):
            tried.append(
                tuple(Digit(index, shift, _spread(column, values)) for shift, column in chosen)
            )
        return [Reading(digits) for digits in tried]


@dataclass(frozen=True)
class _ByShifts:
    """Readings for an ``x`` that is 0 or a power of two: digits of any value."""

    x: IntType

    def sign(self) -> list[Reading]:
        return []

    def binary(self, bits: int, lo: int, hi: int, shift: int = 0) -> list[Reading]:
        """All of the weight where a table of six inputs holds it; or parts of its magnitude."""
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
        """The magnitude's places, as many at a time as a table of six inputs may choose from."""
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
    """``column`` at the codes that have a value."""
    rest = iter(column)
    return tuple(None if v is None else next(rest) for v in values)


def _booth(bits: int, signed: bool, shift: int) -> tuple[Digit, ...]:
    """Digits of base 4: ``w[2j] + w[2j - 1] - 2 * w[2j + 1]``."""
    found = []
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
        found.append(Digit(used, shift + low, values))
    return tuple(found)


def _exponents(planes: tuple[int, ...], values: Values, few: int) -> list[Digit]:
    """Digits of ``few`` exponents each."""
    found = []
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
        found.append(Digit(planes, low, here))
    return found


Column = tuple[int, tuple[int, ...]]
"""A digit's shift, and its value in each entry."""


@lru_cache(maxsize=256)
def _powers(entries: tuple[int, ...], window: int, n: int) -> tuple[tuple[Column, ...], ...]:
    """Sets of digits, of the fewest bits, that make all ``entries``.

    A digit is 0 or ``+-2**k`` for up to ``window`` successive k. Sums that a set makes are the bits
    of an integer, so that to add a digit is to shift and or it.
    """
    bias = 1 << max(map(abs, entries)).bit_length() + 2
    need = sum(1 << bias + e for e in set(entries))
    top = max(map(abs, entries)).bit_length() + 1
    kinds = [(s, w) for s in range(top) for w in range(1, window + 1) if s + w <= top]
    found: list[tuple[int, tuple[tuple[int, int], ...]]] = []

    def extend(sums: int, first: int, chosen: tuple[tuple[int, int], ...], bits: int) -> None:
        if sums & need == need:
            found.append((bits, chosen))
            found.sort()
            del found[_SETS:]
            return
        if len(chosen) == _MOST_DIGITS:
            return
        for k, (s, w) in enumerate(kinds[first:], start=first):
            more = bits + n + w - 1
            if len(found) < _SETS or more < found[-1][0]:
                wider = sums
                for e in range(s, s + w):
                    wider |= sums << (1 << e) | sums >> (1 << e)
                extend(wider, k + 1, (*chosen, (s, w)), more)

    extend(1 << bias, 0, (), 0)
    return tuple(_split(entries, chosen) for _, chosen in found if chosen)


def _split(entries: tuple[int, ...], chosen: tuple[tuple[int, int], ...]) -> tuple[Column, ...]:
    """The entries' digits: the fewest that are not 0, then the fewest below 0."""
    ways = [[0, *(sign << e for e in range(w) for sign in (1, -1))] for _, w in chosen]
    best: dict[int, tuple[tuple[int, int], tuple[int, ...]]] = {}
    for told in product(*ways):
        total = sum(m << s for m, (s, _) in zip(told, chosen, strict=True))
        cost = (sum(m != 0 for m in told), sum(m < 0 for m in told)), told
        if total not in best or cost < best[total]:
            best[total] = cost
    columns = zip(*(best[e][1] for e in entries), strict=True)
    return tuple((s, column) for (s, _), column in zip(chosen, columns, strict=True))


def _chunks(planes: tuple[int, ...], values: Values, window: int) -> tuple[Digit, ...]:
    """The values' magnitudes, ``window`` places at a time."""
    top = _magnitude_bits(values)
    found = []
    for low in range(0, top, window):
        ones = (1 << window) - 1
        here = tuple(
            None if m is None else (1 if m > 0 else -1) * (abs(m) >> low & ones) for m in values
        )
        if any(here):
            found.append(Digit(planes, low, here, None, True))
    return tuple(found)


def _magnitudes(b: int, sign: int | None, shift: int) -> list[Digit]:
    """Three planes of a magnitude at a time, and the sign's."""
    found = []
    for low in range(0, b, 3):
        used = tuple(range(low, min(b, low + 3)))
        values = tuple(range(1 << len(used)))
        if sign is not None:
            values = (*values, *(-m for m in values))
            used = (*used, sign)
        found.append(Digit(used, shift + low, values, None, True))
    return found


__all__ = ["Digit", "Reading", "planes", "readings"]
