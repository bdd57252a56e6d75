"""Cell counts of a netlist, by a table of the family's primitives; the table of the 7 series.

LUTs that share a physical LUT are counted by Bitrill's own definition, not by Yosys'. The tables of
the other families are in `cell_families`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from math import ceil
from typing import Self, cast

from bitrill.errors import ToolError
from bitrill.parts.devices import Part

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

FREE = frozenset(("GND", "VCC", "MUXF7", "MUXF8", "BUFG", "IBUF", "OBUF"))
"""Cells that take none of the counted resources."""

NOTES = frozenset(("$scopeinfo", "$print", "$check"))
"""Cells of Yosys' own that are no hardware."""


@dataclass(frozen=True)
class Counts(ABC):
    """Cells that a design takes of a part; each family's rows add fields of its own.

    ``lut``: LUTs as Yosys wrote them; ``lcs``: LUTs of the part that are taken, carry cells and
    distributed memory included; ``ff``: flip-flops.
    """

    lut: int = 0
    lcs: int = 0
    ff: int = 0

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The figures, in the order in which tables show them."""
        return tuple(f.name for f in fields(cls))

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, k) + getattr(other, k) for k in self.keys()))

    def __sub__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, k) - getattr(other, k) for k in self.keys()))

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    def utilisation(self, part: Part) -> dict[str, tuple[float, int]]:
        """``{resource: (used, available)}`` of what is used or there, in the family's names."""
        every = {"lcs": (self.lcs, part.lcs), "ff": (self.ff, part.ff), **self.blocks(part)}
        return {k: (used, have) for k, (used, have) in every.items() if used or have}

    @abstractmethod
    def blocks(self, part: Part) -> dict[str, tuple[float, int]]:
        """The same of memories and multipliers."""

    def excess(self, part: Part) -> list[str]:
        """Names of the resources that the part lacks."""
        return [k for k, (used, have) in self.utilisation(part).items() if used > have]


@dataclass(frozen=True)
class CellCounts(Counts):
    """Cells that a design takes of an xc7 part.

    ``lut``: LUT1..6 as Yosys wrote them (INV is a LUT1, LUT6_2 counts one). ``lcs``: physical
    LUTs: LUT6s, the smaller ones after a maximum matching of those that can share (see
    `pairing`), one for each LUT6_2 and shift register, and those of distributed RAM. ``ff``:
    flip-flops; ``carry4``: carry cells; ``ramb18``, ``ramb36``, ``dsp``: hard blocks.
    """

    carry4: int = 0
    ramb18: int = 0
    ramb36: int = 0
    dsp: int = 0

    def blocks(self, part: Part) -> dict[str, tuple[float, int]]:
        return {"bram36": (self.ramb36 + self.ramb18 / 2, part.bram36), "dsp": (self.dsp, part.dsp)}


KEYS = CellCounts.keys()
"""The figures of xc7, in the order in which tables show them."""


def none_shared(module: NetlistModule) -> int:
    """Return 0: LUTs that other LUTs of a family hold as well."""
    return 0


@dataclass(frozen=True, kw_only=True)
class CellTable:
    """What each primitive of a family counts as, in rows of the type ``row``.

    ``luts``, ``flops``: types of LUTs and flip-flops; ``taken``: LUTs that other cells take;
    ``named``: fields of other cells, with how many of one cell count as one; ``free``: cells that
    take nothing; ``shared``: finds how many LUTs lie in a place that is counted already.
    """

    row: type[Counts]
    luts: frozenset[str]
    flops: frozenset[str]
    named: Mapping[str, tuple[str, int]]
    taken: Mapping[str, int] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    shared: Callable[[NetlistModule], int] = none_shared

    def count(self, module: NetlistModule, *, ignore: Iterable[str] = ()) -> Counts:
        """Count the cells of one module of Yosys' JSON netlist.

        ``ignore``: types of cells that are counted elsewhere (submodules). Raises `ToolError` for
        a primitive that has no entry here, since the figures would be too small.
        """
        types = cell_types(module)
        for name in ignore:
            types.pop(name, None)
        known = self.luts | self.flops | self.named.keys() | self.taken.keys() | self.free | NOTES
        unknown = sorted(types.keys() - known)
        if unknown:
            raise ToolError(f"the netlist holds cells that have no count: {', '.join(unknown)}")
        lut = sum(types[t] for t in self.luts)
        taken = sum(types[t] * n for t, n in self.taken.items())
        named = dict.fromkeys((name for name, _ in self.named.values()), Fraction(0))
        for cell, (name, share) in self.named.items():
            named[name] += Fraction(types[cell], share)
        return self.row(
            lut=lut,
            lcs=lut - self.shared(module) + taken,
            ff=sum(types[t] for t in self.flops),
            **{name: ceil(n) for name, n in named.items()},
        )


def paired(module: NetlistModule) -> int:
    """Return how many LUTs of fewer than six inputs share the LUT6 of another one."""
    small = [inputs(c) for c in module["cells"].values() if LUTS.get(c["type"], 6) < 6]
    return max_pairs(small)


XC7 = CellTable(
    row=CellCounts,
    luts=frozenset(LUTS) | {"LUT6_2"},
    flops=FLOPS,
    taken=MEMORY_LUTS,
    named={
        "CARRY4": ("carry4", 1),
        "RAMB18E1": ("ramb18", 1),
        "RAMB36E1": ("ramb36", 1),
        "DSP48E1": ("dsp", 1),
    },
    free=FREE,
    shared=paired,
)


def count(module: NetlistModule, *, ignore: Iterable[str] = ()) -> CellCounts:
    """Count the cells of a module of xc7 primitives; see `CellTable.count`."""
    return cast("CellCounts", XC7.count(module, ignore=ignore))


def cell_types(module: NetlistModule) -> Counter[str]:
    """Count a module's cells by type."""
    return Counter(c["type"] for c in module["cells"].values())


def inputs(cell: NetlistCell) -> set[int]:
    """Return the nets at a LUT's inputs; constants need no pin of their own."""
    pins = (bits[0] for port, bits in cell["connections"].items() if port != "O")
    return {bit for bit in pins if isinstance(bit, int)}
