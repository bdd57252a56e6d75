"""Checks a bitstream file by its content: that it is for the board's chip, and of this build.

The formats: Xilinx ``.bit`` (`BitFile`), ECP5 (Project Trellis), Gowin ``.fs`` (Project Apicula)
and iCE40 (Project IceStorm).
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitrill.errors import SpecError
from bitrill.storage import read_bytes

from ..driver.bitfile import BitFile, part_key
from ..driver.driver_errors import DriverError

MASKS = {"zynq7": 0x0FFFFFFF, "zynqmp": 0x0FFFFFFF, "gowin": 0x0FFFFFFF, "ecp5": 0xFFFFFFFF}
"""Bits of an IDCODE that identify a chip. The top four are a revision, but on the ECP5 they
distinguish a 12F from a 25F. An iCE40 has no IDCODE."""

_ICE40 = {(872, 272): "iCE40HX8K", (692, 336): "iCE40UP5K", (332, 144): "iCE40HX1K"}
"""Chips by width and height of a bank of configuration memory; LP parts equal HX parts."""

_ICE40_BANK_WIDTH, _ICE40_BANK_HEIGHT, _ICE40_DATA = 0x62, 0x72, b"\x01\x01"
"""Commands of iCE40 bitstreams: width of a bank less 1, its height; the first data follows."""


@dataclass(frozen=True)
class FlashTarget:
    """Board that a bitstream is for, as its manifest (``board.json``) describes it.

    ``sha256``: of the bitstream that was built; ``digest``: of the network in it.
    """

    board: str
    family: str
    part: str
    idcode: int | None
    flash: Mapping[str, str]
    sha256: str | None
    digest: str

    @staticmethod
    def of(manifest: Mapping[str, Any]) -> "FlashTarget":
        """Read it from a manifest, which was checked when it was loaded."""
        named = {k: manifest.get(k) for k in ("board", "family", "part", "idcode", "flash")}
        digest = manifest.get("network", {}).get("digest", "")
        sha256 = manifest.get("bitstream_sha256")
        # JSON values have no types that pyright could compare with the fields
        return FlashTarget(**named, sha256=sha256, digest=digest)  # pyright: ignore

    @property
    def over_spi(self) -> bool:
        """Whether the board is loaded over SPI: its chip has no JTAG port, and no IDCODE."""
        return self.family == "ice40"

    def has(self, idcode: int) -> bool:
        """Return whether a chip with that IDCODE is the board's."""
        mask = MASKS[self.family]
        return self.idcode is not None and not (idcode ^ self.idcode) & mask


def check(target: FlashTarget, bitstream: Path) -> bytes:
    """Return the file's bytes; raise `SpecError` if it is for another part or was changed."""
    raw = read_bytes(bitstream)
    _FAMILIES[target.family](target, bitstream.name, raw)
    if target.sha256 is not None and hashlib.sha256(raw).hexdigest() != target.sha256:
        raise SpecError(
            f"{bitstream.name} was changed since it was built: build {target.board} again"
        )
    return raw


def _xilinx(target: FlashTarget, name: str, raw: bytes) -> None:
    try:
        bit = BitFile.parse(raw, name)
    except DriverError as error:
        raise SpecError(str(error)) from None
    if part_key(bit.part) != part_key(target.part):
        raise _other(target, name, f"part {bit.part}")
    if bit.idcode is not None and not target.has(bit.idcode):
        raise _other(target, name, f"IDCODE 0x{bit.idcode:08x}")
    user = re.search(r"UserID=0X([0-9A-F]{8})", bit.fields.get("design", ""), re.I)
    own = target.digest[:8].lower()
    if user is not None and own and user.group(1).lower() not in (own, "ffffffff"):
        raise SpecError(
            f"{name} holds another network (its UserID is {user.group(1).lower()}, this build's"
            f" {own}): build {target.board} again"
        )


def _ecp5(target: FlashTarget, name: str, raw: bytes) -> None:
    if raw[:2] != b"\xff\x00":
        raise SpecError(f"{name} is not an ECP5 bitstream")
    comment, _, data = raw[2:].partition(b"\xff")
    said = re.search(rb"Part: *([\w-]+)", comment)
    part = said.group(1).decode() if said else ""
    if part and part.split("-")[:2] != target.part.split("-")[:2]:
        raise _other(target, name, f"part {part}")
    # preamble 0xBDB3, dummy bytes, LSC_RESET_CRC (0x3B), then VERIFY_ID (0xE2) with the IDCODE
    verify = re.search(rb"\xbd\xb3\xff*\x3b...\xe2...(....)", data[:256], re.S)
    if verify is None:
        raise SpecError(f"{name} contains no IDCODE: it is not a whole ECP5 bitstream")
    idcode = int.from_bytes(verify.group(1), "big")
    if not target.has(idcode):
        raise _other(target, name, f"IDCODE 0x{idcode:08x}")


def _gowin(target: FlashTarget, name: str, raw: bytes) -> None:
    for line in raw[:4096].split(b"\n"):
        bits = line.strip()
        # command 0x06 checks the IDCODE in its last 32 bits
        if set(bits) <= set(b"01") and len(bits) == 64 and int(bits[:8], 2) & 0x7F == 0x06:
            idcode = int(bits[32:], 2)
            if not target.has(idcode):
                raise _other(target, name, f"IDCODE 0x{idcode:08x}")
            return
    raise SpecError(f"{name} contains no IDCODE: it is not a Gowin bitstream (.fs)")


def _ice40(target: FlashTarget, name: str, raw: bytes) -> None:
    at = raw[:256].find(b"\x7e\xaa\x99\x7e")
    size = _ice40_banks(raw, at + 4) if at >= 0 else None
    if size is None:
        raise SpecError(f"{name} is not an iCE40 bitstream")
    chip = _ICE40.get(size)
    if chip is None or not target.part.lower().startswith(chip.lower()):
        raise _other(target, name, chip or f"a chip with banks of {size[0]} x {size[1]} bits")


def _ice40_banks(raw: bytes, at: int) -> tuple[int, int] | None:
    """Read width and height of the banks from the commands before the first data.

    The low half of a command's byte is the number of bytes that follow it.
    """
    width = height = 0
    while at + 3 <= len(raw) and raw[at : at + 2] != _ICE40_DATA:
        length = raw[at] & 0x0F
        value = int.from_bytes(raw[at + 1 : at + 1 + length], "big")
        if raw[at] == _ICE40_BANK_WIDTH:
            width = value + 1
        elif raw[at] == _ICE40_BANK_HEIGHT:
            height = value
        at += 1 + length
    return (width, height) if width and height else None


def _other(target: FlashTarget, name: str, what: str) -> SpecError:
    own = target.part if target.idcode is None else f"{target.part}, IDCODE 0x{target.idcode:08x}"
    return SpecError(f"{name} is for another chip ({what}) than {target.board} has ({own})")


_FAMILIES: Mapping[str, Callable[[FlashTarget, str, bytes], None]] = {
    "zynq7": _xilinx,
    "zynqmp": _xilinx,
    "ecp5": _ecp5,
    "gowin": _gowin,
    "ice40": _ice40,
}
