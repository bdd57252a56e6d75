"""Codings: how integers are written in bits, in memories and on streams.

A coding is one class. It answers every question that depends on the form of the bits, so that the
rest of the compiler never asks for a coding by name; a class with a new `word`, defined anywhere,
is a new coding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from ..errors import SpecError
from ..exact import Real, sign, sqrt

MAX_ENTRIES = 16
"""Entries of a codebook."""

MAX_TERMS = 4
"""Terms of a sum of powers of two."""

ENTRY = (-128, 127)
"""Lowest and highest entry of a codebook."""

HALF_POWER = sqrt(Fraction(1, 2))
"""Where the nearest power of two by the logarithm becomes 1, from 0."""

Values = tuple[int | None, ...]
"""The value of each code; None where a code never occurs."""

Planes = tuple[int, ...]
"""Bits of a code by number, the lowest first."""

R = TypeVar("R", covariant=True)


class DigitReader(Protocol[R]):
    """The forms in which a coding may describe its bits as digits (see `Coding.digits`).

    `bitrill.arith.weight_digits` has the readers: each makes digits that multiply by few LUTs.
    """

    def sign(self) -> R:
        """One bit: 0 is -1, 1 is +1."""
        ...

    def binary(self, bits: int, lo: int, hi: int, shift: int = 0) -> R:
        """A number ``lo..hi`` in binary, two's complement where ``lo < 0``, times ``2**shift``."""
        ...

    def exponents(self, terms: tuple[Planes, ...], values: Values) -> R:
        """A sum of ``terms``, each a sign above an exponent plus 1, of ``values``."""
        ...

    def table(self, values: Values) -> R:
        """All bits together choose one of ``values``."""
        ...


@dataclass(frozen=True)
class Coding(ABC):
    """A way to write integers between ``lo`` and ``hi`` in bits; further fields are parameters.

    Subclasses are frozen dataclasses. They must have a `word`, `bits`, `values` and `__str__`;
    whatever else is the same for most codings stands here.
    """

    lo: int
    hi: int

    word: ClassVar[str]
    """The coding's name in JSON."""

    for_weights: ClassVar[bool] = True
    for_activations: ClassVar[bool] = False

    automatic: ClassVar[bool] = False
    """Whether a folding chooses it for weights without being asked, where it is the cheapest."""

    addable: ClassVar[bool] = True
    """Whether operators other than products may take it: add, compare, scale."""

    binary: ClassVar[bool] = False
    """Whether a code is the value in binary, and each integer of ``lo..hi`` is a value."""

    is_bipolar: ClassVar[bool] = False
    """Whether values are signs in one bit, so that a product of two is an XNOR."""

    one_hot: ClassVar[bool] = False
    """Whether a code is decoded to planes of which at most one is 1, before it is multiplied."""

    gain: ClassVar[int] = 1
    offset: ClassVar[int] = 0
    """A value is ``gain * n + offset``, where products with constants take the number n."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not isinstance(getattr(cls, "word", None), str):
            raise SpecError(f"the coding {cls.__qualname__} must have a word, its name in JSON")
        other = CODINGS.setdefault(cls.word, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise SpecError(
                f"a coding's word must be its own, not {cls.word!r}, which is that of"
                f" {other.__module__}.{other.__qualname__}"
            )
        CODINGS[cls.word] = cls

    @property
    @abstractmethod
    def bits(self) -> int:
        """Bits of a code, at least one."""

    @abstractmethod
    def values(self) -> np.ndarray:
        """Every value, ascending, int64."""

    @abstractmethod
    def __str__(self) -> str:
        """The coding and its range, as messages show it."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The fields besides ``lo`` and ``hi``, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)[2:]}

    @property
    def signed(self) -> bool:
        """Whether codes are two's complement."""
        return False

    @property
    def n_values(self) -> int:
        """Number of values."""
        return len(self.values())

    @property
    def planes(self) -> int:
        """Bits of the number that is multiplied."""
        return self.bits

    @property
    def operand(self) -> tuple[int, int]:
        """Lowest and highest number that products take: see `gain`."""
        return (self.lo - self.offset) // self.gain, (self.hi - self.offset) // self.gain

    def holds(self, values: np.ndarray) -> bool:
        """Return whether each of ``values`` is a value of the coding."""
        return bool(np.isin(values, self.values()).all())

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Codes of int64 ``values``; here a value's place among all of them."""
        return np.searchsorted(self.values(), values)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Values of int64 ``codes``, the inverse of `encode`; unused codes give the last value."""
        return self.values()[np.minimum(codes, self.n_values - 1)]

    def rank(self, values: np.ndarray) -> np.ndarray:
        """Number of values below each of ``values``, int64: which entry of a table is read."""
        return np.searchsorted(self.values(), values)

    def nth(self, n: np.ndarray) -> np.ndarray:
        """The values that have ``n`` values below them; of ``n``'s dtype, and may be ``n`` itself.

        The inverse of `rank`: a quantizer that reaches n thresholds gives this value.
        """
        return self.values().astype(n.dtype)[n.astype(np.intp)]

    def quantize(self, v: Real, rounded: Callable[[Real], int]) -> int:
        """The value nearest to ``v``, exactly; ``rounded`` decides between integers."""
        if sign(v - self.lo) <= 0:
            return self.lo
        return self.hi if sign(v - self.hi) >= 0 else rounded(v)

    def boundaries(self) -> np.ndarray | None:
        """Reals at which `quantize` takes its next value, float64; None where rounding decides."""
        return None

    def digits(self, reader: DigitReader[R]) -> R:
        """Describe the bits of a weight to ``reader`` in one of its forms; here a table."""
        values = self.decode(np.arange(self.n_values)).tolist()
        return reader.table((*values, *[None] * ((1 << self.bits) - len(values))))

    def whole(self) -> Coding:
        """The coding of every value that writable weights of these bits may take."""
        return self

    @property
    def choice(self) -> str:
        """The name by which a folding asks for it."""
        return self.word

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """Every `choice` of the class."""
        return (cls.word,)

    @classmethod
    def fitting(cls, choice: str, weights: np.ndarray, given: Coding) -> Coding:
        """The smallest coding under the name ``choice`` for ``weights``, int64 of any shape.

        ``given`` is the one that they have. Where none holds all weights, the result is the
        nearest, or `SpecError` is raised.
        """
        return cls(int(weights.min()), int(weights.max()))


CODINGS: dict[str, type[Coding]] = {}
"""Every coding by its word, in the order of definition."""


def coding_class(word: str) -> type[Coding]:
    """The coding of that word; `SpecError` names the known ones."""
    if word not in CODINGS:
        raise SpecError(f"coding must be one of {', '.join(map(repr, CODINGS))}, not {word!r}")
    return CODINGS[word]


@dataclass(frozen=True)
class Bipolar(Coding):
    """The values -1 and +1, one bit each; bit 1 is +1, and a quantizer gives +1 for x >= 0."""

    word = "bipolar"
    for_activations = automatic = is_bipolar = True
    gain, offset = 2, -1

    def __post_init__(self) -> None:
        if (self.lo, self.hi) != (-1, 1):
            raise SpecError(f"a bipolar IntType must span -1..1, not {self.lo}..{self.hi}")

    @property
    def bits(self) -> int:
        return 1

    def values(self) -> np.ndarray:
        return np.array([-1, 1])

    def holds(self, values: np.ndarray) -> bool:
        return bool(np.all((values == 1) | (values == -1)))

    def encode(self, values: np.ndarray) -> np.ndarray:
        return (values + 1) >> 1

    rank = encode

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return 2 * codes - 1

    def nth(self, n: np.ndarray) -> np.ndarray:
        n += n
        n -= 1
        return n

    def quantize(self, v: Real, rounded: Callable[[Real], int]) -> int:
        return 1 if sign(v) >= 0 else -1

    def boundaries(self) -> np.ndarray:
        return np.zeros(1)

    def digits(self, reader: DigitReader[R]) -> R:
        return reader.sign()

    @classmethod
    def fitting(cls, choice: str, weights: np.ndarray, given: Coding) -> Coding:
        return cls(-1, 1)

    def __str__(self) -> str:
        return "bipolar"


@dataclass(frozen=True)
class Integer(Coding):
    """The integers ``lo..hi`` in the fewest bits: two's complement if ``lo < 0``, else unsigned."""

    word = "integer"
    for_activations = automatic = binary = True

    @property
    def signed(self) -> bool:
        return self.lo < 0

    @property
    def bits(self) -> int:
        if self.signed:
            return max((~self.lo).bit_length(), self.hi.bit_length() if self.hi > 0 else 0) + 1
        return max(self.hi.bit_length(), 1)

    @property
    def n_values(self) -> int:
        return self.hi - self.lo + 1

    def values(self) -> np.ndarray:
        return np.arange(self.lo, self.hi + 1)

    def holds(self, values: np.ndarray) -> bool:
        return bool(values.min() >= self.lo and values.max() <= self.hi)

    def encode(self, values: np.ndarray) -> np.ndarray:
        return values & ((1 << self.bits) - 1)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return codes - ((codes >> (self.bits - 1)) << self.bits) if self.signed else codes

    def rank(self, values: np.ndarray) -> np.ndarray:
        return values - self.lo

    def nth(self, n: np.ndarray) -> np.ndarray:
        if self.lo:
            n += n.dtype.type(self.lo)
        return n

    def digits(self, reader: DigitReader[R]) -> R:
        return reader.binary(self.bits, self.lo, self.hi)

    def whole(self) -> Coding:
        if self.choice == "ternary":
            return self
        half = 1 << self.bits - 1
        return Integer(-half, half - 1) if self.signed else Integer(0, 2 * half - 1)

    @property
    def choice(self) -> str:
        return "ternary" if (self.lo, self.hi) == (-1, 1) else "integer"

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("ternary", "integer")

    @classmethod
    def fitting(cls, choice: str, weights: np.ndarray, given: Coding) -> Coding:
        if choice == "ternary":
            return cls(-1, 1)
        return given if isinstance(given, cls) else super().fitting(choice, weights, given)

    def __str__(self) -> str:
        return f"{'int' if self.signed else 'uint'}{self.bits}[{self.lo}..{self.hi}]"


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
        if self.hi % self.terms or not _is_power(self.hi // self.terms) or self.lo != -self.hi:
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
                f" not {len(entries)}"
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


@dataclass(frozen=True)
class Log2(Coding):
    """The activations 0 and ``1, 2, 4 .. hi``; 0 has the code 0, ``2**k`` the code ``k + 1``."""

    word = "log2"
    for_activations = one_hot = True
    for_weights = addable = False

    def __post_init__(self) -> None:
        if self.lo or not _is_power(self.hi):
            raise SpecError(f"a log2 IntType must span 0..2**n, not {self.lo}..{self.hi}")

    @property
    def planes(self) -> int:
        return self.hi.bit_length()

    @property
    def bits(self) -> int:
        return self.planes.bit_length()

    def values(self) -> np.ndarray:
        return (1 << np.arange(self.planes + 1)) >> 1

    def rank(self, values: np.ndarray) -> np.ndarray:
        return np.frexp(values)[1].astype(np.int64)  # 2**k is 0.5 * 2**(k + 1)

    def quantize(self, v: Real, rounded: Callable[[Real], int]) -> int:
        """The nearest value by the logarithm: ``2**k`` from ``v >= 2**(k - 1/2)`` on."""
        low, high = 0, self.planes
        while low < high:
            k = (low + high) // 2
            if sign(v - HALF_POWER * (1 << k)) >= 0:
                low = k + 1
            else:
                high = k
        return (1 << low) >> 1

    def boundaries(self) -> np.ndarray:
        return 2.0 ** (np.arange(self.planes) - 0.5)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ()

    def __str__(self) -> str:
        return f"log{self.bits}[{self.lo}..{self.hi}]"


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
    terms_of = codes[:, None] >> bits * np.arange(terms) & ((1 << bits) - 1)
    used = np.count_nonzero(terms_of, axis=1)
    codes = codes[np.lexsort((codes, used))]
    values, first = np.unique(_pot_values(codes, powers, terms), return_index=True)
    return values, codes[first]


__all__ = [
    "CODINGS",
    "ENTRY",
    "HALF_POWER",
    "MAX_ENTRIES",
    "MAX_TERMS",
    "Bipolar",
    "Codebook",
    "Coding",
    "DigitReader",
    "Integer",
    "Log2",
    "Planes",
    "PowersOfTwo",
    "Values",
    "coding_class",
]
