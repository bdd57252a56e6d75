"""A design that is too large or too slow for a small board: what lacks, and what would do."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import TypeAlias

from bitrill.errors import FitError, TimingError

from ..board import SHARES, Board, every
from . import pll_choice

Used: TypeAlias = Mapping[str, tuple[int, int]]
"""``{resource: (used, available)}``"""

CROWDED = (
    "utilisation limit",
    "no BELs remaining",
    "Unable to place",
    "Unable to find",
    "it ran for",
)
"""What is said of a design that may be within the counts, and finds no place or no end."""

CROWD = 0.85
"""Share of a resource from which on such an error is one of size."""

MOST_NAMES = 3

DEEPER = Fraction(5, 4)
"""Of the clock: what to compile for where a design was too slow."""


def fit_error(name: str, board: Board, used: Used, said: str = "") -> FitError | None:
    """Network ``name`` on ``board``; None where size is not what failed. ``said``: nextpnr's own
    error, if it gave one."""
    most = CROWD if any(words in said for words in CROWDED) else 1
    over = {r: (n, have) for r, (n, have) in used.items() if n > most * have}
    if not over:
        return None
    lacks = "; ".join(
        f"{r} {n:,} of {have:,} ({100 * n / (have or 1):.0f} %)" for r, (n, have) in over.items()
    )
    fits = larger(board, used)
    where = f"build for {' or '.join(fits)}" if fits else "no board that is known is large enough"
    return FitError(
        f"{name} with its shell does not fit {board.name}: {lacks}; compile with fewer PE and SIMD"
        f" (a lower --fps), or {where}",
        used=dict(used),
        over=list(over),
        fits=fits,
    )


def larger(board: Board, used: Used) -> list[str]:
    """Boards that have room for all that is used: those of its own toolchain first, small ones
    first."""
    found = [
        b
        for b in every()
        if b.name != board.name
        and all(
            _amount(b, r) >= n * (board.resources.bram_kbit if r == "bram" else 1)
            for r, (n, _) in used.items()
            if r in SHARES
        )
    ]
    found.sort(key=lambda b: (b.toolchains[0] != board.toolchains[0], b.resources.lut))
    return [b.name for b in found[:MOST_NAMES]]


def _amount(board: Board, resource: str) -> int:
    """What a design may use of it; block memory in kbit."""
    unit = board.resources.bram_kbit if resource == "bram" else 1
    return board.usable(resource) * unit


def timing_error(
    name: str,
    board: Board,
    clock_mhz: Fraction,
    fmax_mhz: float,
    slower: Fraction | None,
    used: Used,
) -> TimingError | None:
    """None where the clock is met; ``slower``: the clock next below what was reached."""
    if fmax_mhz >= clock_mhz:
        return None
    wanted, deeper = pll_choice.text(clock_mhz), ceil(DEEPER * clock_mhz)
    lower = "" if slower is None else f"a lower --clock-mhz ({pll_choice.text(slower)}), "
    return TimingError(
        f"{name} runs at {fmax_mhz:.1f} MHz at most on {board.name}, not at {wanted} MHz: build"
        f" with {lower}another --seed, or compile again with --board {board.name} --clock-mhz"
        f" {deeper} (deeper pipelines)",
        fmax_mhz=fmax_mhz,
        clock_mhz=float(clock_mhz),
        used=dict(used),
    )
