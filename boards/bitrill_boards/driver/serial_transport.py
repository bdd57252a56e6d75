"""Runs a network over a serial line, with a protocol that tolerates lost and damaged bytes.

Each frame has a number, and is sent again until it is answered. The number distinguishes a late or
repeated answer from the right one; an answer counts only if its CRC-32 is correct. Two requests are
pending at a time, so that both directions of the line are busy.
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
"""Number of requests pending at a time: the board can store so many."""

TRIES = 50
"""How often a frame is sent before the driver gives up."""

NOISE_TIMEOUTS = 4
"""If only noise follows a request, it is sent again after so many times the usual timeout."""

NOISE_SECONDS = 30.0
"""Seconds of noise without an answer after which the driver gives up: it may never be silent."""

MOST_COMPUTING = 10.0
"""Longest time in seconds that a frame is assumed to take, whatever clock the board reports."""


class SerialLine(Protocol):
    """A line of bytes in both directions.

    ``slack``: seconds that a byte may be late, in addition to its time on the line.
    """

    baud: int
    slack: float

    def seconds(self) -> float:
        """Return the time in seconds, by the line's clock."""
        ...

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> bytes:
        """Return the received bytes; none only after ``timeout`` seconds without a byte."""
        ...

    def close(self) -> None: ...


class PySerial:
    """A serial port of this computer, through pyserial; ``port`` may also be one of its URLs."""

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

    ``tries``: how often a frame is sent at most. ``device``: the board's answer to IDENT.
    ``resent``: requests that were sent again; ``damaged``: those that reached the board damaged.
    Raises `LinkError` if no Bitrill network answers.
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
            except ValueError as error:  # perhaps a late answer to an earlier program
                if self._number > WINDOW:
                    raise LinkError(f"the device is no Bitrill network: {error}") from None
        self._replies = messages.ReplyParser(max(64, device.bytes_out + 4))
        return device

    def reset(self) -> None:
        """Reset the network; frames inside are lost."""
        list(self._exchange([(messages.RESET, b"")], 0))

    def run(self, frames: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """Yield the resulting frame and its cycles for each frame of bytes, in order."""
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
        """Send requests, ``(operation, payload)``; yield their replies in order.

        ``size``: bytes of a correct reply's payload.
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
        """Wait for at least one reply; send requests again that seem lost."""
        timeout = self._timeout(max(len(p.message) for p in under_way.values()) + size)
        began = sent = self.line.seconds()
        while True:
            data = self.line.read(timeout)
            replies = self._replies.feed(data) if data else self._replies.flush()
            before = len(done)
            for reply in replies:
                self._take(reply, under_way, done, size)
            if len(done) > before:
                return
            now = self.line.seconds()
            if data and now - began > max(NOISE_SECONDS, self.tries * timeout):
                raise self._unanswered(f"within {now - began:.0f} s, though bytes arrive")
            if not data or now - sent > NOISE_TIMEOUTS * timeout:
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
                "the board refuses the request: it was built for frames of another length"
            )
        if reply.status == messages.FAULT or len(reply.payload) != size:
            return
        del under_way[reply.number]
        done[reply.number] = reply

    def _again(self, under_way: dict[int, _Pending]) -> None:
        """Send all pending requests again: after the timeout they count as lost."""
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

    def _timeout(self, size: int) -> float:
        """Return the seconds of silence after which a request counts as lost.

        They are more than the board waits for the rest of a request, and than the network computes.
        """
        line = (WINDOW * size + 60) * 10 / self.line.baud + self.line.slack
        return line + WINDOW * self._computing


class _Pending:
    """A request without an answer yet, and how often it was sent."""

    def __init__(self, message: bytes):
        self.message, self.tries = message, 1
