"""Logic levels: how many LUTs may stand between two registers at a clock, by family of the part.

    period >= beside_ns + levels * level_ns

A level is a LUT and the wire behind it; beside them stand the clock's way out of a register
and into the next, and the longest wire of the stall logic. Set from placed and routed networks
(`benchmarks/clock.py`) for the families of four-input LUTs. For the 7 series, which no tool here
places, LUTs and registers of the slowest speed grade (Xilinx DS187), with wires thrice as long.
"""

from ..ir import Primitives
from ..parts.families import family_of

MOST = 3
"""Levels at slow clocks; further ones would save few registers."""

USUAL = 2
"""Levels that are taken if no clock is asked for."""


def levels_at(clock_mhz: float | None, primitives: Primitives) -> int:
    """Return the most levels, 1 to `MOST`, that leave room for the clock; 1 where none does."""
    if clock_mhz is None:
        return USUAL
    family = family_of(primitives)
    return max(1, min(MOST, int((1000 / clock_mhz - family.beside_ns) / family.level_ns)))
