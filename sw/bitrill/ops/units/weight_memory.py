"""The weight memory of units that do not multiply in LUTs, as counts for the resource model."""

from ...ir import Structure
from ...parts.memories import spilled
from .base import MatrixLike


def add_weights(s: Structure, op: MatrixLike, depth: int, width: int, *, fills: bool) -> None:
    """Count a memory of ``depth`` words and the register behind it.

    ``fills``: it is block memory that leaves the bits that would hardly fill a block to logic.
    """
    if fills:
        rest = spilled(depth, width)
        s.rom(depth, width - rest, block=True)
        s.rom(depth, rest)
    else:
        s.rom(depth, width, block=op.folded.in_block)
    if op.read_stages > 1:
        s.flops(held=width)
