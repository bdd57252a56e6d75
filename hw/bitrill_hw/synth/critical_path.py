"""The worst path through cells, read from the report of Yosys' ``sta``, in the Verilog's names."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bitrill.errors import ToolError

from .cell_counts import FLOPS, LUTS, MEMORY_LUTS
from .yosys_json import Bit, NetlistModule

NOTE = "cell delay, no routing"

_TOTAL = re.compile(r"Latest arrival time in '.*' is (\d+):")
_END = re.compile(r" +\d+ (?:(\S+) \(\w+\.(\w+)\)|\(<(?:unknown|primary output)>\))")
_CELL = re.compile(r" +(\d+) \S+ \((\w+)\.(\w+)->(\w+)\)")
_INPUT = re.compile(r" +\d+   (.+) \(<primary input>\)")


@dataclass(frozen=True)
class CellPath:
    """The worst path: ``ns`` of cell delay and set-up time, without any routing.

    ``levels``: LUTs on it (an asynchronous read of distributed RAM is one); ``start``, ``end``:
    registers, memories or ports at its ends, by their names in the Verilog; ``cells``: type of each
    cell on it.
    """

    ns: float
    levels: int
    start: str
    end: str
    cells: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "ns": self.ns,
            "levels": self.levels,
            "start": self.start,
            "end": self.end,
            "cells": list(self.cells),
            "note": NOTE,
        }


def worst_path(report: str, module: NetlistModule) -> CellPath | None:
    """Read the path that ``sta`` printed for ``module``; None where it found none."""
    lines = iter(report.splitlines())
    picoseconds = next((int(m[1]) for m in map(_TOTAL.match, lines) if m), None)
    if picoseconds is None:
        if "No timing paths found" in report:
            return None
        raise ToolError("Yosys' sta must print the latest arrival time, and did not")
    names = _Names(module)
    end = _END.match(next(lines, ""))
    if end is None:
        raise ToolError("Yosys' sta must print where the path ends, and did not")
    steps = list(_steps(lines))
    if not steps:
        raise ToolError("Yosys' sta must print the cells of the path, and did not")
    last, first = steps[0], steps[-1]
    clocked = first.arc == "C->Q" or first.arc.startswith(("CLK", "WCLK"))
    combinational = steps[:-1] if clocked else steps
    return CellPath(
        ns=picoseconds / 1000,
        levels=sum(s.type in LUTS or s.type in MEMORY_LUTS for s in combinational),
        start=names.public(first.signal) if clocked else first.source,
        end=names.cell(end[1]) if end[1] else names.sink(last.signal),
        cells=tuple(s.type for s in reversed(steps)),
    )


@dataclass(frozen=True)
class _Step:
    type: str
    arc: str
    signal: str
    source: str


def _steps(lines: Iterator[str]) -> Iterator[_Step]:
    """Read the path's cells from its end to its start, each with the signal that it drives."""
    signal = ""
    cells: list[tuple[str, str, str]] = []
    start = ""
    for line in lines:
        if line.startswith("Warning:"):
            continue
        if cell := _CELL.match(line):
            cells.append((cell[2], f"{cell[3]}->{cell[4]}", signal))
        elif port := _INPUT.match(line):
            start = _plain(port[1])
            break
        elif not line.strip():
            break
        else:
            signal = line.strip()
    for type_, arc, driven in cells:
        yield _Step(type_, arc, driven, start)


def _plain(signal: str) -> str:
    return re.sub(r" \[", "[", signal).removeprefix("\\")


class _Names:
    """Finds the registers, memories and ports of the Verilog by the report's signals."""

    def __init__(self, module: NetlistModule):
        self.module = module

    @cached_property
    def _bits(self) -> dict[str, Bit]:
        """Net of each ``name`` or ``name[i]``."""
        bits: dict[str, Bit] = {}
        for name, net in self.module.get("netnames", {}).items():
            for i, bit in enumerate(net["bits"]):
                index = i + net.get("offset", 0)
                bits[name if len(net["bits"]) == 1 else f"{name}[{index}]"] = bit
        return bits

    @cached_property
    def _public(self) -> dict[Bit, str]:
        """Shortest name in the Verilog of each net that has one."""
        public: dict[Bit, str] = {}
        for name, bit in sorted(self._bits.items(), key=lambda item: (len(item[0]), item[0])):
            if not name.startswith("$"):
                public.setdefault(bit, name)
        return public

    @cached_property
    def _sinks(self) -> dict[Bit, list[str]]:
        """Clocked cells that each net enters."""
        sinks: dict[Bit, list[str]] = defaultdict(list)
        for name, cell in self.module["cells"].items():
            if not cell["type"].startswith(("INV", "LUT", "CARRY", "MUXF", "$")):
                for bits in cell["connections"].values():
                    for bit in bits:
                        sinks[bit].append(name)
        return sinks

    def public(self, signal: str) -> str:
        name = _plain(signal)
        return self._public.get(self._bits.get(name, -1), name)

    def cell(self, name: str) -> str:
        """Return the signal that a register holds, or another cell's own name."""
        cell = self.module["cells"].get(name.removeprefix("\\"))
        if cell is not None and cell["type"] in FLOPS:
            return self._public.get(cell["connections"]["Q"][0], name)
        return _plain(name)

    def sink(self, signal: str) -> str:
        """Return the register, memory or port that a signal enters."""
        bit = self._bits.get(_plain(signal), -1)
        return min(map(self.cell, self._sinks[bit]), default=self.public(signal))
