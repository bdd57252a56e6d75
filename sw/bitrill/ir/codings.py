"""The codings of activations: bipolar, integer and logarithmic; the first two of weights too."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import SpecError
from ..exact import Real, sign, sqrt
from .coding import Coding, DigitReader, R

HALF_POWER = sqrt(Fraction(1, 2))
"""The real at which the nearest power of two by the logarithm becomes 1, from 0."""


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
class Log2(Coding):
    """The activations 0 and ``1, 2, 4 .. hi``; 0 has the code 0, ``2**k`` the code ``k + 1``."""

    word = "log2"
    for_activations = one_hot = True
    for_weights = addable = False

    def __post_init__(self) -> None:
        if self.lo or not is_power(self.hi):
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


def is_power(n: int) -> bool:
    """Return whether ``n`` is a power of two."""
    return n >= 1 and n & (n - 1) == 0
