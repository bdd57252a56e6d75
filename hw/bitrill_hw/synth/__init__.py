"""Synthesis for xc7 with Yosys: resources in all and per layer, and the worst cell-delay path."""

from bitrill.plan.parts import DEFAULT_PART, Part, devices, part_of

from .cells import KEYS, Resources, count
from .path import CellPath
from .report import SynthReport
from .synthesis import synthesise, synthesise_verilog

__all__ = [
    "DEFAULT_PART", "KEYS", "CellPath", "Part", "Resources", "SynthReport", "count", "devices",
    "part_of", "synthesise", "synthesise_verilog",
]  # fmt: skip
