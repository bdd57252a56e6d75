"""Serial lines that never fall silent, and boards that lie: the driver gives up in bounded time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from bitrill_boards.driver import LinkError, messages
from bitrill_boards.driver.serial_transport import SerialTransport

DIGEST = bytes(range(8))


class Line:
    """A line on a clock of its own; ``answer`` gives the bytes that follow a request, ``idle``
    those that come when nothing else does, in ``pace`` seconds."""

    baud, slack = 115_200, 0.05

    def __init__(
        self,
        answer: Callable[[bytes], bytes] = lambda _: b"",
        idle: Callable[[], bytes] = lambda: b"",
        pace: float = 0.005,
    ):
        self.answer, self.idle, self.pace = answer, idle, pace
        self.now, self.waiting = 0.0, b""

    def seconds(self) -> float:
        return self.now

    def write(self, data: bytes) -> None:
        self.waiting += self.answer(data)

    def read(self, timeout: float) -> bytes:
        data, self.waiting = self.waiting or self.idle(), b""
        self.now += min(self.pace, timeout) if data else timeout
        return data

    def close(self) -> None: ...


def identity(
    request: bytes, clock: int = 25_000_000, n_in: int = 4, n_out: int = 2, magic: bytes = b"BTRL"
) -> bytes:
    payload = messages.IDENTITY.pack(magic, 1, 0, DIGEST, clock, n_in, n_out)
    return messages.reply(messages.DONE, request[2], payload)


def noise() -> Callable[[], bytes]:
    rng = np.random.default_rng(0)
    return lambda: rng.bytes(64)


def flipped(reply: bytes) -> bytes:
    return reply[:-1] + bytes([reply[-1] ^ 1])


NEVER = {
    "silence": (lambda _: b"", lambda: b"", 0.005),
    "noise": (lambda _: b"", noise(), 0.005),
    "zeros": (lambda _: b"", lambda: bytes(64), 0.005),
    "a byte before each silence": (lambda _: b"", lambda: b"\x00", 1.0),
    "heads of replies": (lambda _: b"", lambda: b"\x5a\x00\x01\x20\x00", 0.005),
    "damaged replies": (lambda r: flipped(identity(r)), lambda: b"", 0.005),
    "damaged replies in noise": (lambda r: flipped(identity(r)), noise(), 0.005),
    "answers to others": (
        lambda _: b"",
        lambda: messages.reply(messages.DONE, 200, b"x" * 28),
        0.005,
    ),
    "damage told without end": (lambda _: b"", lambda: messages.reply(1, 1), 0.005),
    "faults": (lambda r: messages.reply(messages.FAULT, r[2]), lambda: b"", 0.005),
}


@pytest.mark.parametrize("kind", NEVER)
def test_a_line_without_an_answer_is_given_up(kind: str) -> None:
    line = Line(*NEVER[kind])
    with pytest.raises(LinkError, match=r"^no answer (after 50 requests|within \d+ s, though )"):
        SerialTransport(line)
    assert line.now < 60


@pytest.mark.parametrize("kind", [k for k in NEVER if k != "silence"])
def test_a_board_that_falls_into_it_is_given_up(kind: str) -> None:
    """It answered before, so the driver knows it."""
    line = Line(identity)
    transport = SerialTransport(line)
    line.answer, line.idle, line.pace = NEVER[kind]
    began = line.now
    with pytest.raises(LinkError, match=r"^no answer "):
        list(transport.run([b"abcd"] * 3))
    assert line.now - began < 60


LIES = {
    "no network": ({"magic": b"GPS!"}, "an identity must begin with BTRL"),
    "no clock": ({"clock": 0}, "an identity's clock must be 1000..2000000000 Hz, not 0"),
    "a slow clock": ({"clock": 1}, "an identity's clock must be 1000..2000000000 Hz, not 1"),
    "a fast clock": ({"clock": 2**32 - 1}, "Hz, not 4294967295"),
    "nothing in": ({"n_in": 0}, "1..65535 bytes in, 1..65531 out, not 0 and 2"),
    "much out": ({"n_out": 2**32 - 1}, "1..65531 out, not 4 and 4294967295"),
}


@pytest.mark.parametrize("kind", LIES)
def test_an_identity_that_cannot_be(kind: str) -> None:
    options, message = LIES[kind]
    with pytest.raises(LinkError, match=f"^the device is no Bitrill network: .*{message}"):
        SerialTransport(Line(lambda r: identity(r, **options)))


def test_cycles_that_cannot_be_are_not_waited_for() -> None:
    """A board that says that a frame takes days is still found dead in minutes."""
    line = Line(lambda r: identity(r, clock=1000))
    transport = SerialTransport(line)
    line.answer = lambda r: messages.reply(messages.DONE, r[2], b"yy" + b"\xff" * 4)
    assert next(iter(transport.run([b"abcd"]))) == (b"yy", 2**32 - 1)
    line.answer, began = (lambda _: b""), line.now
    with pytest.raises(LinkError, match=r"^no answer after 50 requests"):
        list(transport.run([b"abcd"]))
    assert line.now - began < 3600


def test_an_answer_is_found_in_noise() -> None:
    line = Line(identity, noise())
    transport = SerialTransport(line)
    line.answer = lambda r: messages.reply(messages.DONE, r[2], b"yy\x07\x00\x00\x00")
    assert list(transport.run([b"abcd"] * 20)) == [(b"yy", 7)] * 20
