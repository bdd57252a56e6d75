"""The registers of the shell as its page tells of them."""

from __future__ import annotations

import re

from bitrill_boards.driver import registers as r
from support import ROOT

PAGE = (ROOT / "docs" / "shell.md").read_text()
STATUS = (
    "BUSY",
    "DONE",
    "READ_SLVERR",
    "READ_DECERR",
    "WRITE_SLVERR",
    "WRITE_DECERR",
    "FRAME_ERROR",
    "STOPPED",
)


def rows(pattern: str) -> dict[str, int]:
    """Names in the second column by the numbers in the first one."""
    found = {}
    for numbers, names in re.findall(rf"^\| ({pattern}) \| ([A-Z_, ]+) \|", PAGE, re.MULTILINE):
        full = re.sub(r"(\w+)_LOW, _HIGH", r"\1_LOW, \1_HIGH", names)
        pairs = zip(numbers.split(", "), full.split(", "), strict=True)
        found |= {name: int(number, 0) for number, name in pairs}
    return found


def test_offsets_are_those_of_the_page() -> None:
    assert rows("0x.., 0x..|0x..") == r.OFFSETS
    assert f"| {r.WEIGHTS:#x} .. |" in PAGE
    assert f"`BTRS` ({r.IDENTITY:#x})" in PAGE


def test_bits_are_those_of_the_page() -> None:
    assert {name: 1 << bit for name, bit in rows("., .|.").items()} == {
        name: getattr(r, name) for name in STATUS
    }
    assert r.CLEAR == sum(getattr(r, name) for name in STATUS[1:]) == 0xFE
