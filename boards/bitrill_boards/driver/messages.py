"""Packs and parses the messages of the serial link; ``shell/link.py`` is the board's end.

request  A5 operation number length(2) payload CRC-32(4)
reply    5A status    number length(2) payload CRC-32(4)
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from .transport import Device

REQUEST, REPLY = 0xA5, 0x5A
IDENT, RUN, RESET = 0, 1, 2
DONE, DAMAGED, UNKNOWN, FAULT = 0, 1, 2, 3
AROUND = 9
"""Number of bytes of a message around its payload."""

MAGIC, VERSION = b"BTRL", 1
IDENTITY = struct.Struct("<4sHH8sIII")
"""Payload of IDENT's reply: magic, version, 0, digest, clock in Hz, bytes of a frame in and out."""

CLOCKS = (1_000, 2_000_000_000)
"""Slowest and fastest clock in Hz that a board may have."""

LONGEST = 0xFFFF
"""Bytes of the longest payload. The reply to RUN has a frame and four bytes for its cycles."""


@dataclass(frozen=True)
class Reply:
    """A complete reply with a correct CRC-32."""

    status: int
    number: int
    payload: bytes


@dataclass(frozen=True)
class SerialDevice(Device):
    """A board's answer to IDENT: digest of its network, clock, bytes of a frame in and out."""

    bytes_in: int = 0
    bytes_out: int = 0


def request(operation: int, number: int, payload: bytes = b"") -> bytes:
    """Return a request's bytes."""
    body = struct.pack("<BBH", operation, number, len(payload)) + payload
    return bytes([REQUEST]) + body + zlib.crc32(body).to_bytes(4, "little")


def reply(status: int, number: int, payload: bytes = b"") -> bytes:
    """Return a reply's bytes, as a board sends them."""
    body = struct.pack("<BBH", status, number, len(payload)) + payload
    return bytes([REPLY]) + body + zlib.crc32(body).to_bytes(4, "little")


def device(payload: bytes) -> SerialDevice:
    """Parse the payload of IDENT's reply; raise `ValueError` if no Bitrill network sent it."""
    if len(payload) != IDENTITY.size:
        raise ValueError(f"an identity must have {IDENTITY.size} bytes, not {len(payload)}")
    magic, version, _, digest, clock, n_in, n_out = IDENTITY.unpack(payload)
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError(f"an identity must begin with BTRL, version 1, not {magic!r}, {version}")
    if not CLOCKS[0] <= clock <= CLOCKS[1]:
        raise ValueError(f"an identity's clock must be {CLOCKS[0]}..{CLOCKS[1]} Hz, not {clock}")
    if not 0 < n_in <= LONGEST or not 0 < n_out <= LONGEST - 4:
        raise ValueError(
            f"an identity's frames must have 1..{LONGEST} bytes in, 1..{LONGEST - 4} out, not"
            f" {n_in} and {n_out}"
        )
    return SerialDevice(digest, clock, n_in, n_out)


class ReplyParser:
    """Finds complete replies in bytes that may be damaged, cut or repeated.

    ``most``: bytes of the longest possible payload; a greater length is noise. If a reply is
    damaged, the search continues at its second byte, so that no later reply is lost.
    """

    def __init__(self, most: int):
        self.most = most
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Reply]:
        """Add received bytes; return the replies that are now complete."""
        self._bytes += data
        replies: list[Reply] = []
        at = 0
        while True:
            at = self._bytes.find(REPLY, at)
            if at < 0:
                self._bytes.clear()
                return replies
            head = self._bytes[at + 1 : at + 5]
            if len(head) < 4:
                break
            status, number, size = struct.unpack("<BBH", head)
            if status > FAULT or size > self.most:
                at += 1
                continue
            end = at + size + AROUND
            if len(self._bytes) < end:
                break
            body, crc = self._bytes[at + 1 : end - 4], self._bytes[end - 4 : end]
            if zlib.crc32(body) == int.from_bytes(crc, "little"):
                replies.append(Reply(status, number, bytes(body[4:])))
                at = end
            else:
                at += 1
        del self._bytes[:at]
        return replies

    def flush(self) -> list[Reply]:
        """Abandon an incomplete reply; return complete ones within its bytes."""
        replies: list[Reply] = []
        while self._bytes:
            del self._bytes[0]
            replies += self.feed(b"")
        return replies
