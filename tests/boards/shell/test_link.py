# amaranth: UnusedElaboratable=no
"""The device's end of the serial link, byte by byte, around a toy network."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from amaranth import Module
from amaranth.sim import Simulator
from bitrill.errors import SpecError
from bitrill_boards.driver import messages
from bitrill_boards.shell.crc import Crc
from bitrill_boards.shell.link import Identity, Link
from support import nightly

BYTES_IN, BYTES_OUT, TIMEOUT = 5, 3, 400
BYTES = 5 + BYTES_IN + 4
"""Length of a request that runs a frame."""

IDENTITY = Identity(b"digest!!", 25_000_000, BYTES_IN, BYTES_OUT)
DELAY = 30
"""Cycles that the toy takes between a frame's last byte in and its first byte out."""


def answer(frame: bytes) -> bytes:
    """The results of the toy network: sums of the bytes, shifted."""
    total = sum(frame)
    return bytes((total >> k) & 0xFF for k in range(BYTES_OUT))


class Bench:
    """A `Link`, a toy network behind it, and a host that sends and collects bytes."""

    def __init__(
        self, *, slow: int = 0, lazy: int = 1, stuck: bool = False, fault: bool = False
    ) -> None:
        self.link = Link(IDENTITY, timeout=TIMEOUT)
        self.m = Module()
        self.m.submodules.link = self.link
        self.sent, self.stuck = bytearray(), stuck
        self.gap, self.lazy, self.fault, self.resets = slow, lazy, fault, 0
        self.entered: list[int] = []
        self.left: list[int] = []

    def run(self, *script: bytes | int, linger: int = 1500) -> list[messages.Reply]:
        """Send bytes, and wait the cycles that a number gives; return the replies."""
        sim = Simulator(self.m)
        sim.add_clock(1e-6)

        async def host(ctx: Any) -> None:
            await self._host(ctx, script, linger)

        sim.add_testbench(host)
        sim.add_testbench(self._line, background=True)
        sim.add_testbench(self._network, background=True)
        sim.run()
        return messages.ReplyParser(100).feed(bytes(self.sent))

    async def _host(self, ctx: Any, script: tuple[bytes | int, ...], linger: int) -> None:
        rx = self.link.rx
        for item in (*script, linger):
            if isinstance(item, int):
                await ctx.tick().repeat(item)
                continue
            for byte in item:
                ctx.set(rx.payload, byte)
                ctx.set(rx.valid, 1)
                for _ in range(100):
                    _, _, ready = await ctx.tick().sample(rx.ready)
                    if ready:
                        break
                else:
                    raise TimeoutError("the link takes no byte")
                ctx.set(rx.valid, 0)
                await ctx.tick().repeat(self.gap + 1)

    async def _line(self, ctx: Any) -> None:
        tx, k = self.link.tx, 0
        async for _, _, valid, ready, byte in ctx.tick().sample(tx.valid, tx.ready, tx.payload):
            if valid and ready:
                self.sent.append(byte)
            k += 1
            ctx.set(tx.ready, k % 3 == 0)

    async def _network(self, ctx: Any) -> None:
        link, frame, out, wait, t = self.link, bytearray(), bytearray(), 0, 0
        ctx.set(link.i.ready, 1)
        ctx.set(link.fault, 0)
        async for _, _, valid, byte, ready, reset in ctx.tick().sample(
            link.i.valid & link.i.ready, link.i.payload, link.o.ready, link.reset
        ):
            t += 1
            ctx.set(link.i.ready, t % self.lazy == 0)
            ctx.set(link.enters, 0)
            ctx.set(link.leaves, 0)
            if reset:
                frame.clear()
                out.clear()
                self.resets += 1
                ctx.set(link.fault, 0)
            if out and wait == 0 and ready:
                del out[0]
            if valid:
                frame.append(byte)
            if len(frame) == BYTES_IN:
                self.entered.append(t)
                ctx.set(link.enters, 1)
                if self.fault:
                    ctx.set(link.fault, 1)
                elif not self.stuck:
                    out, wait = bytearray(answer(bytes(frame))), DELAY
                frame.clear()
            elif wait:
                wait -= 1
                if wait == 0:
                    self.left.append(t)
                    ctx.set(link.leaves, 1)
            ctx.set(link.o.valid, bool(out) and wait == 0)
            ctx.set(link.o.payload, out[0] if out else 0xEE)


def frame(seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(BYTES_IN)


def run_request(number: int) -> bytes:
    return messages.request(messages.RUN, number, frame(number))


def right(reply: messages.Reply) -> bool:
    out = answer(frame(reply.number))
    return reply.status == messages.DONE and reply.payload[:BYTES_OUT] == out


@pytest.mark.parametrize("data", [b"", b"123456789", bytes(range(256))])
def test_the_crc_is_zlibs(data: bytes) -> None:
    crc = Crc()

    async def bench(ctx: Any) -> None:
        for byte in data:
            ctx.set(crc.data, byte)
            ctx.set(crc.load, 1)
            await ctx.tick()
            ctx.set(crc.load, 0)
            for _ in range(8):
                assert ctx.get(crc.busy)
                await ctx.tick()
            assert not ctx.get(crc.busy)
        assert ctx.get(crc.value) ^ 0xFFFFFFFF == zlib.crc32(data)

    sim = Simulator(crc)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_it_says_what_it_is() -> None:
    (reply,) = Bench().run(messages.request(messages.IDENT, 7))
    assert (reply.status, reply.number) == (messages.DONE, 7)
    assert messages.device(reply.payload) == messages.SerialDevice(
        b"digest!!", 25_000_000, BYTES_IN, BYTES_OUT
    )


def test_a_frame_goes_through_with_its_cycles() -> None:
    bench = Bench()
    (reply,) = bench.run(run_request(1))
    assert right(reply)
    cycles = int.from_bytes(reply.payload[BYTES_OUT:], "little")
    assert cycles == bench.left[0] - bench.entered[0]


@pytest.mark.parametrize("slow", [0, 40])
def test_two_may_be_under_way(slow: int) -> None:
    """The next request comes in while one is answered."""
    first, *rest = (run_request(k) for k in range(8))
    script = [first, *(x for r in rest for x in (350, r))]
    replies = Bench(slow=slow).run(*script)
    assert [r.number for r in replies] == list(range(8))
    assert all(map(right, replies))


def test_a_request_sent_again_is_answered_alike() -> None:
    replies = Bench().run(run_request(3), 1000, run_request(3))
    assert replies[0] == replies[1]
    assert right(replies[0])


@pytest.mark.parametrize("at", [*range(0, BYTES, 3), *nightly(*(k for k in range(BYTES) if k % 3))])
def test_a_damaged_byte_gives_no_answer_of_the_network(at: int) -> None:
    """Whichever byte it is; and the next request, behind a pause, is answered."""
    damaged = bytearray(run_request(1))
    damaged[at] ^= 0x10
    bench = Bench()
    replies = bench.run(bytes(damaged), TIMEOUT + 10, run_request(2))
    assert [r.status for r in replies[:-1]] in ([], [messages.DAMAGED])
    assert replies[-1].number == 2
    assert right(replies[-1])
    assert len(bench.entered) == 1


@pytest.mark.parametrize(
    "length", [*range(1, BYTES, 3), *nightly(*(k for k in range(1, BYTES) if k % 3 != 1))]
)
def test_a_request_that_stops_is_forgotten(length: int) -> None:
    replies = Bench().run(run_request(1)[:length], TIMEOUT + 10, run_request(2))
    assert [r.number for r in replies] == [2]
    assert right(replies[0])


def test_noise_in_front_is_passed_over() -> None:
    replies = Bench().run(bytes(range(0x80)), run_request(2))
    assert [r.number for r in replies] == [2]


@pytest.mark.parametrize(
    ("operation", "payload"),
    [
        (messages.RUN, b""),
        (messages.RUN, b"1234"),
        (messages.RUN, b"123456"),
        (messages.IDENT, b"1"),
        (messages.RESET, b"1"),
        (3, b""),
        (255, frame(1)),
        (messages.RUN + 4, frame(1)),
    ],
)
def test_what_it_does_not_know_is_refused(operation: int, payload: bytes) -> None:
    bench = Bench()
    replies = bench.run(messages.request(operation, 9, payload), 500, run_request(2))
    assert [(r.status, r.number) for r in replies] == [(messages.UNKNOWN, 9), (messages.DONE, 2)]
    assert right(replies[1])


def test_a_third_request_is_dropped_whole() -> None:
    """While one waits: nothing of it reaches the network, nothing else is lost."""
    bench = Bench()
    replies = bench.run(b"".join(run_request(k) for k in range(4)), TIMEOUT + 10, run_request(5))
    assert all(map(right, replies))
    assert (replies[0].number, replies[-1].number) == (0, 5)
    assert len(bench.entered) == len(replies)


def test_a_network_slower_than_the_line_gets_each_frame_whole() -> None:
    """A request that comes too early is lost, and leaves the frame in front of it as it was."""
    frames = [bytes([16 * k + j for j in range(BYTES_IN)]) for k in range(1, 5)]
    script = [messages.request(messages.RUN, k, frame) for k, frame in enumerate(frames)]
    replies = Bench(lazy=60).run(*script)
    assert replies[0].number == 0
    assert len(replies) < len(frames)
    for reply in replies:
        assert reply.payload[:BYTES_OUT] == answer(frames[reply.number])


def test_reset_reaches_the_network() -> None:
    bench = Bench()
    replies = bench.run(messages.request(messages.RESET, 4), 500, run_request(2))
    assert (replies[0].status, replies[0].number, replies[0].payload) == (messages.DONE, 4, b"")
    assert bench.resets == 1
    assert right(replies[1])


def test_a_network_that_never_answers_is_reset() -> None:
    bench = Bench(stuck=True)
    replies = bench.run(
        run_request(1),
        2000,
        messages.request(messages.RESET, 4),
        500,
        messages.request(messages.IDENT, 5),
    )
    assert [r.number for r in replies] == [4, 5]
    assert bench.resets == 1


def test_a_frame_of_a_wrong_length_is_told() -> None:
    bench = Bench(fault=True)
    replies = bench.run(run_request(1), 1000, messages.request(messages.IDENT, 5))
    assert [(r.status, r.number, len(r.payload)) for r in replies] == [
        (messages.FAULT, 1, 0),
        (messages.DONE, 5, 28),
    ]
    assert bench.resets == 1


@pytest.mark.parametrize("n", [0, 65532])
def test_frames_that_a_length_cannot_say_are_refused(n: int) -> None:
    with pytest.raises(SpecError, match=r"a frame in must have 1 to 65531 bytes, not"):
        Identity(b"digest!!", 1, n, 1)


def test_replies_are_found_among_noise() -> None:
    """Cut, doubled or damaged bytes give no wrong reply, and no whole reply is lost."""
    rng = np.random.default_rng(0)
    whole = [messages.reply(0, k, rng.bytes(int(rng.integers(0, 20)))) for k in range(50)]
    line = bytearray()
    for text in whole:
        line += rng.bytes(int(rng.integers(0, 4)))
        line += text
    found = messages.ReplyParser(20)
    got = [r for k in range(0, len(line), 7) for r in found.feed(bytes(line[k : k + 7]))]
    got += found.flush()
    assert [messages.reply(r.status, r.number, r.payload) for r in got] == whole
