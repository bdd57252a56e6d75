# amaranth: UnusedElaboratable=no
"""Memory movers over an AXI memory: every word, the bus's rules, its use, errors, stops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from bitrill_boards.shell.movers import Reader, Writer
from boards.shell.axi_memory import Memory

SOURCE, TARGET = 0x1000_0F80, 0x2000_0080
"""The first one 128 bytes in front of a page's end."""


class Copy:
    """A `Reader` whose words a `Writer` writes."""

    def __init__(self, memory: Memory, *, window: int = 256):
        self.memory = memory
        self.m = Module()
        self.m.submodules.reader = self.reader = Reader(32, window=window)
        self.m.submodules.writer = self.writer = Writer(32)
        wiring.connect(self.m, self.reader.o, self.writer.i)
        self.cycles = 0
        self.slverr = self.decerr = 0

    def run(self, words: int, *, stop: int | None = None, limit: int = 20_000) -> None:
        async def host(ctx: Any) -> None:
            for mover, address in ((self.reader, SOURCE), (self.writer, TARGET)):
                ctx.set(mover.address, address)
                ctx.set(mover.words, words)
                ctx.set(mover.start, 1)
            await ctx.tick()
            ctx.set(self.reader.start, 0)
            ctx.set(self.writer.start, 0)
            idle = (self.reader.idle, self.writer.idle)
            errors = [(x.slverr, x.decerr) for x in (self.reader, self.writer)]
            for t in range(limit):
                if t == stop:
                    ctx.set(self.reader.stop, 1)
                    ctx.set(self.writer.stop, 1)
                _, _, *seen = await ctx.tick().sample(*idle, *errors[0], *errors[1])
                self.slverr += seen[2] + seen[4]
                self.decerr += seen[3] + seen[5]
                if all(seen[:2]):
                    self.cycles = t
                    return
            raise TimeoutError(f"not idle after {limit} cycles")

        sim = Simulator(self.m)
        sim.add_clock(1e-6)
        sim.add_testbench(host)
        sim.add_testbench(self._read, background=True)
        sim.add_testbench(self._write, background=True)
        sim.run()

    async def _read(self, ctx: Any) -> None:
        await self.memory.read_side(ctx, self.reader.bus)

    async def _write(self, ctx: Any) -> None:
        await self.memory.write_side(ctx, self.writer.bus)


def filled(words: int, **options: Any) -> Memory:
    rng = np.random.default_rng(words)
    data = rng.integers(0, 1 << 63, words).tolist()
    return Memory({SOURCE + 8 * k: v for k, v in enumerate(data)}, **options)


def copied(memory: Memory, words: int) -> bool:
    same = all(
        memory.words[SOURCE + 8 * k] == memory.words.get(TARGET + 8 * k) for k in range(words)
    )
    return same and TARGET + 8 * words not in memory.words


@pytest.mark.parametrize("words", [1, 15, 16, 17, 33, 200])
@pytest.mark.parametrize(("latency", "stall"), [(1, 0.0), (20, 0.4), (7, 0.8)])
def test_every_word_arrives(words: int, latency: int, stall: float) -> None:
    memory = filled(words, latency=latency, stall=stall, seed=words)
    Copy(memory).run(words)
    assert copied(memory, words)
    for kind in "rw":
        sizes = [n for k, _, n in memory.bursts if k == kind]
        assert sizes == [16] * (words // 16) + ([words % 16] if words % 16 else [])


def test_the_port_is_used_at_a_hundred_cycles_of_latency() -> None:
    """The port is busy in at least 97 % of the cycles between the first and the last word."""
    words = 2600
    memory = filled(words, latency=100)
    Copy(memory).run(words)
    assert copied(memory, words)
    for beats in (memory.read_beats, memory.write_beats):
        assert words / (beats[-1] - beats[0] + 1) >= 0.97


def test_a_small_window_starves() -> None:
    """A small window keeps the port less busy, so the figure above is due to the window."""
    memory = filled(600, latency=100)
    Copy(memory, window=64).run(600)
    beats = memory.read_beats
    assert 600 / (beats[-1] - beats[0] + 1) < 0.6


@pytest.mark.parametrize(("response", "name"), [(2, "slverr"), (3, "decerr")])
@pytest.mark.parametrize("address", [SOURCE + 128, TARGET])
def test_errors_are_told_and_the_run_ends(response: int, name: str, address: int) -> None:
    memory = filled(64, errors={address: response}, stall=0.2)
    copy = Copy(memory)
    copy.run(64)
    found = {"slverr": copy.slverr, "decerr": copy.decerr}
    assert found.pop(name) == (16 if address < TARGET else 1)  # each word read, or the burst
    assert found.popitem()[1] == 0


@pytest.mark.parametrize("stop", [0, 1, 2, 3, 5, 8, 20, 21, 40, 77, 150])
def test_a_stop_leaves_nothing_owed(stop: int) -> None:
    """Whenever it comes: all that was asked for is given before the movers are idle."""
    memory = filled(400, latency=12, stall=0.3, seed=stop)
    Copy(memory).run(400, stop=stop)
    asked = {kind: sum(n for k, _, n in memory.bursts if k == kind) for kind in "rw"}
    assert asked == {"r": len(memory.read_beats), "w": len(memory.write_beats)}
    assert memory.owed == 0
    assert asked["w"] < 400
