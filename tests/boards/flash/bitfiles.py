"""Small bitstreams in the tools' formats: correct headers and random data."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

from bitrill_boards import board

SYNC = b"\xff" * 32 + bytes.fromhex("000000BB11220044") + b"\xff" * 8 + bytes.fromhex("AA995566")


def manifest(name: str) -> dict[str, Any]:
    """The part of a board's ``board.json`` that ``flash`` reads."""
    b = board.find(name)
    flash = dict(b.flash)
    return {"board": b.name, "family": b.family, "part": b.part, "idcode": b.idcode, "flash": flash}


def noise(n: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(n)


def xilinx(
    part: str, *, idcode: int | None = 0x03727093, size: int = 20_000, seed: int = 1
) -> bytes:
    """A ``.bit``: ``size`` bytes of data behind the head of the data."""

    def field(key: bytes, text: bytes) -> bytes:
        return key + struct.pack(">H", len(text) + 1) + text + b"\0"

    data = SYNC
    if idcode is not None:
        data += bytes.fromhex("30018001") + struct.pack(">I", idcode)
    data += noise(size, seed)
    return (
        bytes.fromhex("0009 0ff00ff00ff00ff000 0001")
        + field(b"a", b"bitrill;UserID=0XFFFFFFFF;Version=2024.1")
        + field(b"b", part.encode())
        + field(b"c", b"2026/01/01")
        + field(b"d", b"00:00:00")
        + b"e"
        + struct.pack(">I", len(data))
        + data
    )


def xilinx_data(raw: bytes) -> bytes:
    """The configuration data of one."""
    return raw[raw.index(b"\xff" * 32) :]


def ecp5(part: str = "LFE5U-85F-6CABGA381", idcode: int = 0x41113043, size: int = 20_000) -> bytes:
    """A bitstream in the format of ecppack."""
    head = b"\xff\x00" + f"Part: {part}".encode() + b"\0\xff"
    verify = b"\x3b\0\0\0\xe2\0\0\0" + struct.pack(">I", idcode)
    return head + b"\xff\xff\xbd\xb3\xff\xff\xff\xff" + verify + noise(size)


def ecp5_data(raw: bytes) -> bytes:
    """The part of an ECP5 bitstream that is shifted in: from the preamble on."""
    return raw[raw.index(b"\xff\xff\xbd\xb3") :]


def gowin(idcode: int = 0x1100481B, lines: int = 712) -> bytes:
    """A ``.fs``: one line of text a row."""
    head = [
        "1" * 160,
        "1" * 16,
        "1010010111000011",
        f"{0x06:08b}{0:024b}{idcode:032b}",
        f"{0x10:08b}{0x00AE00000000:056b}",
        f"{0x51:08b}{0x00FFFFFFFFFFFF:056b}",
        f"{0x0B:08b}{0:024b}",
        f"{0xD2:08b}{0x00FFFF00000000:056b}",
        f"{0x12:08b}{0:024b}",
        f"{0x3B:08b}{0x800000 | lines:056b}"[:64],
    ]
    rows = ["".join(f"{b:08b}" for b in noise(368, seed)) for seed in range(lines)]
    return "\n".join([*head, *rows, "1" * 144, f"{0x08:08b}{0:024b}", "1" * 16, ""]).encode()


def gowin_data(raw: bytes) -> bytes:
    """The part of a Gowin bitstream that is shifted in."""
    text = raw.replace(b"\n", b"")
    return int(text, 2).to_bytes(len(text) // 8, "big")


def ice40(width: int = 872, height: int = 272, size: int = 2000) -> bytes:
    """A bitstream in the format of icepack."""
    head = bytes.fromhex("ff0000ff 7eaa997e 5100 0105 920020")
    width_bytes, height_bytes = (v.to_bytes(2, "big") for v in (width - 1, height))
    head += b"\x62" + width_bytes + b"\x82\0\0" + b"\x72" + height_bytes + b"\x11\0\x01\x01"
    return head + bytes(size)


def written(folder: Path, name: str, raw: bytes) -> Path:
    path = folder / name
    path.write_bytes(raw)
    return path
