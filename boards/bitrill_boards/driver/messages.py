"""Messages on a serial line, as the device's end has them (``shell/link.py``), and nothing else.

request  A5 operation number length(2) payload CRC-32(4)
reply    5A status    number length(2) payload CRC-32(4)
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

REQUEST, REPLY = 0xA5, 0x5A
IDENT, RUN, RESET = 0, 1, 2
DONE, DAMAGED, UNKNOWN, FAULT = 0, 1, 2, 3
AROUND = 9
"""Bytes of a message beside its payload."""

MAGIC, VERSION = b"BTRL", 1
IDENTITY = struct.Struct("<4sHH8sIII")
"""Magic, version, nothing, digest of the network, clock in Hz, bytes of a frame in and out."""


@dataclass(frozen=True)
class Reply:
    status: int
    number: int
    payload: bytes


@dataclass(frozen=True)
class SerialDevice:
    """What IDENT tells: the network's digest, the clock, bytes of a frame in and out."""

    digest: bytes
    clock_hz: int
    bytes_in: int
    bytes_out: int


def request(operation: int, number: int, payload: bytes = b"") -> bytes:
    """A request's bytes."""
    body = struct.pack("<BBH", operation, number, len(payload)) + payload
    return bytes([REQUEST]) + body + zlib.crc32(body).to_bytes(4, "little")


def reply(status: int, number: int, payload: bytes = b"") -> bytes:
    """A reply's bytes: what a device sends."""
    body = struct.pack("<BBH", status, number, len(payload)) + payload
    return bytes([REPLY]) + body + zlib.crc32(body).to_bytes(4, "little")


def device(payload: bytes) -> SerialDevice:
    """What IDENT's reply says; raises `ValueError` where it is no such device."""
    if len(payload) != IDENTITY.size:
        raise ValueError(f"an identity must have {IDENTITY.size} bytes, not {len(payload)}")
    magic, version, _, digest, clock, n_in, n_out = IDENTITY.unpack(payload)
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError(f"an identity must begin with BTRL, version 1, not {magic!r}, {version}")
    return SerialDevice(digest, clock, n_in, n_out)


class ReplyParser:
    """Replies out of bytes that may be damaged, cut or doubled: `feed` gives those that are whole.

    ``most``: the longest payload there can be; a length above it is noise. Where a reply turns out
    to be damaged, the search goes on behind its first byte, so that none that follows is lost.
    """

    def __init__(self, most: int):
        self.most = most
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Reply]:
        self._bytes += data
        found: list[Reply] = []
        at = 0
        while True:
            at = self._bytes.find(REPLY, at)
            if at < 0:
                self._bytes.clear()
                return found
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
                found.append(Reply(status, number, bytes(body[4:])))
                at = end
            else:
                at += 1
        del self._bytes[:at]
        return found

    def flush(self) -> list[Reply]:
        """Nothing more will come of what is begun: the replies that hide behind it."""
        found: list[Reply] = []
        while self._bytes:
            del self._bytes[0]
            found += self.feed(b"")
        return found
