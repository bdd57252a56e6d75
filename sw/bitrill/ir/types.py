"""Types of edges: which integers may stand there, and in which coding."""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from .coded_weights import Codebook
from .coding import CODINGS, Coding, coding_class
from .codings import Bipolar


@dataclass(frozen=True, init=False)
class IntType:
    """The integers ``lo..hi`` that ``coding`` can write, in its bits.

    A type is made from the coding's word and parameters, as JSON holds them: ``IntType(-8, 7)``,
    ``IntType(-4, 4, "pot", terms=2)``. See `bitrill.ir.coding`.
    """

    coding: Coding

    def __init__(
        self,
        lo: int,
        hi: int,
        coding: str = "integer",
        terms: int = 1,
        entries: tuple[int, ...] = (),
        **parameters: object,
    ) -> None:
        kind = coding_class(coding)
        if lo > hi:
            raise SpecError(f"IntType must have lo <= hi, not {lo}..{hi}")
        takes = kind.__dataclass_fields__
        if "terms" in takes:
            parameters["terms"] = terms
        elif terms != 1:
            raise SpecError(f"terms must be 1 where the coding is {coding}, not {terms}")
        if "entries" in takes:
            parameters["entries"] = entries
        elif entries:
            raise SpecError(f"entries must be empty where the coding is {coding}")
        object.__setattr__(self, "coding", kind(lo, hi, **parameters))

    @staticmethod
    def of(coding: Coding) -> "IntType":
        """The type of a coding."""
        made = object.__new__(IntType)
        object.__setattr__(made, "coding", coding)
        return made

    @staticmethod
    def for_range(*, lo: int, hi: int) -> "IntType":
        """The integer type of ``lo..hi``."""
        return IntType(int(lo), int(hi))

    @staticmethod
    def of_entries(entries: tuple[int, ...]) -> "IntType":
        """The codebook of these values, ascending."""
        ends = (int(entries[0]), int(entries[-1])) if len(entries) else (0, 0)
        return IntType.of(Codebook(*ends, tuple(entries)))

    @property
    def parameters(self) -> dict[str, object]:
        """The constructor's arguments by name, as JSON holds them."""
        own = self.coding.parameters
        ends = {"lo": self.lo, "hi": self.hi, "coding": self.coding.word}
        return {**ends, "terms": 1, "entries": (), **own}

    @property
    def lo(self) -> int:
        """The lowest value."""
        return self.coding.lo

    @property
    def hi(self) -> int:
        """The highest value."""
        return self.coding.hi

    @property
    def signed(self) -> bool:
        """Whether the bits are two's complement (a bipolar bit is not)."""
        return self.coding.signed

    @property
    def bits(self) -> int:
        """Bits of one element, at least one."""
        return self.coding.bits

    @property
    def n_values(self) -> int:
        """Number of values."""
        return self.coding.n_values

    def values(self) -> np.ndarray:
        """Every value, ascending, int64."""
        return self.coding.values()

    def holds(self, values: np.ndarray) -> bool:
        """Return whether each of ``values`` is a value of the type."""
        return values.size == 0 or self.coding.holds(values)

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Return which of ``values`` are no values of the type."""
        return ~np.isin(values, [v for v in np.unique(values) if self.holds(v)])

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Values to codes, int64 in ``0 .. 2**bits - 1``: what the wires carry."""
        return self.coding.encode(np.asarray(values).astype(np.int64))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes to values, int64: the inverse of `encode`."""
        return self.coding.decode(np.asarray(codes).astype(np.int64))

    def __str__(self) -> str:
        return str(self.coding)


BIPOLAR = IntType.of(Bipolar(-1, 1))

WIDEST = 48
"""Bits of the widest integers on an edge: what a DSP block accumulates, and float64 holds."""


@dataclass(frozen=True)
class Tensor:
    """An edge: a frame of ``shape`` (no batch axis; channel innermost) of ``type`` elements."""

    shape: tuple[int, ...]
    type: IntType

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(s) for s in self.shape))
        if not self.shape or min(self.shape) < 1:
            raise SpecError(f"a tensor's shape must have sizes of at least 1, not {self.shape}")
        if not self.type.coding.for_activations:
            *words, last = (w for w, c in CODINGS.items() if c.for_activations)
            raise SpecError(
                f"a tensor's type must be {', '.join(words)} or {last}, not {self.type}"
            )

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
