"""Describes a family of small parts to the open tools; each family is a module like `SmallFamily`.

Yosys synthesises the design, nextpnr places and routes it, a packer writes the bitstream. All their
files are in one folder.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Protocol

from bitrill.programs import Program

from ..board import Board, Pins


@dataclass(frozen=True)
class Pll:
    """A setting of a family's PLL cell that makes exactly ``mhz``.

    ``source``, ``output``, ``locked``: ports of clock in, clock out and lock; ``constants``: values
    of other inputs; ``joined``: inputs that are fed by outputs of the cell (feedback).
    """

    mhz: Fraction
    vco_mhz: Fraction
    cell: str
    parameters: Mapping[str, int | str]
    source: str
    output: str
    locked: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, int] = field(default_factory=dict)
    joined: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """The tools' arguments for a board.

    ``synth``: Yosys' command, without ``-top``; ``pads``: commands after it, on the flat netlist;
    ``constraints``: files of pins and clocks, of ports clk, rx, tx and those held high; ``place``:
    nextpnr's options for part and constraints; ``routed``: option and file of what it writes for
    the packer; ``pack``: the packer's arguments, which name that file and ``bitstream``.
    """

    synth: str
    constraints: Mapping[str, str]
    place: tuple[str, ...]
    routed: tuple[str, str]
    pack: tuple[str, ...]
    bitstream: str
    pads: str = ""


class SmallFamily(Protocol):
    """A module of `bitrill_boards.families` for small parts."""

    NEXTPNR: Program
    PACKER: Program
    CELLS: Mapping[str, tuple[str, ...]]
    """Names of cells in nextpnr's report, by resource (lut, ff, bram, dsp), to be summed up.

    A resource that the report does not count is left out.
    """

    def target(self, board: Board, pins: Pins) -> Target:
        """Return the tools' arguments for a board; raise `SpecError` for a part unknown to them."""
        ...

    def plls(self, board: Board, pins: Pins) -> Iterator[Pll]:
        """Yield all PLL settings for the board's crystal within the limits of the data sheet.

        The best setting of each frequency comes first.
        """
        ...


def ordered(pfd: Fraction, vco_mhz: tuple[int, int]) -> Iterator[tuple[int, Fraction]]:
    """Yield ``(times, vco)`` for each VCO rate within its limits; middle rates come first."""
    middle = Fraction(sum(vco_mhz), 2)
    every = range(ceil(vco_mhz[0] / pfd), floor(vco_mhz[1] / pfd) + 1)
    for times in sorted(every, key=lambda n: abs(n * pfd - middle)):
        yield times, times * pfd


def mhz_text(mhz: float) -> str:
    """Write a rate as the shortest decimal that is the same number."""
    return f"{mhz:g}" if float(f"{mhz:g}") == mhz else repr(mhz)
