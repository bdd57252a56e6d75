"""Structures: the counts of an operator that the resource model weighs.

Two lists of named counts, of what takes LUTs and of what takes flip-flops. How many LUTs or
flip-flops one of each takes is fitted to synthesis (`bitrill.resources.estimate`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import ceil

import numpy as np

Counts = dict[str, float]

Coefficients = Mapping[str, Mapping[str, float]]
"""``{"lcs" or "ff": {count: LUTs or flip-flops of one}}``."""

DEEP_BITS, DEEP = 4096, 64
"""Bits and words past which a memory that is written lies in block memory."""

BLOCK_BITS = 8192
"""Bits of constants or of a buffer from which on they lie in block memory by default."""

ALONE = 4
"""Words up to which a table is mapped to LUTs together with what is around it; a longer one is a
module by itself."""

BUS_BITS = 32
"""Bits of a register of the host's bus."""

JOINED = 3
"""Registers that one LUT a bit joins to what the host reads."""

_SHAPES = (
    (1, 16384, 1),
    (1, 8192, 2),
    (1, 4096, 4),
    (1, 2048, 9),
    (1, 1024, 18),
    (1, 512, 36),
    (2, 32768, 1),
    (2, 512, 72),
)
"""Halves of a RAMB36, words and bits of each shape that a block can have (Xilinx UG473)."""


@dataclass
class Structure:
    """Counts of one operator at its folding.

    ``lcs``, ``ff``: counts of what takes LUTs and flip-flops, by name; ``bram18``: halves of
    RAMB36, of which ``block_bits`` hold something; ``dsp``: DSP slices.
    """

    lcs: Counts = field(default_factory=lambda: {"one": 1.0})
    ff: Counts = field(default_factory=lambda: {"one": 1.0})
    bram18: int = 0
    dsp: int = 0
    block_bits: int = 0

    def luts(self, **counts: float) -> None:
        """Add to the counts of what takes LUTs."""
        for name, n in counts.items():
            self.lcs[name] = self.lcs.get(name, 0.0) + n

    def flops(self, **counts: float) -> None:
        """Add to the counts of what takes flip-flops."""
        for name, n in counts.items():
            self.ff[name] = self.ff.get(name, 0.0) + n

    def blocks(self, halves: int, bits: int) -> None:
        """Add halves of RAMB36 that hold ``bits``."""
        self.bram18 += halves
        self.block_bits += bits

    def rom(
        self, depth: int, width: int, *, block: bool = False, different: float | None = None
    ) -> None:
        """Add a table of constants with a register behind it, in block memory or in logic.

        ``different``: bits of a word that are neither the same in all words nor equal to another;
        where it is not given, as many as random bits would have.
        """
        if depth <= 1 or different == 0:
            return
        if block:
            self.blocks(block_halves(depth, width), depth * width)
            return
        different = distinct(depth, width) if different is None else different
        self.flops(held=different)
        if depth > ALONE:
            self.luts(table=different * table_luts(depth))
        elif depth > 2:
            self.luts(rom=different / 2)

    def ram(self, depth: int, width: int, *, block: bool) -> None:
        """Add a memory that is written and read every cycle, without the register behind it."""
        if block:
            self.blocks(block_halves(depth, width), depth * width)
        else:
            self.luts(ram=ram_luts(depth, width), choose=width * (ceil(depth / 64) - 1))

    def counters(self, *sizes: int) -> None:
        """Add a counter for each of ``sizes``, the number of its values."""
        bits = sum(bits_for(n) for n in sizes if n > 1)
        self.luts(count=bits, counters=sum(n > 1 for n in sizes))
        self.flops(held=bits)

    def pipe(self, stages: int, per_stage: float = 1) -> None:
        """Add the control of a pipeline: ``per_stage`` flip-flops a stage beside the data."""
        self.luts(stages=stages)
        self.flops(held=stages * per_stage)

    def running(self, depth: int, width: int) -> None:
        """Add ``depth`` running results of ``width`` bits, each read and written in one cycle.

        One is a register, several are a memory and a register behind it.
        """
        block = is_deep(depth, width)
        self.flops(held=0 if depth > 1 and block else width)
        if depth > 1:
            self.ram(depth, width, block=block)
            self.counters(depth)
            self.flops(held=bits_for(depth))

    def registers(self, words: int, bits: int) -> None:
        """Add the bus registers of a memory of ``words`` that the host writes and reads back."""
        count = ceil(bits / BUS_BITS)
        self.luts(written=count, shown=BUS_BITS * ceil(count / JOINED), reached=bits_for(words))
        self.flops(shown=BUS_BITS)


def bits_for(n: int) -> int:
    """Bits of the numbers ``0 .. n - 1``."""
    return (n - 1).bit_length()


def turned_bits(depth: int) -> int:
    """Bits of an address that change when it wraps around ``depth`` words.

    Those below the lowest 1 of the depth do not, and of a power of two none does.
    """
    return bits_for(depth) - (depth & -depth).bit_length() + 1


def is_deep(depth: int, width: int) -> bool:
    """Return whether a memory that is written lies in block memory."""
    return depth > DEEP and depth * width > DEEP_BITS


@cache
def block_halves(depth: int, width: int) -> int:
    """Return the halves of RAMB36 of a memory with a read and a write port, in its best shape."""
    return min(n * ceil(depth / words) * ceil(width / bits) for n, words, bits in _SHAPES)


def distinct(depth: int, width: int) -> float:
    """Return how many of ``width`` random bits differ over ``depth`` words, on average."""
    if depth > 32:
        return width
    kinds = 2.0**depth
    return kinds * (1 - (1 - 1 / kinds) ** width)


def different_bits(codes: np.ndarray, bits: int) -> int:
    """Return the bits of a word that are left of a table once synthesis has shared what is alike.

    ``codes``: ``[words, fields]`` of ``bits`` bits each. A bit that is the same in all words, or
    the same as another in each word, needs no table.
    """
    return int(different_bits_each(codes[None], bits)[0])


def different_bits_each(codes: np.ndarray, bits: int) -> np.ndarray:
    """Return the `different_bits` of several tables ``[tables, words, fields]``."""
    tables, words, fields = codes.shape
    planes = np.empty((tables, bits, fields, words), bool)
    for bit in range(bits):
        planes[:, bit] = (codes >> bit & 1).transpose(0, 2, 1)
    packed = np.zeros((tables, bits * fields, -(-words // 64) * 8), np.uint8)
    packed[..., : -(-words // 8)] = np.packbits(planes, axis=-1).reshape(*packed.shape[:2], -1)
    rows = packed.view(np.uint64)
    full = np.packbits(np.arange(packed.shape[-1] * 8) < words).view(np.uint64)
    varying = ~((rows == 0).all(-1) | (rows == full).all(-1))
    if words <= 64:
        keys = np.sort(np.where(varying, rows[..., 0], 0), axis=1)
        return (keys[:, 1:] != keys[:, :-1]).sum(1) + (keys[:, 0] != 0)
    return _different_rows(rows, varying)


def _different_rows(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return how many different rows each table ``[tables, n, k]`` has among those ``wanted``."""
    # rows that differ in their first number are different; the few others are compared whole
    order = np.argsort(rows[..., 0], axis=1)
    first = np.take_along_axis(rows[..., 0], order, 1)
    same = np.zeros((len(rows), rows.shape[1] + 1), bool)
    same[:, 1:-1] = first[:, 1:] == first[:, :-1]
    alike = np.empty_like(wanted)
    np.put_along_axis(alike, order, same[:, 1:] | same[:, :-1], 1)
    count = (wanted & ~alike).sum(1)
    for t in np.flatnonzero((wanted & alike).any(1)):
        count[t] += len({row.tobytes() for row in rows[t, wanted[t] & alike[t]]})
    return count


def table_luts(depth: int) -> float:
    """Return the LUTs of one bit of a table of ``depth`` words in logic.

    Half of one up to 32 words, then one for each 64; up to 256 words the multiplexers behind the
    LUTs join them, three as if there were four, and past that Yosys takes a third more.
    """
    if depth <= 32:
        return 0.5
    if 128 < depth <= 256:
        return 4
    return ceil(depth / 64) * (1.35 if depth > 256 else 1)


def ram_luts(depth: int, width: int) -> float:
    """Return the LUTs of a distributed memory with one write and one read port."""
    if depth <= 32:
        return 4 * (width // 6) + min(4, 2 * (width % 6))
    if depth <= 64:
        return 4 * (width // 3) + min(4, 2 * (width % 3))
    return ceil(depth / 64) * 4 * ceil(width / 3)
