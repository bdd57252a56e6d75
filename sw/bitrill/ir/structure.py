"""What a unit is made of: the counts that its resources are a sum over.

Two lists of named counts, of what takes LUTs and of what takes flip-flops; how many of them one
such thing takes is fitted, see `bitrill.resources.estimate`. `bitrill.resources.structures` counts
for every kind of operator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

import numpy as np

Counts = dict[str, float]

DEEP_BITS, DEEP = 4096, 64
"""A memory that is written lies in block memory past both, as `bitrill_hw.pipeline.fifo` has it."""

ALONE = 4
"""Words past which a table is a module by itself while LUTs are mapped: see
`bitrill_hw.memories.roms`."""

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
    """``lcs``, ``ff``: counts of what takes LUTs and flip-flops; ``bram18``: halves of RAMB36, of
    which ``block_bits`` hold something."""

    lcs: Counts = field(default_factory=lambda: {"one": 1.0})
    ff: Counts = field(default_factory=lambda: {"one": 1.0})
    bram18: int = 0
    dsp: int = 0
    block_bits: int = 0

    def luts(self, **counts: float) -> None:
        for name, n in counts.items():
            self.lcs[name] = self.lcs.get(name, 0.0) + n

    def flops(self, **counts: float) -> None:
        for name, n in counts.items():
            self.ff[name] = self.ff.get(name, 0.0) + n

    def blocks(self, halves: int, bits: int) -> None:
        """Halves of RAMB36 that hold so many bits."""
        self.bram18 += halves
        self.block_bits += bits

    def rom(
        self, depth: int, width: int, *, memory: str = "distributed", different: float | None = None
    ) -> None:
        """A table with a register behind it; distributed ones become logic. ``different``: of its
        bits, those that are not the same in all words or as another; expected where not told."""
        if depth <= 1 or different == 0:
            return
        if memory == "block":
            self.blocks(block_halves(depth, width), depth * width)
            return
        different = distinct(depth, width) if different is None else different
        self.flops(held=different)
        if depth > ALONE:
            self.luts(table=different * table_luts(depth))
        elif depth > 2:
            self.luts(rom=different / 2)

    def ram(self, depth: int, width: int, *, block: bool) -> None:
        """A memory that is written and read every cycle; the register behind it not counted."""
        if block:
            self.blocks(block_halves(depth, width), depth * width)
        else:
            self.luts(ram=ram_luts(depth, width), choose=width * (ceil(depth / 64) - 1))

    def counters(self, *sizes: int) -> None:
        """Counters of so many values each."""
        bits = sum(bits_for(n) for n in sizes if n > 1)
        self.luts(count=bits, counters=sum(n > 1 for n in sizes))
        self.flops(held=bits)


def bits_for(n: int) -> int:
    """Bits of ``0 .. n - 1``."""
    return (n - 1).bit_length()


def is_deep(depth: int, width: int) -> bool:
    """Whether a written memory lies in block memory."""
    return depth > DEEP and depth * width > DEEP_BITS


def block_halves(depth: int, width: int) -> int:
    """Halves of RAMB36 of a memory with a read and a write port: the cheapest of all shapes."""
    return min(n * ceil(depth / words) * ceil(width / bits) for n, words, bits in _SHAPES)


def distinct(depth: int, width: int) -> float:
    """Expected number of different bits of ``width`` random ones over ``depth`` words."""
    if depth > 32:
        return width
    kinds = 2.0**depth
    return kinds * (1 - (1 - 1 / kinds) ** width)


def different_bits(codes: np.ndarray, bits: int) -> int:
    """Of the bits of words of ``codes [words, fields]``, ``bits`` each, how many are neither the
    same in all words nor the same as another: what is left of a table."""
    planes = (codes.T[:, None, :] >> np.arange(bits)[:, None] & 1).astype(bool)
    planes = planes.reshape(-1, len(codes))
    planes = planes[(planes != planes[:, :1]).any(1)]
    return len({row.tobytes() for row in np.packbits(planes, axis=1)})


def table_luts(depth: int) -> float:
    """LUTs of one bit of a table by itself: half of one up to 32 words, one of 64 words each, up
    to 256 of which the multiplexers behind the LUTs join, three as if there were four; past that
    Yosys takes a third more."""
    if depth <= 32:
        return 0.5
    if 128 < depth <= 256:
        return 4
    return ceil(depth / 64) * (1.35 if depth > 256 else 1)


def ram_luts(depth: int, width: int) -> float:
    """LUTs of a distributed memory of one write and one read port."""
    if depth <= 32:
        return 4 * (width // 6) + min(4, 2 * (width % 6))
    if depth <= 64:
        return 4 * (width // 3) + min(4, 2 * (width % 3))
    return ceil(depth / 64) * 4 * ceil(width / 3)
