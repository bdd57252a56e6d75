"""Prefix codes of bounded length: chosen for counts, read from windows, cut into words of a memory.

A decoder (`bitrill_hw.matvec.prefix`) sees a window of the next bits of its stream, and takes one
symbol in each step. Codes have at most `WORD` bits, so a step takes at most one word of the memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np

from ..errors import SpecError

WORD = 8
"""Bits of a word of the memory, and of the longest code."""

HELD = 3
"""Words that a decoder holds besides its memory: two in registers, one in the memory's output."""


@dataclass(frozen=True)
class PrefixCode:
    """The code of each symbol, as text of 0 and 1 in the order in which bits are read.

    Raises `SpecError` where a code has no bits or more than `WORD`, or begins another code.
    """

    codes: tuple[str, ...]

    def __post_init__(self) -> None:
        wrong = [c for c in self.codes if not 1 <= len(c) <= WORD or set(c) - {"0", "1"}]
        if wrong:
            raise SpecError(f"a prefix code must have codes of 1..{WORD} bits, not {wrong[0]!r}")
        ordered = sorted(self.codes)  # a code that begins others stands right before one of them
        for a, b in pairwise(ordered):
            if b.startswith(a):
                raise SpecError(f"a prefix code must have no code that begins another: {a}, {b}")

    @property
    def lengths(self) -> np.ndarray:
        """Bits of each symbol's code, int64."""
        return np.array([len(code) for code in self.codes])

    @property
    def window(self) -> int:
        """Bits of the longest code."""
        return max(map(len, self.codes))

    @cached_property
    def symbols(self) -> np.ndarray:
        """The symbol that each window begins with, int64 ``[2**window]``, 0 where no code is.

        The bit that is read first is the lowest one of a window.
        """
        out = np.zeros(1 << self.window, np.int64)
        for symbol, code in enumerate(self.codes):
            out[int(code[::-1], 2) :: 1 << len(code)] = symbol
        return out

    def bits(self, symbols: np.ndarray) -> np.ndarray:
        """The stream of ``symbols``, uint8 of 0 and 1."""
        text = "".join(self.codes[s] for s in symbols.tolist())
        return np.frombuffer(text.encode(), np.uint8) - ord("0")


@lru_cache(maxsize=256)
def shortest_code(counts: tuple[int, ...], most: int) -> PrefixCode:
    """The code of at most ``most`` bits that takes the fewest for symbols that occur so often.

    It is found by package-merge (Larmore and Hirschberg 1990), and numbered like canonical ones.
    """
    if len(counts) == 1:
        return PrefixCode(("0",))
    coins = sorted((n, (k,)) for k, n in enumerate(counts))
    packages: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(most):
        merged = sorted([*coins, *packages])
        pairs = zip(merged[::2], merged[1::2], strict=False)
        packages = [(a + b, one + other) for (a, one), (b, other) in pairs]
    lengths = [0] * len(counts)
    for _, symbols in packages[: len(counts) - 1]:
        for s in symbols:
            lengths[s] += 1
    return _canonical(lengths)


def _canonical(lengths: Sequence[int]) -> PrefixCode:
    """The code of these lengths whose numbers ascend, short ones first."""
    codes = [""] * len(lengths)
    number, before = -1, 0
    for length, symbol in sorted((n, k) for k, n in enumerate(lengths)):
        number = (number + 1) << length - before
        before = length
        codes[symbol] = f"{number:0{length}b}"
    return PrefixCode(tuple(codes))


@dataclass(frozen=True)
class Tape:
    """A stream that is read again and again, as words of `WORD` bits.

    ``held``: the first `HELD` words, which the decoder holds when the stream begins; ``words``:
    those of the memory, in the order in which they are read: the words after these, and at last
    the third one, for the next beginning.
    """

    held: tuple[int, ...]
    words: tuple[int, ...]


def tape(code: PrefixCode, symbols: np.ndarray) -> Tape:
    """Return the words of the stream of ``symbols``."""
    bits = code.bits(symbols)
    last = (len(bits) - len(code.codes[symbols[-1]])) // WORD  # the word where the last one begins
    padded = np.zeros((last + HELD + 1) * WORD, np.uint8)
    padded[: len(bits)] = bits[: len(padded)]
    words = np.packbits(padded.reshape(-1, WORD), axis=1, bitorder="little")[:, 0].tolist()
    return Tape(tuple(words[:HELD]), (*words[HELD : HELD + last], words[HELD - 1]))
