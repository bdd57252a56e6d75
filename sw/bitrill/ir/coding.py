"""What a coding is: how integers are written in bits, in memories and on streams.

A coding is one class. It answers every question that depends on the form of the bits, so that the
rest of the compiler never asks for a coding by name; a class with a new `word`, defined anywhere,
is a new coding.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Protocol, TypeVar

import numpy as np

from ..errors import SpecError
from ..exact import Real, sign

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
        """A number that chooses one of ``values``."""
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

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if not isinstance(getattr(cls, "word", None), str):
            raise SpecError(f"the coding {cls.__qualname__} must have a word, its name in JSON")
        other = CODINGS.get(cls.word, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise SpecError(
                f"a coding's word must be its own, not {cls.word!r}, which is that of"
                f" {other.__module__}.{other.__qualname__}"
            )
        absent = [name for name in _NEEDED if getattr(cls, name) is getattr(Coding, name)]
        if absent:
            raise SpecError(f"the coding {cls.word!r} must have {', '.join(absent)}")
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
    def parameters(self) -> Mapping[str, object]:
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
        values = self.values()
        by_code = dict(zip(self.encode(values).tolist(), values.tolist(), strict=True))
        return reader.table(tuple(by_code.get(code) for code in range(1 << self.bits)))

    def whole(self) -> "Coding":
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
    def fitting(cls, choice: str, weights: np.ndarray, given: "Coding") -> "Coding":
        """The smallest coding under the name ``choice`` for ``weights``, int64 of any shape.

        ``given`` is the one that they have. Where none holds all weights, the result is the
        nearest, or `SpecError` is raised.
        """
        return cls(int(weights.min()), int(weights.max()))


_NEEDED = ("bits", "values", "__str__")
"""What a coding cannot do without."""

CODINGS: dict[str, type[Coding]] = {}
"""Every coding by its word, in the order of definition."""


def coding_class(word: str) -> type[Coding]:
    """The coding of that word; `SpecError` names the known ones."""
    if word not in CODINGS:
        raise SpecError(f"coding must be one of {', '.join(map(repr, CODINGS))}, not {word!r}")
    return CODINGS[word]
