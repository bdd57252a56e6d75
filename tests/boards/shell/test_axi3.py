"""AXI3 to registers: every kind of burst under its own identifier, with stalls on all channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator
from bitrill_boards.shell.axi3 import FIXED, INCR, WRAP, Axi3ToLite
from bitrill_hw.design.axilite import AxiLite

BASE = 0x4000_0000
WORDS = 61
"""Registers; what is above is refused: a wrapping burst may begin there and come back."""

OKAY, SLVERR, DECERR = 0, 2, 3


@dataclass(frozen=True)
class Burst:
    write: bool
    address: int
    length: int = 1
    kind: int = INCR
    size: int = 2
    ident: int = 0
    data: tuple[int, ...] = ()

    @property
    def beats(self) -> list[int]:
        """Addresses by the standard (IHI 0022, A3.4.1)."""
        n = 1 << self.size
        aligned = self.address // n * n
        if self.kind == FIXED:
            return [self.address] * self.length
        found = [self.address] + [aligned + k * n for k in range(1, self.length)]
        if self.kind == WRAP:
            low = self.address // (n * self.length) * (n * self.length)
            found = [low + (a - low) % (n * self.length) for a in found]
        return found


class Bench:
    """The bridge in front of `WORDS` registers, and a model of these in Python."""

    def __init__(self, *, stall: float, seed: int, bits: int = 12):
        self.bits, self.stall, self.rng = bits, stall, np.random.default_rng(seed)
        self.m = Module()
        self.m.submodules.bridge = self.bridge = Axi3ToLite(bits, BASE)
        self.m.submodules.lite = self.lite = AxiLite(bits)
        wiring.connect(self.m, self.bridge.axi, self.lite.axi)
        self.model: dict[int, int] = {}
        self._registers(self.lite.bus)

    def _registers(self, bus: Any) -> None:
        """Registers that answer late if the bench stalls."""
        m = self.m
        self.file = Array(Signal(32, name=f"word{k}") for k in range(WORDS))
        late = Signal(8, init=1)
        m.d.sync += late.eq(Cat(late[7] ^ late[5] ^ late[4] ^ late[3], late))
        good = bus.address < WORDS
        m.d.comb += [
            bus.done.eq(bus.valid & (late[0] if self.stall else 1)),
            bus.error.eq(~good),
            bus.value.eq(Mux(good, self.file[bus.address[:6]], 0xBAD)),
        ]
        with m.If(bus.done & bus.write & good):
            m.d.sync += self.file[bus.address[:6]].eq(bus.data)

    def run(self, master: Any) -> None:
        async def whole(ctx: Any) -> None:
            await master(ctx)
            kept = [ctx.get(word) for word in self.file]
            assert {k: v for k, v in enumerate(kept) if v} == self.model
            self.ended = True

        self.ended = False
        simulator = Simulator(self.m)
        simulator.add_clock(1e-8)
        simulator.add_testbench(whole)
        for k in range(1, 100):
            if not self.ended:
                simulator.run_until(k * 1e-5)
        assert self.ended, "the bridge hangs"

    async def wait(self, ctx: Any) -> None:
        while self.rng.random() < self.stall:
            await ctx.tick()

    async def send(self, ctx: Any, channel: str, **fields: int) -> None:
        gp = self.bridge.gp
        await self.wait(ctx)
        for name, value in fields.items():
            ctx.set(getattr(gp, f"{channel}{name}"), value)
        valid, ready = getattr(gp, f"{channel}valid"), getattr(gp, f"{channel}ready")
        ctx.set(valid, 1)
        await ctx.tick().until(ready)
        ctx.set(valid, 0)

    async def take(self, ctx: Any, channel: str, *names: str) -> tuple[int, ...]:
        gp = self.bridge.gp
        await self.wait(ctx)
        ready = getattr(gp, f"{channel}ready")
        ctx.set(ready, 1)
        got = (
            await ctx.tick()
            .sample(*(getattr(gp, f"{channel}{n}") for n in names))
            .until(getattr(gp, f"{channel}valid"))
        )
        ctx.set(ready, 0)
        return got

    async def do(self, ctx: Any, b: Burst) -> tuple[int, list[int], list[int]]:
        """Identifier, responses and data of the answer."""
        channel = "aw" if b.write else "ar"
        asked = {
            "id": b.ident,
            "addr": b.address,
            "len": b.length - 1,
            "size": b.size,
            "burst": b.kind,
        }
        await self.send(ctx, channel, **asked)
        if b.write:
            for word in b.data:
                await self.send(ctx, "w", data=word, strb=15)
            ident, response = await self.take(ctx, "b", "id", "resp")
            return ident, [response], []
        idents, responses, data, lasts = zip(
            *[await self.take(ctx, "r", "id", "resp", "data", "last") for _ in range(b.length)],
            strict=True,
        )
        assert lasts == (0,) * (b.length - 1) + (1,)
        assert len(set(idents)) == 1
        return idents[0], list(responses), list(data)

    def golden(self, b: Burst) -> tuple[int, list[int], list[int]]:
        if b.address >> self.bits != BASE >> self.bits:
            return b.ident, [DECERR] * (1 if b.write else b.length), [0] * 0
        responses, data = [], []
        for k, address in enumerate(b.beats):
            word = (address - BASE) >> 2
            good = word < WORDS and address % 4 == 0
            responses.append(OKAY if good else SLVERR)
            if b.write and good:
                self.model[word] = b.data[k]
            if not b.write:
                data.append(self.model.get(word, 0) if good else 0)
        if b.write:
            responses = [next((r for r in responses if r), OKAY)]
        return b.ident, responses, data

    async def check(self, ctx: Any, b: Burst) -> None:
        ident, responses, data = await self.do(ctx, b)
        wanted = self.golden(b)
        assert (ident, responses) == wanted[:2], b
        if DECERR not in responses:
            assert data == wanted[2], b


def drawn(n: int, seed: int) -> list[Burst]:
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n):
        write, kind = bool(rng.integers(2)), int(rng.integers(3))
        size = 2 if write else int(rng.choice([0, 1, 2, 2, 2]))
        length = int(rng.choice([2, 4, 8, 16])) if kind == WRAP else int(rng.integers(1, 17))
        address = BASE + int(rng.integers(WORDS + 4)) * 4
        if not write and kind == INCR and k % 5 == 0:
            address += int(rng.integers(4))
        if k % 11 == 0:
            address += 1 << int(rng.integers(12, 30))
        if kind == WRAP:
            address = address >> size << size
        data = tuple(int(v) for v in rng.integers(1, 1 << 32, length)) if write else ()
        found.append(Burst(write, address, length, kind, size, int(rng.integers(4096)), data))
    return found


@pytest.mark.parametrize(("stall", "bits"), [(0.0, 12), (0.5, 12), (0.5, 25)])
def test_each_burst_is_answered(stall: float, bits: int) -> None:
    bench = Bench(stall=stall, seed=1, bits=bits)

    async def master(ctx: Any) -> None:
        for burst in drawn(80, seed=2):
            await bench.check(ctx, burst)

    bench.run(master)


def test_reads_go_on_while_a_write_waits_for_its_data() -> None:
    bench = Bench(stall=0.0, seed=1)

    async def master(ctx: Any) -> None:
        await bench.send(ctx, "aw", id=5, addr=BASE + 8, len=0, size=2, burst=INCR)
        assert await bench.do(ctx, Burst(False, BASE + 8, ident=6)) == (6, [OKAY], [0])
        await bench.send(ctx, "w", data=7, strb=15)
        assert await bench.take(ctx, "b", "id", "resp") == (5, OKAY)
        assert await bench.do(ctx, Burst(False, BASE + 8, ident=7)) == (7, [OKAY], [7])
        bench.model[2] = 7

    bench.run(master)


def test_nothing_is_taken_in_reset() -> None:
    """Nothing is accepted during reset, since it would never be answered."""
    bench = Bench(stall=0.0, seed=1)

    async def master(ctx: Any) -> None:
        for ready in (bench.bridge.gp.arready, bench.bridge.gp.awready):
            assert not ctx.get(ready)
        await bench.check(ctx, Burst(False, BASE, ident=1))

    bench.run(master)
