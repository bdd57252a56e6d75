"""Families of FPGAs: what the cells of each offer. Other code asks a `Family`, not for its name."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import SpecError
from ..ir import Primitives


@dataclass(frozen=True)
class Family:
    """The properties of all parts that have the same cells.

    ``lut_inputs``: inputs of a LUT; ``cells``: whether arithmetic is instances of the 7 series'
    LUT and carry cells; ``fills_blocks``: whether bits of a table that would hardly fill another
    block memory lie in logic (`memories.spilled`); ``block_register``: whether block memories are
    instances of cells, because synthesis does not infer the register behind their outputs;
    ``distributed_memory``: whether LUTs can be memory; ``enable_group``: number of registers that
    share an enable cell, 0 if synthesis decides; ``part``: what synthesis is for if none is named.
    A clock period is at least ``beside_ns + n * level_ns`` with n LUTs between two registers
    (`bitrill.resources.clock`).
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
    part: str = "xc7z020clg400-1"

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
        # iCE40 shares an enable among more registers: a tile of eight registers has one enable,
        # which few wires reach
        Family("ecp5", 4, 2.6, 1.9, block_register=True, enable_group=32, part="lfe5u-85"),
        Family("ice40", 4, 4.0, 2.2, distributed_memory=False, enable_group=512, part="ice40-hx8k"),
        Family("gowin", 4, 3.0, 2.0, enable_group=32, part="gw1nr-9"),
    )
}


def require_cells(made_of: Iterable[Primitives], family: Primitives, target: str) -> None:
    """Raise `SpecError` if a design has cells of another family than that of ``target``.

    ``made_of``: the primitives of its operators; plain logic suits every family.
    """
    foreign = foreign_cells(made_of, family)
    if foreign:
        raise SpecError(
            f"the design is made of cells of {foreign}, and {target} has those of"
            f" {family}: compile it for {target}, or with --part portable"
        )


def foreign_cells(made_of: Iterable[Primitives], family: Primitives) -> str:
    """Return the families other than ``family`` that a design has cells of, in words."""
    return ", ".join(sorted({p for p in made_of if p not in ("portable", family)}))


def usual_part(made_of: Iterable[Primitives]) -> str:
    """Return the part that a design of these cells is synthesised for, if nobody names one."""
    made = set(made_of)
    parts = [f.part for f in FAMILIES.values() if f.name in made and not f.portable]
    return parts[0] if parts else FAMILIES["portable"].part


def family_of(primitives: Primitives) -> Family:
    """Return the family that ``primitives`` are the cells of."""
    return FAMILIES[primitives]
