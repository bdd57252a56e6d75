"""The longest path through cells, from the report of Yosys' ``sta`` and the netlist's names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bitrill.errors import ToolError

from .cell_counts import FLOPS, LUTS, MEMORY_LUTS

NOTE = "cell delay, no routing"

_TOTAL = re.compile(r"Latest arrival time in '.*' is (\d+):")
_END = re.compile(r" +\d+ (?:(\S+) \(\w+\.(\w+)\)|\(<(?:unknown|primary output)>\))")
_CELL = re.compile(r" +(\d+) \S+ \((\w+)\.(\w+)->(\w+)\)")
_INPUT = re.compile(r" +\d+   (.+) \(<primary input>\)")


@dataclass(frozen=True)
class CellPath:
    """The worst path: ``ns`` of cell delay and set-up time, without any routing.

    ``levels``: LUTs on it (an asynchronous read of distributed RAM is one); ``start``, ``end``:
    the registers, memories or ports it joins, by their names in the Verilog; ``cells``: type of
    each cell on the way.
    """

    ns: float
    levels: int
    start: str
    end: str
    cells: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "ns": self.ns,
            "levels": self.levels,
            "start": self.start,
            "end": self.end,
            "cells": list(self.cells),
            "note": NOTE,
        }


def worst_path(report: str, module: Mapping[str, Any]) -> CellPath | None:
    """The path that ``sta`` printed for ``module`` of the netlist; None where there is none."""
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
    """The report's cells from the end to the start, each with the signal that it drives."""
    signal = ""
    found: list[tuple[str, str, str]] = []
    start = ""
    for line in lines:
        if line.startswith("Warning:"):
            continue
        if cell := _CELL.match(line):
            found.append((cell[2], f"{cell[3]}->{cell[4]}", signal))
        elif port := _INPUT.match(line):
            start = _plain(port[1])
            break
        elif not line.strip():
            break
        else:
            signal = line.strip()
    for type_, arc, driven in found:
        yield _Step(type_, arc, driven, start)


def _plain(signal: str) -> str:
    return re.sub(r" \[", "[", signal).removeprefix("\\")


class _Names:
    """From signals of the report to the names of registers, memories and ports."""

    def __init__(self, module: Mapping[str, Any]):
        self.module = module

    @cached_property
    def _bits(self) -> dict[str, int]:
        """Net of each ``name`` or ``name[i]``."""
        bits: dict[str, int] = {}
        for name, net in self.module["netnames"].items():
            for i, bit in enumerate(net["bits"]):
                index = i + net.get("offset", 0)
                bits[name if len(net["bits"]) == 1 else f"{name}[{index}]"] = bit
        return bits

    @cached_property
    def _public(self) -> dict[int, str]:
        """The shortest name from the Verilog of each net that has one."""
        public: dict[int, str] = {}
        for name, bit in sorted(self._bits.items(), key=lambda item: (len(item[0]), item[0])):
            if not name.startswith("$"):
                public.setdefault(bit, name)
        return public

    @cached_property
    def _sinks(self) -> dict[int, list[str]]:
        """Clocked cells that each net enters."""
        sinks: dict[int, list[str]] = defaultdict(list)
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
        """A register by the signal it holds, another cell by its own name."""
        cell = self.module["cells"].get(name.removeprefix("\\"))
        if cell is not None and cell["type"] in FLOPS:
            return self._public.get(cell["connections"]["Q"][0], name)
        return _plain(name)

    def sink(self, signal: str) -> str:
        """The register, memory or port that a signal enters."""
        bit = self._bits.get(_plain(signal), -1)
        return min(map(self.cell, self._sinks[bit]), default=self.public(signal))
