"""Types of edges: which integers may stand there, and how bits carry them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..errors import SpecError

Coding = Literal["integer", "bipolar", "pot"]


@dataclass(frozen=True)
class IntType:
    """The integers ``lo..hi`` in the fewest bits that hold them.

    ``integer``: two's complement when ``lo < 0``, else unsigned.
    ``bipolar``: the values -1 and +1 only, in one bit; bit 1 is +1 (x >= 0 gives +1).
    ``pot``, of weights alone: 0 and the powers of two ``+-1, +-2 .. +-hi``; the top bit is the
    sign, the others are 0 for 0, else the exponent plus 1.
    """

    lo: int
    hi: int
    coding: Coding = "integer"

    def __post_init__(self) -> None:
        if self.coding not in get_args(Coding):
            codings = ", ".join(map(repr, get_args(Coding)))
            raise SpecError(f"coding must be one of {codings}, not {self.coding!r}")
        if self.lo > self.hi:
            raise SpecError(f"IntType must have lo <= hi, not {self.lo}..{self.hi}")
        if self.coding == "bipolar" and (self.lo, self.hi) != (-1, 1):
            raise SpecError(f"a bipolar IntType must span -1..1, not {self.lo}..{self.hi}")
        if self.coding == "pot" and (self.hi < 1 or self.hi & (self.hi - 1) or self.lo != -self.hi):
            raise SpecError(f"a pot IntType must span -2**n..2**n, not {self.lo}..{self.hi}")

    @staticmethod
    def for_range(*, lo: int, hi: int) -> IntType:
        """The integer type of ``lo..hi``."""
        return IntType(int(lo), int(hi))

    @property
    def signed(self) -> bool:
        """Whether the bits are two's complement (a bipolar bit is not)."""
        return self.coding == "integer" and self.lo < 0

    @property
    def bits(self) -> int:
        """Bits of one element; one at least."""
        if self.coding == "bipolar":
            return 1
        if self.coding == "pot":
            return self.hi.bit_length().bit_length() + 1
        if self.signed:
            return max((~self.lo).bit_length(), self.hi.bit_length() if self.hi > 0 else 0) + 1
        return max(self.hi.bit_length(), 1)

    @property
    def n_values(self) -> int:
        """How many values the type has."""
        return (
            len(self.values())
            if self.coding == "pot"
            else (2 if self.coding == "bipolar" else self.hi - self.lo + 1)
        )

    def values(self) -> np.ndarray:
        """Every value, ascending, int64."""
        if self.coding == "pot":
            powers = 1 << np.arange(self.hi.bit_length())
            return np.concatenate([-powers[::-1], [0], powers])
        return np.array([-1, 1]) if self.coding == "bipolar" else np.arange(self.lo, self.hi + 1)

    def holds(self, values: np.ndarray) -> bool:
        """Whether each of ``values`` is one of the type's."""
        if values.size == 0:
            return True
        if self.coding == "bipolar":
            return bool(np.all((values == 1) | (values == -1)))
        if self.coding == "pot":
            return bool(np.isin(values, self.values()).all())
        return bool(values.min() >= self.lo and values.max() <= self.hi)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Values to codes, int64 in ``0 .. 2**bits - 1``: what the wires carry."""
        v = np.asarray(values).astype(np.int64)
        if self.coding == "pot":
            exponents = np.searchsorted(1 << np.arange(self.hi.bit_length()), np.abs(v))
            return np.where(v == 0, 0, exponents + 1) | ((v < 0).astype(np.int64) << self.bits - 1)
        return (v + 1) >> 1 if self.coding == "bipolar" else v & ((1 << self.bits) - 1)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes to values, int64: the inverse of `encode`."""
        c = np.asarray(codes).astype(np.int64)
        if self.coding == "pot":
            exponents = c & ((1 << self.bits - 1) - 1)
            return np.where(c >> self.bits - 1 & 1, -1, 1) * ((1 << exponents) >> 1)
        if self.coding == "bipolar":
            return 2 * c - 1
        return c - ((c >> (self.bits - 1)) << self.bits) if self.signed else c

    def __str__(self) -> str:
        if self.coding == "bipolar":
            return "bipolar"
        if self.coding == "pot":
            return f"pot[{self.lo}..{self.hi}]"
        return f"{'int' if self.signed else 'uint'}{self.bits}[{self.lo}..{self.hi}]"


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
        if self.type.coding == "pot":
            raise SpecError(f"a tensor's type must be integer or bipolar, not {self.type}")

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
