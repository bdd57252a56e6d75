"""A memory behind AXI4 in Amaranth's simulator: latency, stalls, errors, and the bus's rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

WORD = 8


@dataclass
class Memory:
    """A memory that records the bus's traffic and each broken rule.

    ``latency``: cycles from an address to its first word, or from a burst's last word to its
    response; ``stall``: the probability that a channel waits on a cycle; ``errors``: responses by
    address of a burst.
    """

    words: dict[int, int]
    latency: int = 3
    stall: float = 0.0
    seed: int = 0
    errors: dict[int, int] = field(default_factory=dict)
    read_beats: list[int] = field(default_factory=list)
    write_beats: list[int] = field(default_factory=list)
    bursts: list[tuple[str, int, int]] = field(default_factory=list)
    owed: int = 0
    """Words and responses that the memory has still to give, or to be given."""

    def check(self, kind: str, addr: int, length: int) -> None:
        n = length + 1
        assert addr % WORD == 0
        assert 1 <= n <= 16
        assert addr // 4096 == (addr + n * WORD - 1) // 4096, "a burst crosses 4 KiB"
        self.bursts.append((kind, addr, n))

    async def read_side(self, ctx: Any, bus: Any) -> None:
        """A testbench for ``read_channels``."""
        rng = np.random.default_rng(self.seed)
        queue: list[tuple[int, int, int, bool]] = []  # due, data, response, last
        t, held = 0, None
        see = (bus.arvalid, bus.arready, bus.araddr, bus.arlen, bus.rvalid, bus.rready)
        async for _, _, arvalid, arready, addr, length, rvalid, rready in ctx.tick().sample(*see):
            if arvalid and not arready:
                assert held in (None, (addr, length)), "an address changed while it waited"
                held = (addr, length)
            else:
                held = None
            if rvalid and rready:
                queue.pop(0)
                self.read_beats.append(t)
            if arvalid and arready:
                self.check("r", addr, length)
                response = self.errors.get(addr, 0)
                for k in range(length + 1):
                    word = self.words.get(addr + k * WORD, 0xDEAD)
                    queue.append((t + self.latency + k, word, response, k == length))
            t += 1
            self.owed = len(queue)
            offers = (
                bool(queue)
                and queue[0][0] <= t
                and ((rvalid and not rready) or rng.random() >= self.stall)
            )
            ctx.set(bus.rvalid, offers)
            if offers:
                _, data, response, last = queue[0]
                ctx.set(bus.rdata, data)
                ctx.set(bus.rresp, response)
                ctx.set(bus.rlast, last)
            ctx.set(bus.arready, rng.random() >= self.stall)

    async def write_side(self, ctx: Any, bus: Any) -> None:
        """A testbench for ``write_channels``."""
        rng = np.random.default_rng(self.seed + 1)
        addresses: list[tuple[int, int]] = []
        responses: list[tuple[int, int]] = []
        at, t, held, held_data = 0, 0, None, None
        see = (
            bus.awvalid,
            bus.awready,
            bus.awaddr,
            bus.awlen,
            bus.wvalid,
            bus.wready,
            bus.wdata,
            bus.wstrb,
            bus.wlast,
            bus.bvalid,
            bus.bready,
        )
        async for _, _, *seen in ctx.tick().sample(*see):
            (awvalid, awready, addr, length, wvalid, wready, data, strb, last, bvalid, bready) = (
                seen
            )
            if awvalid and not awready:
                assert held in (None, (addr, length)), "an address changed while it waited"
            held = (addr, length) if awvalid and not awready else None
            if held_data is not None:
                assert held_data == (wvalid, data, strb, last), "a word changed while it waited"
            held_data = (wvalid, data, strb, last) if wvalid and not wready else None
            if awvalid and awready:
                self.check("w", addr, length)
                addresses.append((addr, length))
            if wvalid and wready:
                assert addresses, "a word before its address"
                base, n = addresses[0]
                self.words[base + at * WORD] = data
                self.write_beats.append(t)
                assert last == (at == n), "the last word is marked"
                at += 1
                if last:
                    responses.append((t + self.latency, self.errors.get(base, 0)))
                    addresses.pop(0)
                    at = 0
            if bvalid and bready:
                responses.pop(0)
            t += 1
            offers = bool(responses) and responses[0][0] <= t
            ctx.set(bus.bvalid, offers)
            if offers:
                ctx.set(bus.bresp, responses[0][1])
            ctx.set(bus.awready, rng.random() >= self.stall)
            ctx.set(bus.wready, rng.random() >= self.stall)
