"""Pins from amaranth-boards' platforms: they agree with the files that are shipped."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from bitrill.errors import SpecError, ToolError
from bitrill_boards import pins
from bitrill_boards.board import SHIPPED, Board, Pins, find, load
from bitrill_boards.toolchains import open_tools

PLATFORMS = {
    "ulx3s-85f": "amaranth_boards.ulx3s:ULX3S_85F_Platform",
    "icebreaker": "amaranth_boards.icebreaker:ICEBreakerPlatform",
    "ice40-hx8k": "amaranth_boards.ice40_hx8k_b_evn:ICE40HX8KBEVNPlatform",
    "tang-nano-9k": "amaranth_boards.tang_nano_9k:TangNano9kPlatform",
    "tang-primer-20k": "amaranth_boards.tang_primer_20k:TangPrimer20kDockPlatform",
}
ULX3S = PLATFORMS["ulx3s-85f"]


def board(folder: Path, like: str, *lines: str, crystal: float | None = None) -> Board:
    """A shipped board whose ``[pins]`` are these lines."""
    text = (SHIPPED / f"{like}.toml").read_text()
    if crystal is not None:
        text = text.replace(f"crystal_mhz = {find(like).crystal_mhz}", f"crystal_mhz = {crystal}")
    path = folder / "mine.toml"
    path.write_text(text.partition("[pins]")[0] + "\n".join(["[pins]", *lines, ""]))
    return load(path)


def platform(folder: Path, like: str, text: str, *lines: str, **more: float) -> Board:
    return board(folder, like, f'amaranth = "{text}"', *lines, **more)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type:
    """An empty amaranth-boards platform under the name `FAKE`."""
    module = ModuleType("amaranth_boards.fake")
    cls = type("FakePlatform", (), {})
    module.FakePlatform = cls  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return cls


FAKE = "amaranth_boards.fake:FakePlatform"


@pytest.mark.parametrize("name", PLATFORMS)
def test_shipped_pins_are_those_of_the_platform(tmp_path: Path, name: str) -> None:
    """Clock, both ends of the serial line the right way round, and the crystal's frequency."""
    shipped, found = find(name).pins, pins.of(platform(tmp_path, name, PLATFORMS[name]))
    assert shipped is not None
    assert (found.clk, found.rx, found.tx) == (shipped.clk, shipped.rx, shipped.tx)
    if shipped.standard is not None:
        assert found.standard == shipped.standard


def test_what_the_file_gives_stands_beside_the_platform(tmp_path: Path) -> None:
    mine = platform(tmp_path, "ulx3s-85f", ULX3S, 'tx = "A1"', 'standard = "LVCMOS25"')
    assert pins.of(mine) == Pins("G2", "M1", "A1", "LVCMOS25")


def test_a_file_with_all_pins_asks_no_platform(tmp_path: Path) -> None:
    mine = board(tmp_path, "ulx3s-85f", 'clk = "A"', 'rx = "B"', 'tx = "C"', 'amaranth = "no:X"')
    assert pins.of(mine) == Pins("A", "B", "C")


def test_a_board_without_a_serial_line_takes_pins_of_a_connector(tmp_path: Path) -> None:
    orange = "amaranth_boards.orangecrab_r0_2:OrangeCrabR0_2_25FPlatform"
    mine = platform(tmp_path, "ulx3s-85f", orange, crystal=48.0)
    with pytest.raises(SpecError, match=r"OrangeCrab\w+ has no resource uart: give rx and tx in"):
        pins.of(mine)
    mine = platform(tmp_path, "ulx3s-85f", orange, 'rx = "N17"', 'tx = "M18"', crystal=48.0)
    assert pins.of(mine) == Pins("A9", "N17", "M18", "LVCMOS33")


def test_constraints_take_them(tmp_path: Path) -> None:
    mine = platform(tmp_path, "ulx3s-85f", ULX3S)
    assert open_tools.pins_of(mine) == pins.of(mine) == Pins("G2", "M1", "L4", "LVCMOS33")


def test_pins_behind_a_connector_are_the_chips(tmp_path: Path, fake: type) -> None:
    from amaranth.build import Attrs, Clock, Connector, Resource, Subsignal
    from amaranth.build import Pins as Names

    fake.default_clk = "clk"
    fake.connectors = [Connector("pmod", 0, "B2 - C3")]
    fake.resources = [
        Resource("clk", 0, Names("A1", dir="i"), Clock(25e6)),
        Resource(
            "uart",
            0,
            Subsignal("rx", Names("1", dir="i", conn=("pmod", 0))),
            Subsignal("tx", Names("3", dir="o", conn=("pmod", 0))),
            Attrs(IO_TYPE="LVTTL33"),
        ),
    ]
    assert pins.of(platform(tmp_path, "ulx3s-85f", FAKE)) == Pins("A1", "B2", "C3", "LVTTL33")


def test_what_a_platform_may_lack(tmp_path: Path, fake: type) -> None:
    from amaranth.build import Attrs, Clock, DiffPairs, PinsN, Resource, Subsignal
    from amaranth.build import Pins as Names

    mine = platform(tmp_path, "ulx3s-85f", FAKE)
    with pytest.raises(SpecError, match="has no default clock at a pin: give clk in"):
        pins.of(mine)
    fake.default_clk = "clk"
    fake.resources = [Resource("clk", 0, DiffPairs("A1", "A2", dir="i"), Clock(25e6))]
    with pytest.raises(SpecError, match=r"clk must be a single pin, not \(diffpairs"):
        pins.of(mine)
    clock = Resource("clk", 0, Names("A1", dir="i"), Clock(25e6), Attrs(IO_TYPE="LVCMOS33"))
    receive = Subsignal("rx", Names("B1", dir="i"), Attrs(IO_TYPE="LVCMOS18"))
    fake.resources = [clock, Resource("uart", 0, receive)]
    with pytest.raises(SpecError, match="has no tx in its resource uart: give rx and tx"):
        pins.of(mine)
    fake.resources = [clock, Resource("uart", 0, receive, Subsignal("tx", PinsN("B2", dir="o")))]
    with pytest.raises(SpecError, match=r"tx must be a single pin, not \(pins-n o B2"):
        pins.of(mine)
    fake.resources = [clock, Resource("uart", 0, receive, Subsignal("tx", Names("B2", dir="o")))]
    with pytest.raises(SpecError, match="several I/O standards, LVCMOS18, LVCMOS33: give clk"):
        pins.of(mine)


BAD = [
    ("os:path", "pins.amaranth must be amaranth_boards.MODULE:CLASS, not 'os:path'"),
    ("amaranth_boards.ulx4s:X", "amaranth-boards has no module amaranth_boards.ulx4s"),
    ("amaranth_boards.ulx3s:ULX3S_85_Platform", r"no platform ULX3S_85_Platform \(nearest: ULX3S_"),
    (PLATFORMS["icebreaker"], "crystal_mhz must be 12, as its platform's clk12 says, not 25"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_wrong_platform_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        pins.of(platform(tmp_path, "ulx3s-85f", text))


def test_without_the_package_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "amaranth_boards", None)
    with pytest.raises(ToolError, match=r"not installed: pip install amaranth-boards$") as caught:
        pins.of(platform(tmp_path, "ulx3s-85f", ULX3S))
    assert caught.value.missing


def test_a_board_of_no_pins_is_told_what_to_give() -> None:
    with pytest.raises(SpecError, match=r"board pynq-z1: \[pins\] must have clk, rx and tx"):
        pins.of(find("pynq-z1"))
