"""Families of FPGAs: what their cells offer, so that nobody else compares their names."""

from dataclasses import dataclass

from ..ir import Primitives


@dataclass(frozen=True)
class Family:
    """What parts with the same cells have in common.

    ``lut_inputs``: inputs of a LUT; ``cells``: whether arithmetic is built of the 7 series' LUTs
    and carry chains, which synthesis is given as cells; ``fills_blocks``: whether a table in block
    memory leaves bits in logic that would take another, hardly filled block (`memories.spilled`);
    ``block_register``: whether block memories are given as cells, for the register behind their
    outputs that synthesis does not infer; ``distributed_memory``: whether LUTs can be memory;
    ``enable_group``: registers that share one enable of their own, 0 where synthesis decides.
    ``beside_ns``, ``level_ns``: a clock period is at least their sum for one LUT between two
    registers, and ``level_ns`` more for each further one (`bitrill.resources.clock`).
    """

    name: Primitives
    lut_inputs: int
    beside_ns: float
    level_ns: float
    cells: bool = False
    fills_blocks: bool = False
    block_register: bool = False
    distributed_memory: bool = True
    enable_group: int = 0

    @property
    def four_inputs(self) -> bool:
        """Whether LUTs have four inputs, not six."""
        return self.lut_inputs == 4

    @property
    def portable(self) -> bool:
        """Whether designs are plain logic, for any part."""
        return self.name == "portable"


FAMILIES: dict[Primitives, Family] = {
    f.name: f
    for f in (
        Family("portable", 6, 2.0, 1.0, fills_blocks=True),
        Family("xc7", 6, 2.0, 1.0, cells=True, fills_blocks=True),
        # enables: few registers each where wires to them are plenty; more on iCE40, where a tile
        # of eight registers has one and it is hard to reach
        Family("ecp5", 4, 2.6, 1.9, block_register=True, enable_group=32),
        Family("ice40", 4, 4.0, 2.2, distributed_memory=False, enable_group=512),
        Family("gowin", 4, 3.0, 2.0, enable_group=32),
    )
}


def family_of(primitives: Primitives) -> Family:
    """Return the family that ``primitives`` are the cells of."""
    return FAMILIES[primitives]
