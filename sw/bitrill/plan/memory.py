"""Where tables of constants lie: in logic, or in block memory, and how full the blocks are."""

from __future__ import annotations

from .structure import ALONE, block_halves, table_luts

LUTS_OF_HALF = 190
"""LUTs that the 7 series have for each half of a RAMB36 (xc7z020: 53,200 and 280): a table that
takes more of them in logic goes to block memory (`benchmarks/memories.py`)."""


def logic_luts(depth: int, width: int) -> float:
    """LUTs of a table of random bits in logic."""
    return width * table_luts(depth) if depth > ALONE else width / 2 if depth > 2 else 0


def worth_block(depth: int, width: int) -> bool:
    """Whether a table of constants costs less in block memory than in logic."""
    return depth > 1 and logic_luts(depth, width) > LUTS_OF_HALF * block_halves(depth, width)
