"""The codings that only weights have: sums of powers of two, and codebooks."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ..errors import SpecError
from .coding import Coding, DigitReader, Planes, R
from .codings import is_power

MAX_ENTRIES = 16
"""Entries of a codebook: a product's bit is a table of the index and two bits of x, one LUT. More
values are stored as numbers of a table in front of the multiplier (`bitrill.ops.units.indexed`)."""

MAX_TERMS = 4
"""Terms of a sum of powers of two."""

ENTRY = (-128, 127)
"""Lowest and highest entry of a codebook."""


@dataclass(frozen=True)
class PowersOfTwo(Coding):
    """The sums of ``terms`` of 0 and ``+-1, +-2 .. +-2**n``, where ``hi = terms * 2**n``.

    Each term has bits of its own, the first one lowest: the top bit is its sign, the others are 0
    for 0, else the exponent plus 1.
    """

    terms: int = 1

    word = "pot"
    automatic = True

    def __post_init__(self) -> None:
        if not 1 <= self.terms <= MAX_TERMS:
            raise SpecError(f"a pot IntType must have 1..{MAX_TERMS} terms, not {self.terms}")
        if self.hi % self.terms or not is_power(self.hi // self.terms) or self.lo != -self.hi:
            times = "" if self.terms == 1 else f"{self.terms}*"
            raise SpecError(
                f"a pot IntType must span -{times}2**n..{times}2**n, not {self.lo}..{self.hi}"
            )

    @property
    def powers(self) -> int:
        """Number of powers of two, ``1, 2, 4 ..``, that a term may be."""
        return (self.hi // self.terms).bit_length()

    @property
    def term_planes(self) -> tuple[Planes, ...]:
        """The bits of each term."""
        n = self.powers.bit_length() + 1
        return tuple(tuple(range(t * n, (t + 1) * n)) for t in range(self.terms))

    @property
    def bits(self) -> int:
        return self.terms * (self.powers.bit_length() + 1)

    def values(self) -> np.ndarray:
        return _pot_codes(self.powers, self.terms)[0].copy()

    def encode(self, values: np.ndarray) -> np.ndarray:
        known, codes = _pot_codes(self.powers, self.terms)
        return codes[np.searchsorted(known, values).clip(max=len(known) - 1)]

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return _pot_values(codes, self.powers, self.terms)

    def digits(self, reader: DigitReader[R]) -> R:
        bits = self.bits // self.terms
        codes = np.arange(1 << bits)
        values = _pot_values(codes, self.powers, 1).tolist()
        exponents = (codes & (1 << bits - 1) - 1).tolist()
        known = (v if e <= self.powers else None for v, e in zip(values, exponents, strict=True))
        return reader.exponents(self.term_planes, tuple(known))

    @property
    def choice(self) -> str:
        return f"pot{self.terms if self.terms > 1 else ''}"

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("pot", "pot2", "pot3")

    @classmethod
    def fitting(cls, choice: str, weights: np.ndarray, given: Coding) -> Coding:
        terms = cls.choices().index(choice) + 1
        most = int(np.abs(weights).max())
        top = most.bit_length() if terms > 1 else max(0, most.bit_length() - 1)
        sizes = [cls(-(terms << n), terms << n, terms) for n in range(top + 1)]
        return next((c for c in sizes if c.holds(weights)), sizes[-1])

    def __str__(self) -> str:
        return f"{self.choice}[{self.lo}..{self.hi}]"


@dataclass(frozen=True)
class Codebook(Coding):
    """The 2 to 16 ``entries``, ascending, of 8 bits each; a code is a value's index."""

    entries: tuple[int, ...] = ()

    word = "codebook"
    automatic = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", tuple(int(e) for e in self.entries))
        n = len(self.entries)
        if not 2 <= n <= MAX_ENTRIES:
            raise SpecError(f"a codebook must have 2..{MAX_ENTRIES} entries, not {n}")
        if any(a >= b for a, b in pairwise(self.entries)):
            raise SpecError(f"a codebook's entries must ascend, not {list(self.entries)}")
        lo, hi = self.entries[0], self.entries[-1]
        if lo < ENTRY[0] or hi > ENTRY[1]:
            raise SpecError(
                f"a codebook's entries must lie in {ENTRY[0]}..{ENTRY[1]}, not {lo}..{hi}"
            )
        if (lo, hi) != (self.lo, self.hi):
            raise SpecError(f"a codebook must span its entries, not {self.lo}..{self.hi}")

    @property
    def bits(self) -> int:
        return (len(self.entries) - 1).bit_length()

    def values(self) -> np.ndarray:
        return np.array(self.entries)

    @classmethod
    def fitting(cls, choice: str, weights: np.ndarray, given: Coding) -> Coding:
        entries = np.unique(weights).tolist()
        if len(entries) > MAX_ENTRIES:
            raise SpecError(
                f"weights of coding 'codebook' must have at most {MAX_ENTRIES} values,"
                f" not {len(entries)} (style 'indexed' takes up to 256)"
            )
        if entries[0] < ENTRY[0] or entries[-1] > ENTRY[1]:
            raise SpecError(
                f"weights of coding 'codebook' must lie in {ENTRY[0]}..{ENTRY[1]},"
                f" not {entries[0]}..{entries[-1]}"
            )
        if len(entries) == 1:
            entries = sorted({*entries, 0 if entries[0] else 1})
        return cls(entries[0], entries[-1], tuple(entries))

    def __str__(self) -> str:
        return f"codebook{len(self.entries)}[{', '.join(map(str, self.entries))}]"


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
    terms_of = codes[:, None] >> bits * np.arange(terms) & ((1 << bits) - 1)
    used = np.count_nonzero(terms_of, axis=1)
    codes = codes[np.lexsort((codes, used))]
    values, first = np.unique(_pot_values(codes, powers, terms), return_index=True)
    return values, codes[first]
