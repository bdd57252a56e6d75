"""Decides whether tables of constants lie in logic or in block memory, and counts the blocks."""

from functools import cache
from math import ceil
from typing import Literal

from ..ir.structure import ALONE, BLOCK_BITS, block_halves, table_luts

LUTS_OF_HALF = 190
"""LUTs that the 7 series have for each half of a RAMB36 (xc7z020: 53,200 and 280): a table that
takes more of them in logic goes to block memory (`benchmarks/memories.py`)."""

HALF_WIDTH = 36
"""Bits that half a RAMB36 gives each cycle, at most."""

HALF_BITS = 18432
"""Bits of half a RAMB36."""

BLOCK_DEPTH = 256
"""Words from which on a table of `BLOCK_DEPTH_BITS` goes to block memory, on 4-input LUTs."""

BLOCK_DEPTH_BITS = 2048

Place = Literal["distributed", "block", "shared"]
"""Logic; block memory; or two tables in one block memory, each behind a port of its own."""

_PORTS = ((1, 8192, 2), (1, 4096, 4), (1, 2048, 9), (1, 1024, 18), (2, 1024, 36), (2, 2048, 18))
"""Halves, words and bits of each shape that a block with two ports can have (Xilinx UG473)."""


def logic_luts(depth: int, width: int) -> float:
    """Return the LUTs of a table of random bits in logic."""
    return width * table_luts(depth) if depth > ALONE else width / 2 if depth > 2 else 0


def worth_block(depth: int, width: int) -> bool:
    """Return whether a table of constants costs less in block memory than in logic."""
    return depth > 1 and logic_luts(depth, width) > LUTS_OF_HALF * block_halves(depth, width)


def shared_halves(depth: int, width: int, *, same: bool = False) -> int:
    """Return the halves of RAMB36 of two tables in one memory, the second from its middle on.

    ``same``: both are the same table, read at two places at once.
    """
    words = depth if same else 2 << (depth - 1).bit_length()
    return min(n * ceil(words / w) * ceil(width / b) for n, w, b in _PORTS)


def place(depth: int, width: int, tables: int, *, same: bool = False) -> Place:
    """Return the place of ``tables`` tables of one size that may lie in block memory.

    Each is read every cycle.

    ``same``: they hold the same words.
    """
    both = shared_halves(depth, width, same=same)
    if tables > 1 and depth > 1 and both < 2 * block_halves(depth, width):
        worth = 2 * logic_luts(depth, width) > LUTS_OF_HALF * both
        return "shared" if worth else "distributed"
    return "block" if worth_block(depth, width) else "distributed"


def deep_enough(depth: int, bits: int) -> bool:
    """Return whether a table goes to block memory on parts with LUTs of four inputs."""
    return bits >= BLOCK_BITS or (depth >= BLOCK_DEPTH and bits >= BLOCK_DEPTH_BITS)


@cache
def spilled(depth: int, width: int) -> int:
    """Return the number of a word's bits that lie in logic although the table lies in block memory.

    They would take another half of a RAMB36 and hardly fill it.
    """
    return min(
        range(min(width, HALF_WIDTH)),
        key=lambda n: LUTS_OF_HALF * block_halves(depth, width - n) + logic_luts(depth, n),
    )


def halves(depth: int, width: int, tables: int, *, same: bool = False) -> int:
    """Return the halves of RAMB36 that ``tables`` tables of one size take, where `place` puts them.

    If an odd number of tables shares memories, the last one has its own.
    """
    where = place(depth, width, tables, same=same)
    if where == "distributed":
        return 0
    pairs, single = divmod(tables, 2) if where == "shared" else (0, tables)
    both = shared_halves(depth, width, same=same)
    return pairs * both + single * block_halves(depth, width)
