"""Runs a network at the other end of a serial line, over a protocol that survives a bad line.

Each frame has a number and is sent again until its answer comes. The number tells a late or
repeated answer from the right one, and an answer counts only if its CRC-32 is right. Two requests
are under way at once, so that both directions of the line are busy.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

from . import messages
from .driver_errors import LinkError
from .transport import FrameTransport

WINDOW = 2
"""Number of requests under way at once: the board has room for so many."""

TRIES = 50
"""Number of times that one frame is sent before the line is given up."""

NOISE_PATIENCES = 4
"""Number of patiences, as a silence is waited for, after which a request that only noise follows is
sent again."""

NOISE_SECONDS = 30.0
"""Seconds of noise without an answer after which the line is given up: it may never be silent."""

MOST_COMPUTING = 10.0
"""Most seconds that a frame is taken to compute, whatever the board says of its clock."""


class SerialLine(Protocol):
    """A line of bytes in both directions.

    ``slack``: seconds that a byte may be late, beside its time on the line.
    """

    baud: int
    slack: float

    def seconds(self) -> float:
        """Time on the line's clock, in seconds."""
        ...

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> bytes:
        """Return what has come; nothing only after ``timeout`` seconds without a byte."""
        ...

    def close(self) -> None: ...


class PySerial:
    """A serial port of this computer by pyserial; ``port`` may be one of its URLs, too."""

    slack = 0.05

    def __init__(self, port: str, baud: int):
        try:
            import serial
        except ImportError as error:
            raise LinkError("a serial port needs pyserial: pip install pyserial") from error
        try:
            self._port: Any = serial.serial_for_url(
                port, baudrate=baud, timeout=0, write_timeout=NOISE_SECONDS
            )
        except (serial.SerialException, ValueError) as error:
            raise LinkError(_cannot_open(port, error)) from error
        self.name, self.baud = port, baud

    def seconds(self) -> float:
        return time.monotonic()

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:
            raise self._gone(error) from error

    def read(self, timeout: float) -> bytes:
        try:
            self._port.timeout = timeout
            first = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, error: OSError) -> LinkError:
        return LinkError(
            f"the serial port {self.name} is gone ({error.strerror or error}):"
            " was the board unplugged, or is another program reading it?"
        )

    def close(self) -> None:
        self._port.close()


def _cannot_open(port: str, error: Exception) -> str:
    text = str(error)
    if "Permission" in text:
        return (
            f"no permission to open {port}: add yourself to the group that owns it"
            " (often dialout), or a udev rule for the cable"
        )
    if "No such file" in text or "could not open" in text:
        return f"there is no serial port {port}: is the cable plugged in?"
    return f"cannot open {port}: {text}"


class SerialTransport(FrameTransport):
    """`Transport` over a serial ``line``.

    ``tries``: how often a frame is sent at most. ``device``: what the board said of itself.
    ``resent``: requests that were sent again; ``damaged``: those that reached the board damaged.
    Raises `LinkError` where no Bitrill network answers.
    """

    def __init__(self, line: SerialLine, *, tries: int = TRIES):
        self.line, self.tries = line, tries
        self.resent = self.damaged = 0
        self._number = 0
        self._computing = 0.0  # longest time in seconds that a frame took in the network
        self._replies = messages.ReplyParser(0xFFFF)
        self.device = self._identify()

    def _identify(self) -> messages.SerialDevice:
        self._replies = messages.ReplyParser(64)
        device = None
        while device is None:
            reply = next(iter(self._exchange([(messages.IDENT, b"")], messages.IDENTITY.size)))
            try:
                device = messages.device(reply.payload)
            except ValueError as error:  # maybe a late answer to a program before this one
                if self._number > WINDOW:
                    raise LinkError(f"the device is no Bitrill network: {error}") from None
        self._replies = messages.ReplyParser(max(64, device.bytes_out + 4))
        return device

    def reset(self) -> None:
        """Reset the network; frames inside are lost."""
        list(self._exchange([(messages.RESET, b"")], 0))

    def run(self, frames: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """For each frame of bytes, in order, the frame that comes out and its cycles."""
        n = self.device.bytes_out

        def requests() -> Iterator[tuple[int, bytes]]:
            for frame in frames:
                if len(frame) != self.device.bytes_in:
                    raise LinkError(
                        f"a frame must have {self.device.bytes_in} bytes, not {len(frame)}"
                    )
                yield messages.RUN, frame

        for reply in self._exchange(requests(), n + 4):
            cycles = int.from_bytes(reply.payload[n:], "little")
            computing = min(cycles / self.device.clock_hz, MOST_COMPUTING)
            self._computing = max(self._computing, computing)
            yield reply.payload[:n], cycles

    def close(self) -> None:
        self.line.close()

    def _exchange(
        self, requests: Iterable[tuple[int, bytes]], size: int
    ) -> Iterator[messages.Reply]:
        """Send requests, ``(operation, payload)``; yields their replies in order.

        ``size``: bytes of a right reply's payload.
        """
        waiting = iter(requests)
        under_way: dict[int, _Pending] = {}
        order: list[int] = []
        done: dict[int, messages.Reply] = {}
        while True:
            for operation, payload in islice(waiting, WINDOW - len(order)):
                self._number = (self._number + 1) % 256
                message = messages.request(operation, self._number, payload)
                under_way[self._number] = _Pending(message)
                order.append(self._number)
                self.line.write(message)
            if not order:
                return
            self._collect(under_way, done, size)
            while order and order[0] in done:
                yield done.pop(order.pop(0))

    def _collect(
        self, under_way: dict[int, _Pending], done: dict[int, messages.Reply], size: int
    ) -> None:
        """Wait for at least one reply; requests that seem lost are sent again."""
        patience = self._patience(max(len(p.message) for p in under_way.values()) + size)
        began = sent = self.line.seconds()
        while True:
            data = self.line.read(patience)
            replies = self._replies.feed(data) if data else self._replies.flush()
            before = len(done)
            for reply in replies:
                self._take(reply, under_way, done, size)
            if len(done) > before:
                return
            now = self.line.seconds()
            if data and now - began > max(NOISE_SECONDS, self.tries * patience):
                raise self._unanswered(f"within {now - began:.0f} s, though bytes come")
            if not data or now - sent > NOISE_PATIENCES * patience:
                self._again(under_way)
                sent = self.line.seconds()

    def _take(
        self,
        reply: messages.Reply,
        under_way: dict[int, _Pending],
        done: dict[int, messages.Reply],
        size: int,
    ) -> None:
        if reply.status == messages.DAMAGED:
            self.damaged += 1
            return
        if reply.number not in under_way:
            return  # a repeated answer, or one to an earlier request
        if reply.status == messages.UNKNOWN:
            raise LinkError(
                "the device refuses the request: it was built for frames of another length"
            )
        if reply.status == messages.FAULT or len(reply.payload) != size:
            return
        del under_way[reply.number]
        done[reply.number] = reply

    def _again(self, under_way: dict[int, _Pending]) -> None:
        """Send all pending requests again: after so long a silence they count as lost."""
        for pending in under_way.values():
            pending.tries += 1
            if pending.tries > self.tries:
                raise self._unanswered(f"after {self.tries} requests")
            self.resent += 1
            self.line.write(pending.message)

    def _unanswered(self, when: str) -> LinkError:
        return LinkError(
            f"no answer {when} (sent again: {self.resent};"
            f" received damaged: {self.damaged}): is this the right port and baud rate?"
        )

    def _patience(self, size: int) -> float:
        """Seconds of silence after which a request counts as lost: longer than the board waits for
        the rest of a request, and longer than the network computes."""
        line = (WINDOW * size + 60) * 10 / self.line.baud + self.line.slack
        return line + WINDOW * self._computing


class _Pending:
    """A request that has no answer yet, and how often it was sent."""

    def __init__(self, message: bytes):
        self.message, self.tries = message, 1
