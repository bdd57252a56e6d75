"""Estimates how many logic levels may stand between two registers at a clock, for each family.

    period >= beside_ns + levels * level_ns

A level is a LUT and the wire behind it. ``beside_ns`` is for clock-to-output, setup, and the
longest wire of the stall logic. For families with four-input LUTs the figures come from placed and
routed networks (`benchmarks/clock.py`). For the 7 series, which no tool here places, they are LUTs
and registers of the slowest speed grade (Xilinx DS187), with wires three times as long.
"""

from ..ir import Primitives
from ..parts.families import family_of

MOST = 3
"""Most logic levels, for slow clocks; further ones would save few registers."""

USUAL = 2
"""Logic levels if no clock is asked for."""


def levels_at(clock_mhz: float | None, primitives: Primitives) -> int:
    """Return the most logic levels, 1 to `MOST`, that meet the clock; 1 if none does."""
    if clock_mhz is None:
        return USUAL
    family = family_of(primitives)
    return max(1, min(MOST, int((1000 / clock_mhz - family.beside_ns) / family.level_ns)))
