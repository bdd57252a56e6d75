"""What the open tools are told of a family of small parts: `Family`, one module each.

Yosys reads the design, ``synth`` maps it, nextpnr places and routes it, a packer writes the
bitstream. All files have names of their own in one folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Protocol

from ..board import Board, Pins


@dataclass(frozen=True)
class Program:
    """A tool: its ``name`` where it is installed natively, the ``package`` that carries it (of
    `bitrill.requirements`), and Python that runs it there on ``sys.argv[1:]``."""

    name: str
    package: str
    start: str

    @staticmethod
    def yowasp(name: str, package: str) -> Program:
        """One of YoWASP's, by its native name (``ecppack``) and package (``yowasp-..``)."""
        run = f"run_{name.replace('-', '_')}"
        module = package.replace("-", "_")
        start = f"import sys; from {module} import {run}; sys.exit({run}(sys.argv[1:]))"
        return Program(name, package, start)


@dataclass(frozen=True)
class Pll:
    """One setting of a family's PLL: a cell whose output is ``mhz``, exactly.

    ``source``, ``output``, ``locked``: ports of clock in, clock out and lock; ``constants``: other
    inputs and what they are held at; ``joined``: inputs and the outputs that feed them (feedback).
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
    """A board, as the tools are told of it.

    ``synth``: Yosys' command, without ``-top``; ``pads``: commands behind it, on the flat netlist;
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


class Family(Protocol):
    """A module of `bitrill_boards.families` for small parts."""

    NEXTPNR: Program
    PACKER: Program
    CELLS: Mapping[str, tuple[str, ...]]
    """Of the resources lut, ff, bram and dsp: names of cells in nextpnr's report, summed up.
    (A resource that the report does not count apart is left out.)"""

    def target(self, board: Board, pins: Pins) -> Target:
        """Raises `SpecError` for a part or a package that the tools do not know: the key ``part``
        and what is accepted."""
        ...

    def plls(self, board: Board, pins: Pins) -> Iterator[Pll]:
        """All settings for the board's crystal within the limits of the data sheet; of those of
        one frequency the best one first."""
        ...


def ordered(pfd: Fraction, vco_mhz: tuple[int, int]) -> Iterator[tuple[int, Fraction]]:
    """``(times, vco)`` of each VCO within its limits, those amid them first."""
    middle = Fraction(sum(vco_mhz), 2)
    every = range(ceil(vco_mhz[0] / pfd), floor(vco_mhz[1] / pfd) + 1)
    for times in sorted(every, key=lambda n: abs(n * pfd - middle)):
        yield times, times * pfd


def mhz_text(mhz: float) -> str:
    """Of a constraint: the shortest decimal that is the same number."""
    return f"{mhz:g}" if float(f"{mhz:g}") == mhz else repr(mhz)
