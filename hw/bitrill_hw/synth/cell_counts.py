"""NetlistCell counts of a netlist of xc7 primitives: LUTs, flip-flops, carry cells and hard blocks.

LUTs that share a physical LUT are counted by Bitrill's own definition, not by Yosys'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from bitrill.errors import ToolError

from .pairing import max_pairs
from .yosys_json import NetlistCell, NetlistModule

LUTS = {"INV": 1, "LUT1": 1, "LUT2": 2, "LUT3": 3, "LUT4": 4, "LUT5": 5, "LUT6": 6}
"""Number of inputs of each LUT with one output; Yosys writes an inverting LUT1 as INV."""

MEMORY_LUTS = {
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM256X1D": 8,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
}
"""Physical LUTs of distributed memories and shift registers (Xilinx UG474)."""

FLOPS = frozenset(
    f"{kind}{edge}" for kind in ("FDRE", "FDSE", "FDCE", "FDPE") for edge in ("", "_1")
)

FREE = frozenset(
    ("GND", "VCC", "MUXF7", "MUXF8", "BUFG", "IBUF", "OBUF", "$scopeinfo", "$print", "$check")
)
"""Cells that take none of the counted resources."""


@dataclass(frozen=True)
class CellCounts:
    """Cells that a design takes of an xc7 part.

    ``lut``: LUT1..6 as Yosys wrote them (INV is a LUT1, LUT6_2 counts one). ``lcs``: physical
    LUTs: LUT6s, the smaller ones after a maximum matching of those that can share (see
    `pairing`), one for each LUT6_2 and shift register, and those of distributed RAM. ``ff``:
    flip-flops; ``carry4``: carry cells; ``ramb18``, ``ramb36``, ``dsp``: hard blocks.
    """

    lut: int = 0
    lcs: int = 0
    ff: int = 0
    carry4: int = 0
    ramb18: int = 0
    ramb36: int = 0
    dsp: int = 0

    def __add__(self, other: CellCounts) -> CellCounts:
        return CellCounts(*(getattr(self, k) + getattr(other, k) for k in KEYS))

    def __sub__(self, other: CellCounts) -> CellCounts:
        return CellCounts(*(getattr(self, k) - getattr(other, k) for k in KEYS))

    def to_json(self) -> dict[str, int]:
        return asdict(self)


KEYS = tuple(f.name for f in fields(CellCounts))
"""The figures, in the order in which tables show them."""


def count(module: NetlistModule, *, ignore: Iterable[str] = ()) -> CellCounts:
    """Count the cells of one module of Yosys' JSON netlist.

    ``ignore``: types of cells that are counted elsewhere (submodules). Raises `ToolError` for a
    primitive that has no entry here, since the figures would be too small.
    """
    types = cell_types(module)
    for name in ignore:
        types.pop(name, None)
    known = LUTS.keys() | MEMORY_LUTS.keys() | FLOPS | FREE | _BLOCKS.keys() | {"LUT6_2", "CARRY4"}
    unknown = sorted(types.keys() - known)
    if unknown:
        raise ToolError(f"the netlist holds cells that have no count: {', '.join(unknown)}")
    small = [inputs(c) for c in module["cells"].values() if LUTS.get(c["type"], 6) < 6]
    blocks = Counter(dict.fromkeys(_BLOCKS.values(), 0))
    for cell, field in _BLOCKS.items():
        blocks[field] += types[cell]
    return CellCounts(
        lut=sum(types[t] for t in LUTS) + types["LUT6_2"],
        lcs=types["LUT6"]
        + len(small)
        - max_pairs(small)
        + types["LUT6_2"]
        + sum(types[t] * n for t, n in MEMORY_LUTS.items()),
        ff=sum(types[t] for t in FLOPS),
        carry4=types["CARRY4"],
        **blocks,
    )


_BLOCKS = {"RAMB18E1": "ramb18", "RAMB36E1": "ramb36", "DSP48E1": "dsp"}


def cell_types(module: NetlistModule) -> Counter[str]:
    """Count a module's cells by type."""
    return Counter(c["type"] for c in module["cells"].values())


def inputs(cell: NetlistCell) -> set[int]:
    """Return the nets at a LUT's inputs; constants need no pin of their own."""
    pins = (bits[0] for port, bits in cell["connections"].items() if port != "O")
    return {bit for bit in pins if isinstance(bit, int)}
