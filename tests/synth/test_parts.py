"""Parts are found by their names, and say what does not fit."""

from __future__ import annotations

import dataclasses

import pytest
from bitrill.errors import FitError, SpecError
from bitrill.parts.families import FAMILIES, usual_part
from bitrill_hw.synth import CELL_FAMILIES, DEFAULT_PART, CellCounts, devices, part_of
from bitrill_hw.synth.cell_families import cells_of


@pytest.mark.parametrize(
    "name", ["xc7z020", "xc7z020clg400-1", "XC7Z020CLG484-1", "xc7z020clg400", "xc7z020-1"]
)
def test_a_part_by_device_or_full_name(name: str) -> None:
    part = part_of(name)
    assert (part.lcs, part.ff, part.bram36, part.dsp) == (53200, 106400, 140, 220)
    assert (part.device, part.name) == ("xc7z020", name.lower())


def test_the_default_is_known() -> None:
    assert part_of(DEFAULT_PART).device == "xc7z020"


def test_devices_with_a_letter_behind_the_number() -> None:
    assert part_of("xc7z007sclg400-1").lcs == 14400
    assert part_of("xc7a35tcsg324-1").lcs == 20800


def test_every_xc7_device_has_two_flip_flops_a_lut() -> None:
    assert all(part_of(d).ff == 2 * part_of(d).lcs for d in devices("xc7"))


@pytest.mark.parametrize(
    ("name", "device", "family", "lcs"),
    [
        ("LFE5U-85F-6BG381C", "lfe5u-85", "ecp5", 83640),
        ("lfe5u-25", "lfe5u-25", "ecp5", 24288),
        ("iCE40HX8K-CT256", "ice40-hx8k", "ice40", 7680),
        ("ice40-hx8k", "ice40-hx8k", "ice40", 7680),
        ("GW1NR-LV9QN88PC6/I5", "gw1nr-9", "gowin", 8640),
        ("gw1nr-9", "gw1nr-9", "gowin", 8640),
    ],
)
def test_open_parts_by_device_or_full_name(name: str, device: str, family: str, lcs: int) -> None:
    part = part_of(name)
    assert (part.name, part.device) == (name.lower(), device)
    assert (part.family, part.lcs) == (family, lcs)


def test_a_lut_of_six_inputs_is_two_of_four() -> None:
    part = part_of("gw1nr-9")
    assert part.utilisation(CellCounts(lcs=10))["lcs"] == (20, 8640)
    with pytest.raises(FitError, match=r"gw1nr-9: lcs 8642 of 8640 \(100 %\); no gw1n part"):
        part.require_fit(CellCounts(lcs=4321))


@pytest.mark.parametrize(
    ("name", "device", "sizes", "uram288"),
    [
        ("xczu3eg-sbva484-1-i", "xczu3eg", (70560, 141120, 216, 360), 0),
        ("xczu5ev", "xczu5ev", (117120, 234240, 144, 1248), 64),
        ("XCZU7EV-FFVC1156-2-E", "xczu7ev", (230400, 460800, 312, 1728), 96),
        ("xczu9eg-ffvb1156-2-e", "xczu9eg", (274080, 548160, 912, 2520), 0),
        ("xck26-sfvc784-2lv-c", "xck26", (117120, 234240, 144, 1248), 64),
        ("xcu250-figd2104-2l-e", "xcu250", (1728000, 3456000, 2688, 12288), 1280),
    ],
)
def test_parts_of_ultrascale_have_arithmetic_of_the_7_series(
    name: str, device: str, sizes: tuple[int, ...], uram288: int
) -> None:
    part = part_of(name)
    assert (part.name, part.device) == (name.lower(), device)
    assert (part.lcs, part.ff, part.bram36, part.dsp) == sizes
    assert (part.family, part.cells, part.block("uram288")) == ("xc7", "xcup", uram288)


def test_a_design_is_synthesised_for_a_part_of_its_cells() -> None:
    assert usual_part(["portable"]) == usual_part(["xc7", "portable"]) == DEFAULT_PART
    for family in FAMILIES.values():
        part = part_of(usual_part([family.name]))
        assert family.portable or part.family == family.name
        assert part.cells in CELL_FAMILIES


def test_cells_that_yosys_does_not_make_are_refused() -> None:
    other = dataclasses.replace(part_of("xc7z020"), cells="nexus")
    with pytest.raises(SpecError, match=r"the cells of xc7z020 must be of xc7, .*, not 'nexus'"):
        cells_of(other)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("xc7z02", "xc7z020"),
        ("xc7z021clg400-1", "xc7z020"),
        ("xc7a34t", "xc7a35t"),
        ("", "xc7a100t"),
    ],
)
def test_an_unknown_part_names_its_neighbours(name: str, nearest: str) -> None:
    with pytest.raises(SpecError) as caught:
        part_of(name)
    said = str(caught.value)
    assert said.startswith(f"part must be a known one, not {name!r} (nearest: ")
    assert nearest in said


def test_two_half_block_rams_make_one() -> None:
    used = part_of("xc7z010").utilisation(CellCounts(ramb18=3, ramb36=2))
    assert used["bram36"] == (3.5, 60)


def test_exactly_full_fits() -> None:
    part = part_of("xc7z010")
    full = CellCounts(lut=10**6, lcs=17600, ff=35200, ramb36=59, ramb18=2, dsp=80)
    assert part.excess(full) == []
    part.require_fit(full)


def test_what_is_too_much_is_named_with_a_part_that_is_enough() -> None:
    with pytest.raises(FitError) as caught:
        part_of("xc7z010clg400-1").require_fit(CellCounts(lcs=17601, ff=2, ramb18=121))
    assert str(caught.value) == (
        "the design does not fit xc7z010clg400-1: lcs 17601 of 17600 (100 %);"
        " bram36 60.5 of 60 (101 %); xc7z012s is enough"
    )
    assert caught.value.exit_code == 6


def test_what_fits_nowhere() -> None:
    with pytest.raises(FitError, match=r"dsp 9999 of 80 \(.*\); no xc7z part is enough$"):
        part_of("xc7z010").require_fit(CellCounts(dsp=9999))
