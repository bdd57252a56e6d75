"""Synthesis with Yosys: cells of the design and of each layer, and the worst path."""

from bitrill.parts.devices import DEFAULT_PART, Part, devices, part_of

from .cell_counts import KEYS, CellCounts, Counts, count
from .cell_families import CELL_FAMILIES, CellFamily
from .critical_path import CellPath
from .synthesis import synthesise, synthesise_verilog
from .utilization import SynthReport

__all__ = [
    "CELL_FAMILIES",
    "DEFAULT_PART",
    "KEYS",
    "CellCounts",
    "CellFamily",
    "CellPath",
    "Counts",
    "Part",
    "SynthReport",
    "count",
    "devices",
    "part_of",
    "synthesise",
    "synthesise_verilog",
]
