# amaranth: UnusedElaboratable=no
"""The serial line, bit by bit: drifting clocks, spikes, missing stop bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from amaranth import Module
from amaranth.sim import Simulator
from bitrill.errors import SpecError
from bitrill_boards.shell.uart import Receiver, Transmitter, divisor


def line(data: bytes, bit: float, *, stop: float = 1.0) -> list[int]:
    """Samples of a line, one a cycle, that carries ``data`` with bits of ``bit`` cycles."""
    edges: list[tuple[float, int]] = []
    t = 3.0
    for byte in data:
        for level in (0, *(byte >> k & 1 for k in range(8))):
            edges.append((t, level))
            t += bit
        edges.append((t, 1))
        t += bit * stop
    samples, level, k = [], 1, 0
    for now in range(int(t + 3 * bit)):
        while k < len(edges) and edges[k][0] <= now:
            level, k = edges[k][1], k + 1
        samples.append(level)
    return samples


def received(d: int, samples: list[int]) -> bytes:
    receiver, got = Receiver(d), bytearray()

    async def bench(ctx: Any) -> None:
        ctx.set(receiver.o.ready, 1)
        for sample in samples:
            ctx.set(receiver.rx, sample)
            _, _, valid, byte = await ctx.tick().sample(receiver.o.valid, receiver.o.payload)
            if valid:
                got.append(byte)

    sim = Simulator(receiver)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return bytes(got)


DATA = bytes([0x00, 0xFF, 0x55, 0xAA, 0xA5, 0x5A, 0x01, 0x80])


@pytest.mark.parametrize("d", [8, 9, 12, 25, 100])
@pytest.mark.parametrize("drift", [-0.03, 0.0, 0.03])
def test_bytes_arrive_at_clocks_that_drift(d: int, drift: float) -> None:
    assert received(d, line(DATA, d * (1 + drift))) == DATA


def test_a_spike_is_no_start_bit_and_no_error() -> None:
    rng = np.random.default_rng(0)
    samples = line(DATA, 16)
    for k in rng.choice(len(samples) // 16 - 1, len(samples) // 32, replace=False):
        samples[k * 16 + int(rng.integers(0, 2))] ^= 1  # one sample of a bit, at most
    assert received(16, [1] * 20 + samples) == DATA


def test_a_byte_without_stop_bit_is_dropped_alone() -> None:
    broken = [0] * 16 * 12 + [1] * 16
    assert received(16, line(b"a", 16) + broken + line(b"b", 16)) == b"ab"


@pytest.mark.parametrize("d", [8, 13])
def test_what_is_sent_is_received(d: int) -> None:
    m = Module()
    m.submodules.send = send = Transmitter(d)
    m.submodules.get = get = Receiver(d)
    m.d.comb += get.rx.eq(send.tx)
    got, moved = bytearray(), []

    async def bench(ctx: Any) -> None:
        ctx.set(get.o.ready, 1)
        k = 0
        for t in range(10 * d * (len(DATA) + 2)):
            ctx.set(send.i.valid, k < len(DATA))
            ctx.set(send.i.payload, DATA[min(k, len(DATA) - 1)])
            _, _, ready, valid, byte = await ctx.tick().sample(
                send.i.ready, get.o.valid, get.o.payload
            )
            if ready and k < len(DATA):
                moved.append(t)
                k += 1
            if valid:
                got.append(byte)

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert bytes(got) == DATA
    assert set(np.diff(moved).tolist()) == {10 * d}  # the line is never idle


def test_baud_rates() -> None:
    assert divisor(25e6, 1_000_000) == 25
    assert divisor(12e6, 115_200) == 104
    with pytest.raises(SpecError, match="must be at most 1,500,000 at 12 MHz, not 3,000,000"):
        divisor(12e6, 3_000_000)
    message = r"must be near a fraction of 12 MHz \(1,000,000, 1,090,909\), not 1,045,000"
    with pytest.raises(SpecError, match=message):
        divisor(12e6, 1_045_000)
