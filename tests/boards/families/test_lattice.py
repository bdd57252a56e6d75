"""ECP5 and iCE40: PLLs by the data sheets' own formulas, parts, constraints."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from bitrill.errors import SpecError
from bitrill_boards.board import Board, Pins, find
from bitrill_boards.families import ecp5, ice40
from bitrill_boards.families.small import Pll
from bitrill_boards.toolchains import pll_choice
from bitrill_boards.toolchains.open_tools import pins_of


def board(name: str, **changes: object) -> Board:
    return dataclasses.replace(find(name), **changes)  # pyright: ignore[reportArgumentType]


def by_data_sheet(crystal: Fraction, pll: Pll) -> dict[str, Fraction]:
    """Detector, VCO and output of an EHXPLLL, or of an SB_PLL40, from its parameters alone."""
    p = {k: v for k, v in pll.parameters.items() if isinstance(v, int)}
    if pll.cell == "EHXPLLL":
        pfd = crystal / p["CLKI_DIV"]
        fed_back = pfd * p["CLKFB_DIV"]  # CLKOP, which the loop makes so
        vco = fed_back * p["CLKOP_DIV"]
        return {"pfd": pfd, "vco": vco, "fed": fed_back, "out": vco / p[f"{pll.output}_DIV"]}
    pfd = crystal / (p["DIVR"] + 1)
    vco = pfd * (p["DIVF"] + 1)
    return {"pfd": pfd, "vco": vco, "fed": pfd, "out": vco / 2 ** p["DIVQ"]}


LIMITS = {
    "EHXPLLL": {"pfd": (10, 400), "vco": (400, 800), "out": (3.125, 400), "fed": (3.125, 400)},
    "SB_PLL40_CORE": {"pfd": (10, 133), "vco": (533, 1066), "out": (16, 275), "fed": (10, 133)},
}
WIDTHS = {
    "CLKI_DIV": (1, 128),
    "CLKFB_DIV": (1, 128),
    "CLKOP_DIV": (1, 128),
    "CLKOS_DIV": (1, 128),
    "DIVR": (0, 15),
    "DIVF": (0, 127),
    "DIVQ": (1, 6),
    "FILTER_RANGE": (1, 6),
}


@pytest.mark.parametrize("crystal", [12, 25, 48.0, 33.333])
@pytest.mark.parametrize(
    ("family", "name", "cell"),
    [(ecp5, "ulx3s-85f", "EHXPLLL"), (ice40, "ice40-hx8k", "SB_PLL40_CORE")],
)
def test_every_setting_is_what_it_says_and_within_the_data_sheet(family, name, cell, crystal):
    chosen = board(name, crystal_mhz=crystal)
    found = list(family.plls(chosen, pins_of(chosen)))
    assert len(found) > 100
    for pll in found:
        made = by_data_sheet(Fraction(str(crystal)), pll)
        assert (pll.cell, pll.mhz, pll.vco_mhz) == (cell, made["out"], made["vco"])
        for name, (lo, hi) in LIMITS[cell].items():
            assert lo <= made[name] <= hi, (name, pll)
        for name, (lo, hi) in WIDTHS.items():
            assert lo <= int(pll.parameters.get(name, lo)) <= hi, (name, pll)


@pytest.mark.parametrize("crystal", [7.99, 401])
def test_a_crystal_outside_of_the_pll_makes_nothing(crystal):
    chosen = board("ulx3s-85f", crystal_mhz=crystal)
    assert list(ecp5.plls(chosen, pins_of(chosen))) == []


@pytest.mark.parametrize(("mhz", "divf", "divq"), [("48", 63, 4), ("24", 63, 5), ("100.5", 66, 3)])
def test_an_ice40_is_set_as_icepll_sets_it(mhz, divf, divq):
    """Recorded of `icepll -i 12 -o ..`."""
    chosen = find("ice40-hx8k")
    pll = pll_choice.pll_for(ice40, chosen, pins_of(chosen), Fraction(mhz))
    assert pll is not None
    wanted = {"DIVR": 0, "DIVF": divf, "DIVQ": divq, "FILTER_RANGE": 1, "FEEDBACK_PATH": "SIMPLE"}
    assert pll.parameters == wanted


def test_an_ecp5_is_set_as_ecppll_sets_it():
    """Recorded of `ecppll -i 25 -o 100`: but for the phase, which nobody sees."""
    chosen = find("ulx3s-85f")
    pll = pll_choice.pll_for(ecp5, chosen, pins_of(chosen), Fraction(100))
    assert pll is not None
    assert pll.vco_mhz == 600
    dividers = {k: v for k, v in pll.parameters.items() if k.endswith("_DIV")}
    assert dividers == {"CLKI_DIV": 1, "CLKOP_DIV": 6, "CLKFB_DIV": 4}
    assert pll.joined == {"CLKFB": "CLKOP"}


def test_a_pll_whose_pin_is_the_clocks_takes_the_pad():
    chosen = find("icebreaker")
    pads = {p.cell for p in ice40.plls(chosen, pins_of(chosen))}
    others = {p.cell for p in ice40.plls(chosen, Pins("20", "6", "9"))}
    assert (pads, others) == ({"SB_PLL40_PAD"}, {"SB_PLL40_CORE"})


def test_the_crystal_itself_needs_no_pll():
    chosen = find("ulx3s-85f")
    assert pll_choice.pll_for(ecp5, chosen, pins_of(chosen), Fraction(25)) is None


def test_a_clock_that_no_setting_makes_names_the_nearest():
    chosen = find("ice40-hx8k")
    with pytest.raises(SpecError) as caught:
        pll_choice.pll_for(ice40, chosen, pins_of(chosen), Fraction("33.7"))
    assert str(caught.value) == (
        "the clock must be one that ice40-hx8k makes from its 12 MHz, not 33.7 MHz"
        " (nearest: 33 and 33.75)"
    )
    with pytest.raises(SpecError, match=r"not 3 MHz \(nearest: 12\)"):
        pll_choice.pll_for(ice40, chosen, pins_of(chosen), Fraction(3))


def test_the_clock_next_below_is_one_that_can_be_had():
    chosen = find("ulx3s-85f")
    found = pll_choice.below(ecp5, chosen, pins_of(chosen), 96.1)
    assert found is not None
    assert 90 < found <= Fraction("96.1")
    assert Fraction(pll_choice.text(found)) == found
    assert "/" not in pll_choice.text(found)
    assert pll_choice.pll_for(ecp5, chosen, pins_of(chosen), found) is not None
    assert pll_choice.below(ecp5, chosen, pins_of(chosen), 1.0) is None


@pytest.mark.parametrize(
    ("family", "name", "part", "options"),
    [
        (ecp5, "ulx3s-85f", "LFE5U-85F-6BG381C", "--85k --package CABGA381 --speed 6"),
        (ecp5, "ulx3s-85f", "LFE5UM5G-45F-8MG285C", "--um5g-45k --package CSFBGA285 --speed 8"),
        (ecp5, "ulx3s-85f", "lfe5u-12f-7tg144i", "--12k --package TQFP144 --speed 7"),
        (ice40, "ice40-hx8k", "iCE40HX8K-CT256", "--hx8k --package ct256"),
        (ice40, "icebreaker", "iCE40UP5K-SG48", "--up5k --package sg48"),
    ],
)
def test_nextpnr_is_told_of_the_part(family, name, part, options):
    chosen = board(name, part=part)
    place = " ".join(family.target(chosen, pins_of(chosen)).place)
    assert place.startswith(options + " --")


@pytest.mark.parametrize(
    ("family", "name", "part", "said"),
    [
        (
            ecp5,
            "ulx3s-85f",
            "LFE5U-85F",
            "board ulx3s-85f: part must be an ECP5's full name, like"
            " LFE5U-85F-6BG381C, not 'LFE5U-85F'",
        ),
        (ecp5, "ulx3s-85f", "LFE5U-85F-9BG381C", "board ulx3s-85f: part must be an ECP5's"),
        (
            ice40,
            "ice40-hx8k",
            "iCE40HX8K",
            "board ice40-hx8k: part must be an iCE40's full name,"
            " like iCE40HX8K-CT256, not 'iCE40HX8K'",
        ),
        (ice40, "ice40-hx8k", "iCE40HX5K-SG48", "part must be an iCE40's full name"),
    ],
)
def test_a_part_that_the_tools_do_not_know_is_refused(family, name, part, said):
    chosen = board(name, part=part)
    with pytest.raises(SpecError) as caught:
        family.target(chosen, pins_of(chosen))
    assert said in str(caught.value)


def test_yosys_is_told_of_the_device():
    for name, wanted in (("ice40-hx8k", "-device hx "), ("icebreaker", "-device u -dsp ")):
        assert wanted in ice40.target(find(name), pins_of(find(name))).synth


def test_pins_and_clocks_of_the_constraints():
    chosen = find("ulx3s-85f")
    text = ecp5.target(chosen, pins_of(chosen)).constraints["bitrill.lpf"].splitlines()
    assert 'FREQUENCY PORT "clk" 25 MHZ;' in text
    for port, site in (("clk", "G2"), ("rx", "M1"), ("tx", "L4"), ("high0", "L2")):
        assert f'LOCATE COMP "{port}" SITE "{site}";' in text
        assert any(line.startswith(f'IOBUF PORT "{port}" IO_TYPE=LVCMOS33') for line in text)
    chosen = find("ice40-hx8k")
    text = ice40.target(chosen, pins_of(chosen)).constraints["bitrill.pcf"].splitlines()
    assert set(text) == {
        "set_frequency clk 12",
        "set_io clk J3",
        "set_io tx B12",
        "set_io -pullup yes rx B10",
    }
    held = dataclasses.replace(pins_of(chosen), high=("A1", "A2"))
    text = ice40.target(chosen, held).constraints["bitrill.pcf"]
    assert "set_io high0 A1\nset_io high1 A2\n" in text
