"""Types of edges: which integers may stand there, and how bits carry them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from ..errors import SpecError

Coding = Literal["integer", "bipolar", "pot", "codebook", "log2"]

MAX_ENTRIES = 16
"""Entries of a codebook."""

MAX_TERMS = 4
"""Terms of a sum of powers of two."""

ENTRY = (-128, 127)
"""The grid of a codebook's entries."""


@dataclass(frozen=True)
class IntType:
    """The integers ``lo..hi`` in the fewest bits that hold them.

    ``integer``: two's complement when ``lo < 0``, else unsigned.
    ``bipolar``: the values -1 and +1 only, in one bit; bit 1 is +1 (x >= 0 gives +1).
    ``pot``, of weights alone: the sums of ``terms`` of 0 and ``+-1, +-2 .. +-2**n``, with
    ``hi = terms * 2**n``; each term in bits of its own, the first one lowest: the top bit is its
    sign, the others are 0 for 0, else the exponent plus 1.
    ``codebook``, of weights alone: the 2 to 16 ``entries``, ascending, of 8 bits; a code is a
    value's index.
    ``log2``, of activations alone: 0 and ``1, 2, 4 .. hi``; the code of 0 is 0, that of ``2**k``
    is ``k + 1``.
    """

    lo: int
    hi: int
    coding: Coding = "integer"
    terms: int = 1
    entries: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.coding not in get_args(Coding):
            codings = ", ".join(map(repr, get_args(Coding)))
            raise SpecError(f"coding must be one of {codings}, not {self.coding!r}")
        if self.lo > self.hi:
            raise SpecError(f"IntType must have lo <= hi, not {self.lo}..{self.hi}")
        if self.coding == "bipolar" and (self.lo, self.hi) != (-1, 1):
            raise SpecError(f"a bipolar IntType must span -1..1, not {self.lo}..{self.hi}")
        if self.coding == "log2" and (self.lo or not _is_power(self.hi)):
            raise SpecError(f"a log2 IntType must span 0..2**n, not {self.lo}..{self.hi}")
        if self.terms != 1 and self.coding != "pot":
            raise SpecError(f"terms must be 1 where the coding is {self.coding}, not {self.terms}")
        if self.entries and self.coding != "codebook":
            raise SpecError(f"entries must be empty where the coding is {self.coding}")
        if self.coding == "pot":
            self._check_pot()
        if self.coding == "codebook":
            self._check_codebook()

    def _check_pot(self) -> None:
        if not 1 <= self.terms <= MAX_TERMS:
            raise SpecError(f"a pot IntType must have 1..{MAX_TERMS} terms, not {self.terms}")
        if self.hi % self.terms or not _is_power(self.hi // self.terms) or self.lo != -self.hi:
            times = "" if self.terms == 1 else f"{self.terms}*"
            raise SpecError(
                f"a pot IntType must span -{times}2**n..{times}2**n, not {self.lo}..{self.hi}"
            )

    def _check_codebook(self) -> None:
        object.__setattr__(self, "entries", tuple(int(e) for e in self.entries))
        n = len(self.entries)
        if not 2 <= n <= MAX_ENTRIES:
            raise SpecError(f"a codebook must have 2..{MAX_ENTRIES} entries, not {n}")
        if any(a >= b for a, b in pairwise(self.entries)):
            raise SpecError(f"a codebook's entries must ascend, not {list(self.entries)}")
        ends = self.entries[0], self.entries[-1]
        if ends[0] < ENTRY[0] or ends[1] > ENTRY[1]:
            raise SpecError(
                f"a codebook's entries must lie in {ENTRY[0]}..{ENTRY[1]}, not {ends[0]}..{ends[1]}"
            )
        if ends != (self.lo, self.hi):
            raise SpecError(f"a codebook must span its entries, not {self.lo}..{self.hi}")

    @staticmethod
    def for_range(*, lo: int, hi: int) -> IntType:
        """The integer type of ``lo..hi``."""
        return IntType(int(lo), int(hi))

    @staticmethod
    def of_entries(entries: tuple[int, ...]) -> IntType:
        """The codebook of these values, ascending."""
        ends = (int(entries[0]), int(entries[-1])) if len(entries) else (0, 0)
        return IntType(*ends, "codebook", entries=tuple(entries))

    @property
    def signed(self) -> bool:
        """Whether the bits are two's complement (a bipolar bit is not)."""
        return self.coding == "integer" and self.lo < 0

    @property
    def powers(self) -> int:
        """How many powers of two, ``1, 2, 4 ..``, a term of ``pot`` or a ``log2`` value may be."""
        return (self.hi // self.terms).bit_length()

    @property
    def bits(self) -> int:
        """Bits of one element; one at least."""
        if self.coding == "bipolar":
            return 1
        if self.coding == "pot":
            return self.terms * (self.powers.bit_length() + 1)
        if self.coding == "codebook":
            return (len(self.entries) - 1).bit_length()
        if self.coding == "log2":
            return self.powers.bit_length()
        if self.signed:
            return max((~self.lo).bit_length(), self.hi.bit_length() if self.hi > 0 else 0) + 1
        return max(self.hi.bit_length(), 1)

    @property
    def n_values(self) -> int:
        """How many values the type has."""
        return self.hi - self.lo + 1 if self.coding == "integer" else len(self.values())

    def values(self) -> np.ndarray:
        """Every value, ascending, int64."""
        if self.coding == "pot":
            return _pot_codes(self.powers, self.terms)[0].copy()
        if self.coding == "codebook":
            return np.array(self.entries)
        if self.coding == "log2":
            return (1 << np.arange(self.powers + 1)) >> 1
        return np.array([-1, 1]) if self.coding == "bipolar" else np.arange(self.lo, self.hi + 1)

    def holds(self, values: np.ndarray) -> bool:
        """Whether each of ``values`` is one of the type's."""
        if values.size == 0:
            return True
        if self.coding == "bipolar":
            return bool(np.all((values == 1) | (values == -1)))
        if self.coding != "integer":
            return bool(np.isin(values, self.values()).all())
        return bool(values.min() >= self.lo and values.max() <= self.hi)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Values to codes, int64 in ``0 .. 2**bits - 1``: what the wires carry."""
        v = np.asarray(values).astype(np.int64)
        if self.coding in ("codebook", "log2"):
            return np.searchsorted(self.values(), v)
        if self.coding == "pot":
            found, codes = _pot_codes(self.powers, self.terms)
            return codes[np.searchsorted(found, v).clip(max=len(found) - 1)]
        return (v + 1) >> 1 if self.coding == "bipolar" else v & ((1 << self.bits) - 1)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes to values, int64: the inverse of `encode`.

        A code that no value has gives the value of the last entry, or of the greatest power.
        """
        c = np.asarray(codes).astype(np.int64)
        if self.coding in ("codebook", "log2"):
            return self.values()[np.minimum(c, self.n_values - 1)]
        if self.coding == "pot":
            return _pot_values(c, self.powers, self.terms)
        if self.coding == "bipolar":
            return 2 * c - 1
        return c - ((c >> (self.bits - 1)) << self.bits) if self.signed else c

    def __str__(self) -> str:
        span = f"[{self.lo}..{self.hi}]"
        if self.coding == "bipolar":
            return "bipolar"
        if self.coding == "pot":
            return f"pot{self.terms if self.terms > 1 else ''}{span}"
        if self.coding == "codebook":
            return f"codebook{len(self.entries)}[{', '.join(map(str, self.entries))}]"
        if self.coding == "log2":
            return f"log{self.bits}{span}"
        return f"{'int' if self.signed else 'uint'}{self.bits}{span}"


def _is_power(n: int) -> bool:
    return n >= 1 and n & (n - 1) == 0


def _pot_values(codes: np.ndarray, powers: int, terms: int) -> np.ndarray:
    """Sums of the terms that ``codes`` hold; an exponent past the greatest counts as that."""
    bits = powers.bit_length() + 1
    total = np.zeros(codes.shape, np.int64)
    for k in range(terms):
        term = codes >> k * bits
        exponents = np.minimum(term & ((1 << bits - 1) - 1), powers)
        total += np.where(term >> bits - 1 & 1, -1, 1) * ((1 << exponents) >> 1)
    return total


@lru_cache(maxsize=64)
def _pot_codes(powers: int, terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Every value, ascending, and its code: the one of the fewest terms, then the lowest."""
    bits = powers.bit_length() + 1
    one = np.array([0, *(s << bits - 1 | e + 1 for s in (0, 1) for e in range(powers))])
    codes = one
    for _ in range(terms - 1):
        codes = (codes[:, None] << bits | one).ravel()
    fields = codes[:, None] >> bits * np.arange(terms) & ((1 << bits) - 1)
    used = np.count_nonzero(fields, axis=1)
    codes = codes[np.lexsort((codes, used))]
    values, first = np.unique(_pot_values(codes, powers, terms), return_index=True)
    return values, codes[first]


BIPOLAR = IntType(-1, 1, "bipolar")


@dataclass(frozen=True)
class Tensor:
    """An edge: a frame of ``shape`` (no batch axis; channel innermost) of ``type`` elements."""

    shape: tuple[int, ...]
    type: IntType

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(s) for s in self.shape))
        if not self.shape or min(self.shape) < 1:
            raise SpecError(f"a tensor's shape must have sizes of at least 1, not {self.shape}")
        if self.type.coding in ("pot", "codebook"):
            raise SpecError(f"a tensor's type must be integer, bipolar or log2, not {self.type}")

    @property
    def size(self) -> int:
        """Elements of one frame."""
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        """Size of the innermost axis."""
        return self.shape[-1]

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape))} {self.type}"
