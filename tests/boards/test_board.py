"""Board files: those shipped, those of a user, and what is wrong in one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bitrill.errors import BitrillError, SpecError, StorageError
from bitrill_boards import schema
from bitrill_boards.board import SHIPPED, every, find, load, paths

NAMES = {
    "pynq-z1",
    "pynq-z2",
    "arty-z7-20",
    "zedboard",
    "zc706",
    "ebaz4205",
    "ultra96-v2",
    "zcu104",
    "kv260",
    "ulx3s-85f",
    "icebreaker",
    "ice40-hx8k",
    "tang-nano-9k",
    "tang-primer-20k",
    "colorlight-i5",
}


def written(folder: Path, like: str, *changes: tuple[str, str]) -> Path:
    """A shipped board's file with some text replaced (to the end of its line: ``.*``)."""
    text = (SHIPPED / f"{like}.toml").read_text()
    for old, new in changes:
        assert re.search(old, text, re.M), old
        text = re.sub(old, new, text, count=1, flags=re.M)
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_all_that_are_promised_are_shipped() -> None:
    assert set(paths()) == NAMES
    assert [b.name for b in every()] == sorted(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_shipped_board_is_whole(name: str) -> None:
    b = find(name)
    assert b.toolchains[0] == schema.TOOLCHAINS[b.family][0]
    assert b.resources.bram_kbit == {"ice40": 4, "ecp5": 18, "gowin": 18}.get(b.family, 36)
    assert all(0 < b.usable(r) < getattr(b.resources, r) for r in ("lut", "ff", "bram"))
    assert (b.memory is None) is not b.zynq
    assert (b.pins is None) is b.zynq
    if b.idcode is not None:  # manufacturers of the families (JEDEC, bits 11..1)
        maker = {"ecp5": 0x021, "gowin": 0x40D}.get(b.family, 0x049)
        assert b.idcode >> 1 & 0x7FF == maker
        assert b.idcode & 1


def test_idcodes_are_those_of_the_parts() -> None:
    """Two boards of one device have one IDCODE, two of different devices two."""
    found = {b.part[:7].lower(): b.idcode for b in every() if b.zynq}
    assert len(set(found.values())) == len(found)
    for b in every():
        if b.zynq:
            assert b.idcode == found[b.part[:7].lower()]


def test_status_says_what_never_was() -> None:
    for b in every():
        assert ("never run in Vivado" in b.status) == (b.zynq and "vivado" not in b.proven)
        assert ("never run on hardware" in b.status) == ("hardware" not in b.proven)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pynq_z3", "nearest: pynq-z2, pynq-z1"),
        ("ULX3S", "nearest: ulx3s-85f"),
        ("qqq", "known: arty-z7-20, colorlight-i5"),
    ],
)
def test_an_unknown_board_is_told_the_nearest(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=rf"board must be .*, not '{name}' \({message}"):
        find(name)


def test_a_folder_of_the_users(tmp_path: Path) -> None:
    written(tmp_path, "pynq-z2", ("^title = .*", 'title = "My board"'))
    assert find("mine", tmp_path).title == "My board"
    assert set(paths(tmp_path)) == NAMES | {"mine"}
    (tmp_path / "mine.toml").rename(tmp_path / "pynq-z2.toml")
    assert find("pynq-z2", tmp_path).title == "My board"  # the user's own comes first
    with pytest.raises(StorageError, match="is not a folder"):
        paths(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("like", "changes", "message"),
    [
        (
            "pynq-z2",
            [("^family = .*", 'family = "zynq"')],
            "family must be one of zynq7, zynqmp, ecp5, ice40, gowin, not 'zynq'",
        ),
        (
            "pynq-z2",
            [("^clock_mhz", "clok_mhz")],
            r"clok_mhz is not known \(did you mean clock_mhz\?\); clock_mhz is missing",
        ),
        ("pynq-z2", [("^clock_mhz = .*", "clock_mhz = -1")], "clock_mhz must be MHz .* not -1"),
        ("pynq-z2", [("^clock_mhz = .*", "clock_mhz = true")], "clock_mhz must be .* not True"),
        (
            "pynq-z2",
            [("^part = .*", 'part = "xc7z999"')],
            r"table \[resources\] is missing, and part xc7z999 is unknown \(give lut, ff",
        ),
        ("pynq-z2", [("^idcode = .*\n", "")], r"idcode is missing \(a zynq7 has one\)"),
        (
            "pynq-z2",
            [("^toolchains = .*", 'toolchains = ["vivado", "open"]')],
            "toolchains of zynq7 must be among vivado, vivado-ps7, openxc7, not",
        ),
        ("pynq-z2", [("^toolchains = .*", "toolchains = []")], "toolchains must be a list"),
        ("pynq-z2", [("^link = .*", 'link = "uart"')], "host.link of zynq7 must be 'axi'"),
        ("pynq-z2", [("^base = .*\n", "")], "host.base is missing"),
        ("pynq-z2", [("^base = .*", "base = 0\nbaud = 9600")], "host.baud is only for ecp5"),
        ("pynq-z2", [("^board = .*\n", "")], r"\[flash\] must have board or cable"),
        ("pynq-z2", [("^ddr_bits = .*", "ddr_bits = 24")], "memory.ddr_bits must be one of 8, 16"),
        ("pynq-z2", [(r"^\[memory\]", "[pins]")], r"table \[memory\] is missing; .*only for ecp5"),
        ("pynq-z2", [("^proven = .*", 'proven = ["board"]')], "proven must be a list of simulated"),
        ("ulx3s-85f", [("^rx = .*\n", "")], r"\[pins\] must have clk, rx and tx.*; rx is missing"),
        ("ulx3s-85f", [("^clk = .*", 'amaranth = "x"')], "pins.amaranth must be module:class"),
        ("ulx3s-85f", [("^lut = .*", "lut = 1.5")], "resources.lut must be a whole number"),
        ("ulx3s-85f", [("^baud = .*", "baud = 50")], "host.baud must be baud, 9600 to 12000000"),
        ("ulx3s-85f", [(r"^\[host\]", "[hosts]")], r"hosts is not known \(did you mean host\?\)"),
        ("ulx3s-85f", [("^title = .*", "title = 'a")], "not TOML"),
        (
            "ulx3s-85f",
            [("^title", "amaranth = 'a:B'\ntitle")],
            r"amaranth is not known \(it belongs to table \[pins\]\)",
        ),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, like: str, changes: list[tuple[str, str]], message: str
) -> None:
    path = written(tmp_path, like, *changes)
    with pytest.raises(SpecError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))


BAD = ("$(x)", "`x`", "a b", "a;b", 'a"b', "a'b", "a\\nb", "[x]", "{x}", "-x", "../x", "", "é")


@pytest.mark.parametrize(
    ("like", "key", "message"),
    [
        ("pynq-z2", "part", "part must be the part's full name"),
        ("pynq-z2", "board", "flash.board must be a board of openFPGALoader"),
        ("pynq-z2", "presets", "ps.presets must be a list of board parts, vendor:name"),
        ("kv260", "cable", "flash.cable must be a cable of openFPGALoader"),
        ("ulx3s-85f", "clk", "pins.clk must be a pin"),
        ("ulx3s-85f", "high", "pins.high must be a list of pins to hold high"),
        ("icebreaker", "rx", "pins.rx must be a pin"),
        ("tang-nano-9k", "standard", "pins.standard must be an I/O standard"),
    ],
)
@pytest.mark.parametrize("bad", BAD)
def test_no_text_reaches_a_script_that_scripts_would_read(
    tmp_path: Path, like: str, key: str, message: str, bad: str
) -> None:
    text = (SHIPPED / f"{like}.toml").read_text()
    if not re.search(f"^{key} = ", text, re.M):
        text = text.replace("[pins]\n", f'[pins]\n{key} = ""\n')
    bad = f"vendor:{bad}" if key == "presets" else bad
    value = f'"{bad}"' if '"' not in bad else f"'{bad}'"
    value = f"[{value}]" if key in ("presets", "high") else value
    path = tmp_path / "mine.toml"
    path.write_text(re.sub(f"^{key} = .*", lambda _: f"{key} = {value}", text, flags=re.M))
    with pytest.raises(SpecError, match=message):
        load(path)


@pytest.mark.parametrize("bad", ['"a\\nb"', '"\\u001b[31m"', '" "'])
def test_a_title_is_one_line(tmp_path: Path, bad: str) -> None:
    path = written(tmp_path, "pynq-z2")
    path.write_text(re.sub("^title = .*", lambda _: f"title = {bad}", path.read_text(), flags=re.M))
    with pytest.raises(SpecError, match="title must be a text of one line"):
        load(path)


@pytest.mark.parametrize("stem", ["a b", "$(x)", "-x", "a;b", ".x", "a\nb"])
def test_a_name_is_a_word(tmp_path: Path, stem: str) -> None:
    path = written(tmp_path, "pynq-z2")
    path = path.rename(tmp_path / f"{stem}.toml")
    with pytest.raises(SpecError, match="a board's name must be of letters, digits, "):
        every(tmp_path)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "pynq-z2",
        ("^part = .*\n", ""),
        ("^ports = .*", "ports = 0"),
        ("^link = .*\n", ""),
    )
    with pytest.raises(SpecError) as caught:
        load(path)
    problems = caught.value.details["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 3


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BitrillError, match=r"cannot read .*No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="not TOML"):
        load(tmp_path / "x.toml")
