"""What both families of Zynq have: a processing system with ports to the fabric, and its clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from bitrill.errors import SpecError

from ..board import Board
from ..driver import zynq_clocks
from ..driver.zynq_clocks import Divided

NEAR = 1 + Fraction(1, 10_000)
"""A clock may be faster than asked for by this: 142.857 MHz is meant to be 1000/7."""


@dataclass(frozen=True)
class Processing:
    """A processing system's block, in Vivado's names, and what device trees say of it.

    ``automation``: options of its rule in block designs. ``control`` is the master port whose
    addresses reach the registers, ``memory`` the slave port to DDR, ``port_clocks`` are their clock
    pins; ``config(clock)`` sets them up, ``bare(crystal)`` is added where no preset of a board is;
    ``actual``: property that holds the clock that is made. ``segments``: what is behind ``memory``,
    ``ddr`` those of it that are DDR. ``address``: bits of a memory address. Device trees:
    ``interrupt_parent``, ``interrupt_spi``, ``clock_cell`` and ``cells`` of an address.
    ``pll_mhz``: of the PLL of I/O, where a board's file says nothing.
    """

    ip: str
    automation: tuple[str, ...]
    control: str
    memory: str
    port_clocks: tuple[str, str]
    clock: str
    reset: str
    interrupt: str
    segments: str
    ddr: tuple[str, ...]
    actual: str
    config: Callable[[Divided], Mapping[str, str]]
    bare: Callable[[Fraction], Mapping[str, str]]
    address: int
    interrupt_parent: str
    interrupt_spi: int
    clock_cell: tuple[str, int]
    pll_mhz: int
    cells: int

    def pll(self, board: Board) -> Fraction:
        """MHz of the PLL that the clock comes from: the multiple of the board's crystal that is
        nearest to what the board says, or to what is usual."""
        crystal = zynq_clocks.crystal(board.crystal_mhz)
        usual = Fraction(self.pll_mhz)
        wanted = usual if board.pll_mhz is None else zynq_clocks.crystal(board.pll_mhz)
        return crystal * max(1, round(wanted / crystal))

    def below(self, board: Board, asked: Fraction) -> Divided:
        """The fastest clock that is made and not above ``asked``, give or take decimals that
        people leave out."""
        _running(board, asked)
        return zynq_clocks.divide(self.pll(board), asked * NEAR)

    def exactly(self, board: Board, asked: Fraction) -> Divided:
        """The divisors of a clock; raises `SpecError` where the PLL does not make it."""
        _running(board, asked)
        pll = self.pll(board)
        under = zynq_clocks.divide(pll, asked)
        if under.mhz == asked:
            return under
        over = zynq_clocks.above(pll, asked)
        raise SpecError(
            f"clock of {board.name} must be one that its PLL makes ({told(pll)} MHz, divided), not"
            f" {told(asked)} MHz: nearest are {told(under.mhz)} and {told(over.mhz)} MHz"
        )


def _running(board: Board, mhz: Fraction) -> None:
    if mhz <= 0:
        raise SpecError(f"clock of {board.name} must be above 0 MHz, not {mhz}")


def told(mhz: Fraction) -> str:
    """A rate in decimals, at most six, never more than it is."""
    whole, rest = divmod(mhz.numerator * 1_000_000 // mhz.denominator, 1_000_000)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


__all__ = ["Processing", "told"]
