"""Counts the weight memory of bit-serial and DSP units for the resource model."""

from __future__ import annotations

from ...ir.structure import Structure
from ...parts.memories import spilled
from .base import MatrixLike


def add_weights(s: Structure, op: MatrixLike, depth: int, width: int, *, fills: bool) -> None:
    """Count a memory of ``depth`` words and the register behind it.

    ``fills``: bits that would hardly fill another block memory lie in logic instead.
    """
    if fills:
        rest = spilled(depth, width)
        s.rom(depth, width - rest, block=True)
        s.rom(depth, rest)
    else:
        s.rom(depth, width, block=op.folded.in_block)
    if op.read_stages > 1:
        s.flops(held=width)
