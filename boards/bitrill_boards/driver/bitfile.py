"""Parses Xilinx bitstream files (``.bit``): the part they are for, and their data for Linux.

Header: two length-prefixed fields, then ``a`` design, ``b`` part, ``c`` date, ``d`` time, each with
a length of 2 bytes, and ``e``, the configuration data with a length of 4; all high byte first.
"""

from __future__ import annotations

import re
import struct

import numpy as np

from .driver_errors import DriverError

_NAMES = {b"a": "design", b"b": "part", b"c": "date", b"d": "time"}
_WRITE_IDCODE = b"\x30\x01\x80\x01"
"""Configuration packet that writes one word to the register IDCODE."""


class BitFile:
    """A parsed file: ``fields`` (design, part, date, time) and ``data``, the configuration data."""

    def __init__(self, fields: dict[str, str], data: bytes):
        self.fields, self.data = fields, data

    @staticmethod
    def parse(raw: bytes, name: str = "the bitstream") -> BitFile:
        """Parse a file's bytes; raise `DriverError` if they are not a complete ``.bit``."""
        try:
            fields, data = _parse(raw)
        except (struct.error, IndexError, KeyError, UnicodeDecodeError):
            raise DriverError(f"{name} is not a Xilinx .bit file") from None
        if data is None:
            raise DriverError(f"{name} is cut off: some of its configuration data is missing")
        if len(data) % 4:
            raise DriverError(f"{name} must have whole 32-bit words, not {len(data)} bytes")
        return BitFile(fields, data)

    @property
    def part(self) -> str:
        return self.fields.get("part", "")

    @property
    def idcode(self) -> int | None:
        """IDCODE that the configuration data expects; None if it contains none."""
        at = self.data.find(_WRITE_IDCODE)
        if at < 0 or len(self.data) < at + 8:
            return None
        return int.from_bytes(self.data[at + 4 : at + 8], "big")

    def swapped(self) -> bytes:
        """Return the data with the bytes of each word swapped: the FPGA manager's ``.bin``."""
        return np.frombuffer(self.data, ">u4").astype("<u4").tobytes()


def part_key(part: str) -> str:
    """Return die and package from a part's name; two spellings of a part have the same key.

    ``7z020clg400`` for ``xc7z020clg400-1``, ``zu3egsbva484`` for ``xczu3eg-sbva484-1-i``.
    """
    name = re.sub("^xc", "", part.strip().lower())
    match = re.match(r"([a-z0-9]+?)-?([a-z]{3,4}\d{3,4})(-.*)?$", name)
    return match.group(1) + match.group(2) if match else name


def _parse(raw: bytes) -> tuple[dict[str, str], bytes | None]:
    """Return the header's fields and the data, None if the data is cut off."""
    (n,) = struct.unpack_from(">H", raw, 0)
    at = 2 + n
    if n != 9 or struct.unpack_from(">H", raw, at) != (1,):
        raise KeyError("not a .bit")
    at += 2
    fields = {}
    while raw[at : at + 1] != b"e":
        key = _NAMES[raw[at : at + 1]]
        (n,) = struct.unpack_from(">H", raw, at + 1)
        fields[key] = raw[at + 3 : at + 3 + n].split(b"\0")[0].decode("ascii")
        at += 3 + n
    (n,) = struct.unpack_from(">I", raw, at + 1)
    data = raw[at + 5 : at + 5 + n]
    return fields, data if len(data) == n else None
