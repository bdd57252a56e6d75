"""Processing systems of both Zynq families: their ports to the programmable logic, and its clock.

The families differ only in names and numbers, which are in ``zynq.toml``.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from bitrill.errors import SpecError

from ..board import Board
from ..driver import zynq_clocks
from ..driver.zynq_clocks import Divided

NEAR = 1 + Fraction(1, 10_000)
"""How much faster than asked for a clock may be, relatively: 142.857 MHz means 1000/7."""


@dataclass(frozen=True)
class Processing:
    """A family's processing system, with its names in Vivado and in Linux' device trees.

    Vivado: ``ip``, its block; ``automation``, options of the block's rule; ``control``, the master
    port that reaches the registers; ``memory``, the slave port to DDR; ``port_clocks``, their clock
    pins; ``clock``, ``reset`` and ``interrupt``, pins; ``segments``, address segments of
    ``memory``; ``ddr``, those of them that are DDR. ``config``: the block's properties;
    ``clock_key``, ``actual_key`` and ``crystal_key``: properties for the clock asked for, the
    actual clock, and the crystal's.

    Device trees: ``interrupt_parent``, ``interrupt_spi``, ``clock_cell``, ``cells`` of an address.
    ``address``: bits of a memory address. ``pll_mhz``: rate of a board's I/O PLL, unless its file
    states another one.
    """

    ip: str
    automation: tuple[str, ...]
    control: str
    memory: str
    port_clocks: tuple[str, ...]
    clock: str
    reset: str
    interrupt: str
    segments: str
    ddr: tuple[str, ...]
    config: Mapping[str, str]
    clock_key: str
    actual_key: str
    crystal_key: str
    address: int
    interrupt_parent: str
    interrupt_spi: int
    clock_cell: tuple[str, int]
    pll_mhz: int
    cells: int

    def properties(self, made: Divided) -> dict[str, str]:
        """Return the block's properties for a clock."""
        return {**self.config, self.clock_key: decimals(made.mhz)}

    def pll(self, board: Board) -> Fraction:
        """Return the rate in MHz of the PLL that makes the clock.

        It is the multiple of the board's crystal that is nearest to the stated rate.
        """
        crystal = zynq_clocks.crystal(board.crystal_mhz)
        stated = self.pll_mhz if board.pll_mhz is None else zynq_clocks.crystal(board.pll_mhz)
        return crystal * max(1, round(stated / crystal))

    def below(self, board: Board, asked: Fraction) -> Divided:
        """Return the fastest clock that is not above ``asked``, which may be rounded."""
        _require_running(board, asked)
        return zynq_clocks.divide(self.pll(board), asked * NEAR)

    def exactly(self, board: Board, asked: Fraction) -> Divided:
        """Return the divisors of a clock; raise `SpecError` if the PLL cannot make it."""
        _require_running(board, asked)
        pll = self.pll(board)
        under = zynq_clocks.divide(pll, asked)
        if under.mhz == asked:
            return under
        over = zynq_clocks.above(pll, asked)
        raise SpecError(
            f"clock of {board.name} must be one that its PLL makes ({decimals(pll)} MHz, divided),"
            f" not {decimals(asked)} MHz: nearest are {decimals(under.mhz)} and"
            f" {decimals(over.mhz)} MHz"
        )


@cache
def families() -> dict[str, Processing]:
    """Return the processing system of each Zynq family, by the family's name."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {family: _processing(table) for family, table in tables.items()}


def _processing(table: Mapping[str, object]) -> Processing:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return Processing(**values)


def _require_running(board: Board, mhz: Fraction) -> None:
    if mhz <= 0:
        raise SpecError(f"clock of {board.name} must be above 0 MHz, not {mhz}")


def decimals(mhz: Fraction) -> str:
    """Write a rate with at most six decimals, rounded down."""
    whole, rest = divmod(mhz.numerator * 1_000_000 // mhz.denominator, 1_000_000)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")
