"""Bitstreams are recognised: those of each family, those of another part, and other files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bitrill.errors import SpecError
from bitrill_boards.board import every
from bitrill_boards.driver.bitfile import BitFile, part_key
from bitrill_boards.driver.driver_errors import DriverError
from bitrill_boards.flash.bitstreams import MASKS, FlashTarget, check
from boards.flash import bitfiles
from boards.flash.bitfiles import manifest, written

Z7045 = bitfiles.xilinx("7z045ffg900", idcode=0x03731093)

OWN = {
    "pynq-z1": bitfiles.xilinx("7z020clg400"),
    "pynq-z2": bitfiles.xilinx("xc7z020clg400-1", idcode=0x23727093),
    "zc706": Z7045,
    "ultra96-v2": bitfiles.xilinx("xczu3eg-sbva484-1-i", idcode=0x14710093),
    "kv260": bitfiles.xilinx("xck26-sfvc784-2LV-c", idcode=None),
    "ulx3s-85f": bitfiles.ecp5(),
    "colorlight-i5": bitfiles.ecp5("LFE5U-25F-6CABGA381", 0x41111043),
    "tang-nano-9k": bitfiles.gowin(0x1100481B, lines=4),
    "tang-primer-20k": bitfiles.gowin(0x0000081B, lines=4),
    "ice40-hx8k": bitfiles.ice40(872, 272),
    "icebreaker": bitfiles.ice40(692, 336),
}


@pytest.mark.parametrize("board", OWN)
def test_a_board_takes_its_own(tmp_path: Path, board: str) -> None:
    path = written(tmp_path, "b", OWN[board])
    assert check(FlashTarget.of(manifest(board)), path) == OWN[board]


OTHERS = [
    ("pynq-z2", Z7045, "part 7z045ffg900", "xc7z020clg400-1, IDCODE 0x03727093"),
    ("zedboard", OWN["pynq-z1"], "part 7z020clg400", "xc7z020clg484-1"),  # the same die
    ("zcu104", OWN["ultra96-v2"], "part xczu3eg-sbva484-1-i", "xczu7ev-ffvc1156-2-e"),
    (
        "pynq-z2",
        bitfiles.xilinx("7z020clg400", idcode=0x03722093),
        "IDCODE 0x03722093",
        "xc7z020clg400-1",
    ),
    ("ulx3s-85f", OWN["colorlight-i5"], "part LFE5U-25F-6CABGA381", "LFE5U-85F-6BG381C"),
    ("ulx3s-85f", bitfiles.ecp5(idcode=0x01113043), "IDCODE 0x01113043", "LFE5U-85F-6BG381C"),
    (
        "colorlight-i5",
        bitfiles.ecp5("LFE5U-25F-6CABGA381", 0x21111043),
        "IDCODE 0x21111043",
        "LFE5U-25F-6BG381C",
    ),
    ("tang-nano-9k", OWN["tang-primer-20k"], "IDCODE 0x0000081b", "GW1NR-LV9QN88PC6/I5"),
    ("icebreaker", OWN["ice40-hx8k"], "iCE40HX8K", "iCE40UP5K-SG48"),
    ("ice40-hx8k", OWN["icebreaker"], "iCE40UP5K", "iCE40HX8K-CT256"),
    ("icebreaker", bitfiles.ice40(100, 200), "a chip with banks of 100 x 200 bits", "iCE40UP5K"),
]


@pytest.mark.parametrize(("board", "raw", "what", "own"), OTHERS)
def test_another_s_is_refused(tmp_path: Path, board: str, raw: bytes, what: str, own: str) -> None:
    words = f"b.bit is for another chip ({what}) than {board} has ({own}"
    with pytest.raises(SpecError, match="^" + re.escape(words)):
        check(FlashTarget.of(manifest(board)), written(tmp_path, "b.bit", raw))


NONE = [
    ("pynq-z2", b"", "is not a Xilinx .bit file"),
    ("pynq-z2", b"\0\x09" + b"\xff" * 40, "is not a Xilinx .bit file"),
    ("pynq-z2", OWN["ulx3s-85f"], "is not a Xilinx .bit file"),
    ("pynq-z2", OWN["pynq-z2"][:-1], "is cut off: some of its configuration data is missing"),
    ("ulx3s-85f", OWN["pynq-z2"], "is not an ECP5 bitstream"),
    ("ulx3s-85f", OWN["ulx3s-85f"][:30], "contains no IDCODE: it is not a whole ECP5 bitstream"),
    ("tang-nano-9k", OWN["pynq-z2"], "contains no IDCODE: it is not a Gowin bitstream (.fs)"),
    ("icebreaker", OWN["ulx3s-85f"], "is not an iCE40 bitstream"),
    ("icebreaker", OWN["icebreaker"][:12], "is not an iCE40 bitstream"),
]


@pytest.mark.parametrize(("board", "raw", "words"), NONE)
def test_what_is_no_bitstream(tmp_path: Path, board: str, raw: bytes, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(f"b.bit {words}")):
        check(FlashTarget.of(manifest(board)), written(tmp_path, "b.bit", raw))


def test_words_must_be_whole() -> None:
    raw = bitfiles.xilinx("7z020clg400", size=21)
    with pytest.raises(DriverError, match="must have whole 32-bit words, not "):
        BitFile.parse(raw)


def test_fields_and_words_of_a_bit() -> None:
    raw = OWN["pynq-z1"]
    bit = BitFile.parse(raw)
    assert bit.fields == {
        "design": "bitrill;UserID=0XFFFFFFFF;Version=2024.1",
        "part": "7z020clg400",
        "date": "2026/01/01",
        "time": "00:00:00",
    }
    data = bitfiles.xilinx_data(raw)
    assert bit.data == data
    swapped = bit.swapped()
    assert [swapped[k : k + 4][::-1] for k in range(0, len(data), 4)] == [
        data[k : k + 4] for k in range(0, len(data), 4)
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("xc7z020clg400-1", "7z020clg400", True),
        ("xc7z020clg400-1", "xc7z020clg400-3", True),
        ("xc7z020clg400-1", "7z020clg484", False),
        ("xc7z010clg400-1", "7z020clg400", False),
        ("xczu3eg-sbva484-1-i", "zu3egsbva484", True),
        ("xczu3eg-sbva484-1-i", "zu3eg-sfvc784-1-i", False),
        ("xczu3eg-sbva484-1-i", "zu3cg-sbva484-1-i", False),
        ("xck26-sfvc784-2lv-c", "XCK26-SFVC784-2LV-C", True),
        ("xck26-sfvc784-2lv-c", "xck24-sfvc784-2lv-c", False),
    ],
)
def test_names_of_one_part(one: str, other: str, same: bool) -> None:
    assert (part_key(one) == part_key(other)) is same


def test_every_board_s_chip_is_known_by_its_own_idcode() -> None:
    for b in every():
        if b.idcode is None:
            assert b.family not in MASKS
            continue
        target = FlashTarget.of(manifest(b.name))
        assert target.has(b.idcode)
        assert target.has(b.idcode ^ 0x1000_0000) is (b.family != "ecp5")
        assert not target.has(b.idcode ^ 0x1000)


def test_a_bitstream_of_another_network(tmp_path: Path) -> None:
    """Vivado's header has room for the digest; where it is not used, nothing is said."""
    raw = OWN["pynq-z2"]
    told = manifest("pynq-z2") | {"network": {"digest": "1234abcd" * 8}}
    path = written(tmp_path, "b.bit", raw)
    check(FlashTarget.of(told), path)
    path.write_bytes(raw.replace(b"0XFFFFFFFF", b"0X1234ABCD"))
    check(FlashTarget.of(told), path)
    check(FlashTarget.of(manifest("pynq-z2")), path)
    path.write_bytes(raw.replace(b"0XFFFFFFFF", b"0X1234ABCE"))
    words = r"holds another network \(its UserID is 1234abce, this build's 1234abcd\): build pynq"
    with pytest.raises(SpecError, match=words):
        check(FlashTarget.of(told), path)
