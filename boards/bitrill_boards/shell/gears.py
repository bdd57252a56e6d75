"""Parameters of a gearbox: the widths of its words, and the bits that it moves each cycle.

See `bitrill_boards.shell.gearbox` for the hardware.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import gcd

from bitrill.errors import SpecError


def widest(width_in: int, width_out: int) -> int:
    """Return the largest chunk in bits.

    It may be wider than an input word, which then moves in one cycle, but fills at most one output
    word.
    """
    return min(1 << (width_in - 1).bit_length(), width_out)


@dataclass(frozen=True)
class Gear:
    """Conversion of frames from words of one width to another, ``chunk`` bits per cycle."""

    width_in: int
    words_in: int
    width_out: int
    words_out: int
    chunk: int

    def __post_init__(self) -> None:
        if self.chunk < 1 or self.chunk & (self.chunk - 1):
            raise SpecError(f"chunk must be a power of two, not {self.chunk}")
        if self.chunk > widest(self.width_in, self.width_out):
            raise SpecError(
                f"chunk must be at most a word ({self.width_in} and {self.width_out} bits),"
                f" not {self.chunk}"
            )
        if min(self.words_in, self.words_out) < 1:
            raise SpecError("a frame must have words on both sides")

    @property
    def bits(self) -> int:
        """Number of meaningful bits of a frame."""
        return min(self.width_in * self.words_in, self.width_out * self.words_out)

    @property
    def slices(self) -> tuple[int, ...]:
        """Bits of each chunk of a word; the last one may be shorter."""
        whole, rest = divmod(self.width_in, self.chunk)
        return (self.chunk,) * whole + ((rest,) if rest else ())

    @property
    def step(self) -> int:
        """Largest power of two that divides all rotations of a chunk."""
        return reduce(gcd, (*self.slices, self.width_out), self.chunk)

    @property
    def flush(self) -> bool:
        """Whether a frame's last chunk fills a word and has bits left for one more word."""
        if self.words_in * self.width_in > self.words_out * self.width_out:
            return False
        before = self.words_in * self.width_in - self.slices[-1]
        return before // self.width_out < self.words_out - 1

    @property
    def cycles(self) -> int:
        """Cycles of a frame if neither side waits."""
        return self.words_in * len(self.slices) + self.flush


def gear(
    width_in: int, width_out: int, *, frame_bits: int, interval: Fraction | int = 0, least: int = 1
) -> Gear:
    """Return the gearbox with the smallest chunks that move a frame within ``interval`` cycles.

    If no chunks do, they are the largest possible. ``least``: least bits of a chunk, a power of
    two, as far as the words have so many.
    """
    n_in, n_out = (-(-frame_bits // width) for width in (width_in, width_out))
    most = 1 << (widest(width_in, width_out).bit_length() - 1)
    chosen = Gear(width_in, n_in, width_out, n_out, min(least, most))
    while chosen.cycles > interval and 2 * chosen.chunk <= widest(width_in, width_out):
        chosen = replace(chosen, chunk=2 * chosen.chunk)
    return chosen
