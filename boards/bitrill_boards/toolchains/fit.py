"""Errors for a design that is too large or too slow for its board, with what would help."""

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
"""Parts of nextpnr's errors about a design that cannot be placed, though the counts may suffice."""

CROWD = 0.85
"""Share of a used resource above which such an error is taken as one of size."""

MOST_NAMES = 3

DEEPER = Fraction(5, 4)
"""Factor of the clock to compile for where a design was too slow."""


def fit_error(name: str, board: Board, used: Used, said: str = "") -> FitError | None:
    """Return the error for network ``name`` on ``board``; None if it is not too large.

    ``used`` includes the board's shell, the logic around the network. ``said``: nextpnr's own
    error message, if any.
    """
    most = CROWD if any(words in said for words in CROWDED) else 1
    over = {r: (n, have) for r, (n, have) in used.items() if n > most * have}
    if not over:
        return None
    missing = "; ".join(
        f"{r} {n:,} of {have:,} ({100 * n / (have or 1):.0f} %)" for r, (n, have) in over.items()
    )
    fits = larger(board, used)
    where = f"build for {' or '.join(fits)}" if fits else "no known board is large enough"
    return FitError(
        f"{name} with its shell does not fit {board.name}: {missing}; compile with fewer PE and"
        f" SIMD (a lower --fps), or {where}",
        used=dict(used),
        over=list(over),
        fits=fits,
    )


def larger(board: Board, used: Used) -> list[str]:
    """Return boards that are large enough: those of the same toolchain first, then by size."""
    boards = [
        b
        for b in every()
        if b.name != board.name
        and all(
            b.usable(r) * _unit(b, r) >= n * _unit(board, r)
            for r, (n, _) in used.items()
            if r in SHARES
        )
    ]
    boards.sort(key=lambda b: (b.toolchains[0] != board.toolchains[0], b.resources.lut))
    return [b.name for b in boards[:MOST_NAMES]]


def _unit(board: Board, resource: str) -> int:
    """Return the unit in which boards are compared: kbit of a block memory, 1 for the others."""
    return board.resources.bram_kbit if resource == "bram" else 1


def timing_error(
    name: str,
    board: Board,
    clock_mhz: Fraction,
    fmax_mhz: float,
    slower: Fraction | None,
    used: Used,
) -> TimingError | None:
    """Return the error for a missed clock; None if it is met.

    ``slower``: the highest clock setting below ``fmax_mhz``, if any.
    """
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
