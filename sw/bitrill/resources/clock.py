"""Logic levels: how many LUTs may stand between two registers at a clock, by family of the part.

    period >= BESIDE + levels * LEVEL

in ns: a level is a LUT and the wire behind it; beside them stand the clock's way out of a register
and into the next, and the longest wire of the stall logic. Set from placed and routed networks
(`benchmarks/clock.py`) for the families of four-input LUTs. For the 7 series, which no tool here
places, LUTs and registers of the slowest speed grade (Xilinx DS187), with wires thrice as long.
"""

from __future__ import annotations

from ..ir.operator import Primitives

MOST = 3
"""Levels at slow clocks: more would save few registers."""

USUAL = 2
"""Levels where no clock is asked for."""

NS: dict[Primitives, tuple[float, float]] = {
    "portable": (2.0, 1.0),
    "xc7": (2.0, 1.0),
    "ecp5": (2.6, 1.9),
    "ice40": (4.0, 2.2),
    "gowin": (3.0, 2.0),
}
"""``(BESIDE, LEVEL)`` of each family."""


def levels_at(clock_mhz: float | None, primitives: Primitives) -> int:
    """The most levels, 1 to `MOST`, that leave room for the clock; 1 where none does."""
    if clock_mhz is None:
        return USUAL
    beside, level = NS[primitives]
    return max(1, min(MOST, int((1000 / clock_mhz - beside) / level)))


def clock_at(levels: int, primitives: Primitives) -> float:
    """The clock in MHz that so many levels leave room for."""
    beside, level = NS[primitives]
    return 1000 / (beside + levels * level)
