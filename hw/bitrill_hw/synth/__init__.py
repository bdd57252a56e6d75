"""Synthesis for xc7 with Yosys: resources in all and per layer, and the worst cell-delay path."""

from bitrill.parts.devices import DEFAULT_PART, Part, devices, part_of

from .cell_counts import KEYS, CellCounts, count
from .critical_path import CellPath
from .synthesis import synthesise, synthesise_verilog
from .utilization import SynthReport

__all__ = [
    "DEFAULT_PART",
    "KEYS",
    "CellCounts",
    "CellPath",
    "Part",
    "SynthReport",
    "count",
    "devices",
    "part_of",
    "synthesise",
    "synthesise_verilog",
]
