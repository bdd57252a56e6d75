"""Chooses the PLL setting of a small board that makes exactly the clock asked for."""

from collections.abc import Iterable
from fractions import Fraction

from bitrill.errors import SpecError

from ..board import Board, Pins
from ..families.small import Pll, SmallFamily


def pll_for(family: SmallFamily, board: Board, pins: Pins, mhz: Fraction) -> Pll | None:
    """Return the setting that makes ``mhz``; None if that is the crystal's own rate.

    Raises `SpecError` if no setting makes it; the message names the nearest clocks.
    """
    crystal = Fraction(str(board.crystal_mhz))
    if mhz == crystal:
        return None
    made = {crystal}
    for pll in family.plls(board, pins):
        if pll.mhz == mhz:
            return pll
        made.add(pll.mhz)
    near = " and ".join(map(text, nearest(made, mhz)))
    raise SpecError(
        f"the clock must be one that {board.name} makes from its {text(crystal)} MHz, not"
        f" {text(mhz)} MHz (nearest: {near})"
    )


def below(family: SmallFamily, board: Board, pins: Pins, mhz: float) -> Fraction | None:
    """Return the fastest clock at or below ``mhz``; a short decimal is preferred."""
    made = {Fraction(str(board.crystal_mhz)), *(p.mhz for p in family.plls(board, pins))}
    return max((m for m in made if m <= mhz), key=lambda m: ("/" not in text(m), m), default=None)


def nearest(made: Iterable[Fraction], mhz: Fraction) -> list[Fraction]:
    """Return the nearest rate below and the nearest rate above, if they exist."""
    known = sorted(made)
    return [*[m for m in known if m < mhz][-1:], *[m for m in known if m > mhz][:1]]


def text(mhz: Fraction) -> str:
    """Write a rate as ``--clock-mhz`` accepts it: a short exact decimal, else a fraction."""
    short = f"{float(mhz):g}"
    return short if Fraction(short) == mhz else str(mhz)
