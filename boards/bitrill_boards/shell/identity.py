"""What a serial board answers when asked who it is: the reply to the request IDENT."""

from __future__ import annotations

from dataclasses import dataclass

from bitrill.errors import SpecError

from ..driver import messages

MOST_BYTES = 0xFFFF - 4
"""Largest frame in bytes: a payload's length has 16 bits, and a result ends with 4 more bytes."""


@dataclass(frozen=True)
class Identity:
    """A board's network: its digest (8 bytes), its clock, bytes of a frame in and out."""

    digest: bytes
    clock_hz: int
    bytes_in: int
    bytes_out: int

    def __post_init__(self) -> None:
        for name, n in (("in", self.bytes_in), ("out", self.bytes_out)):
            if not 1 <= n <= MOST_BYTES:
                raise SpecError(f"a frame {name} must have 1 to {MOST_BYTES} bytes, not {n:,}")

    def pack(self) -> bytes:
        """Payload of the reply, in the layout of `messages.IDENTITY`."""
        sizes = (self.bytes_in, self.bytes_out)
        header = (messages.MAGIC, messages.VERSION, 0)
        return messages.IDENTITY.pack(*header, self.digest, self.clock_hz, *sizes)
