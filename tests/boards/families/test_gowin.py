"""Gowin boards: the parts and options that the open tools are given."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from bitrill.errors import SpecError
from bitrill_boards.board import Board, Pins, find
from bitrill_boards.families import gowin
from bitrill_boards.families.small import Pll

NANO, PRIMER = find("tang-nano-9k"), find("tang-primer-20k")


def plls(board: Board) -> list[Pll]:
    assert board.pins is not None
    return list(gowin.plls(board, board.pins))


# MHz: fastest into phase detector; VCO; clock (Gowin DS117 and DS226); crystal
LIMITS = {
    "GW1N-9 C6": (replace(NANO, idcode=0x100581B), 400, (400, 1000), (3.125, 500), 60.0),
    "GW1NR C6": (NANO, 400, (400, 1200), (3.125, 600), 27.0),
    "GW1NR C5": (replace(NANO, part="GW1NR-LV9QN88PC5/I4"), 320, (320, 960), (2.5, 480), 3.0),
    "GW2A C8": (PRIMER, 500, (500, 1250), (3.90625, 625), 12.5),
    "GW2A C7": (replace(PRIMER, part="GW2A-LV18PG256C7/I6"), 400, (400, 1000), (3.125, 500), 400.0),
}


@pytest.mark.parametrize(
    ("board", "pfd", "vco", "clock", "crystal"), LIMITS.values(), ids=list(LIMITS)
)
def test_each_pll_is_within_the_data_sheets_limits(
    board: Board, pfd: int, vco: tuple[int, int], clock: tuple[float, float], crystal: float
) -> None:
    """Each PLL setting obeys the data sheet's formulas, and every setting they allow is offered."""
    found = {}
    for p in plls(replace(board, crystal_mhz=crystal)):
        i, f, o = (int(p.parameters[k]) for k in ("IDIV_SEL", "FBDIV_SEL", "ODIV_SEL"))
        found[i, f, o] = p.mhz, p.vco_mhz
    wanted = {}
    for i in range(64):
        for f in range(64):
            out = Fraction(str(crystal)) * (f + 1) / (i + 1)
            for o in (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128):
                fits = vco[0] <= out * o <= vco[1] and clock[0] <= out <= clock[1]
                if fits and 3 <= crystal / (i + 1) <= pfd:
                    wanted[i, f, o] = out, out * o
    assert wanted
    assert found == wanted


def test_the_boards_clocks_are_made_with_the_vco_amid_its_range() -> None:
    for board, times, divider in ((NANO, 3, 8), (PRIMER, 4, 8)):
        mhz = Fraction(str(board.clock_mhz))
        best = next(p for p in plls(board) if p.mhz == mhz)
        told = {k: best.parameters[k] for k in ("IDIV_SEL", "FBDIV_SEL", "ODIV_SEL", "FCLKIN")}
        assert told == {"IDIV_SEL": 0, "FBDIV_SEL": times - 1, "ODIV_SEL": divider, "FCLKIN": "27"}


@pytest.mark.parametrize("crystal", [2.9, 401.0])
def test_a_crystal_out_of_range_makes_no_clock(crystal: float) -> None:
    assert plls(replace(NANO, crystal_mhz=crystal)) == []


def test_tools_are_told_of_the_die() -> None:
    for board, chip, family in ((NANO, "GW1N-9C", "gw1n"), (PRIMER, "GW2A-18C", "gw2a")):
        assert board.pins is not None
        told = gowin.target(board, board.pins)
        assert f"family={chip}" in told.place
        assert board.part in told.place
        assert told.pack[:2] == ("-d", chip)
        assert told.synth == f"synth_gowin -family {family} -noiopads"
        assert told.routed[1] in told.pack
        assert told.bitstream in told.pack


def test_constraints_name_each_pin_once() -> None:
    told = gowin.target(NANO, Pins("52", "18", "17", "LVCMOS33")).constraints
    assert told == {
        "bitrill.cst": """\
IO_LOC "clk" 52;
IO_PORT "clk" IO_TYPE=LVCMOS33;
IO_LOC "rx" 18;
IO_PORT "rx" IO_TYPE=LVCMOS33 PULL_MODE=UP;
IO_LOC "tx" 17;
IO_PORT "tx" IO_TYPE=LVCMOS33;
"""
    }
    held = gowin.target(NANO, Pins("52", "18", "17", high=("19",))).constraints["bitrill.cst"]
    assert held.endswith('IO_LOC "high0" 19;\nIO_PORT "high0" IO_TYPE=LVCMOS33;\n')


def test_the_version_in_the_idcode_does_not_matter() -> None:
    assert NANO.pins is not None
    newer = replace(NANO, idcode=0x1100481B)
    assert gowin.target(newer, NANO.pins) == gowin.target(NANO, NANO.pins)


BAD = [
    ({"idcode": 0x11111043}, r"idcode must be one of 0x0100581b \(GW1N-9\), .* not 0x11111043"),
    ({"part": "GW2A-LV18PG256C8/I7"}, "part must be the full name of a GW1N-9C, like GW1N-LV9QN88"),
    ({"part": "GW1NR-9"}, "part must be the full name of a GW1N-9C, .* not 'GW1NR-9'"),
    ({"part": "GW1NR-LV9QN88PC8/I7"}, "part must have a speed grade of C5, C6, C7, not 'GW1NR-LV9"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_what_the_tools_do_not_know_is_refused(change: dict, message: str) -> None:
    board = replace(NANO, **change)
    for told in (gowin.target, lambda *a: list(gowin.plls(*a))):
        with pytest.raises(SpecError, match=f"board tang-nano-9k: {message}"):
            told(board, NANO.pins)
