"""The registers of a core: identity, counters, holding and clearing, refusals, and the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from amaranth.sim import Simulator
from bitrill import flow
from bitrill.timing.event_graph import EventGraph
from bitrill_boards.ip import counter_reader
from bitrill_boards.shell.ip_control import IpControl
from bitrill_boards.shell.ip_registers import CLEAR, HOLD, IDENTITY, REGISTERS, RegisterMap
from boards.ip.exported import export, icarus, times
from support import ROOT

DIGEST = bytes(range(8))
OKAY, SLVERR = 0, 2


class Bus:
    """Accesses to a control in Amaranth's simulator."""

    def __init__(self, control: IpControl, ctx: Any):
        self.axi, self.ctx = control.axi, ctx

    async def read(self, address: int) -> tuple[int, int]:
        """Value and response."""
        self.ctx.set(self.axi.rready, 1)
        await self._send({"ar": {"araddr": address}})
        while not self.ctx.get(self.axi.rvalid):
            await self.ctx.tick()
        found = self.ctx.get(self.axi.rdata), self.ctx.get(self.axi.rresp)
        await self.ctx.tick()
        return found

    async def write(self, address: int, data: int, strobes: int = 15) -> int:
        self.ctx.set(self.axi.bready, 1)
        await self._send({"aw": {"awaddr": address}, "w": {"wdata": data, "wstrb": strobes}})
        while not self.ctx.get(self.axi.bvalid):
            await self.ctx.tick()
        found = self.ctx.get(self.axi.bresp)
        await self.ctx.tick()
        return found

    async def _send(self, channels: dict[str, dict[str, int]]) -> None:
        for name, signals in channels.items():
            for signal, value in signals.items():
                self.ctx.set(getattr(self.axi, signal), value)
            valid, ready = (getattr(self.axi, f"{name}{s}") for s in ("valid", "ready"))
            self.ctx.set(valid, 1)
            while not self.ctx.get(ready):
                await self.ctx.tick()
            await self.ctx.tick()
            self.ctx.set(valid, 0)


def simulated(control: IpControl, body) -> None:
    simulator = Simulator(control)
    simulator.add_clock(1e-6)

    async def bench(ctx: Any) -> None:
        await body(Bus(control, ctx), ctx)

    simulator.add_testbench(bench)
    simulator.run()


def test_counters_count_hold_and_clear() -> None:
    registers = RegisterMap(("one", "two"), 0)
    at = {r.name: r.offset for r in registers.registers}
    control = IpControl(registers, DIGEST)

    async def body(bus: Bus, ctx: Any) -> None:
        assert await bus.read(at["IDENTITY"]) == (IDENTITY, OKAY)
        assert await bus.read(at["DIGEST_HIGH"]) == (0x00010203, OKAY)
        assert await bus.read(at["DIGEST_LOW"]) == (0x04050607, OKAY)
        assert await bus.read(at["LAYERS"]) == (2, OKAY)
        assert await bus.write(at["CONTROL"], HOLD | CLEAR) == OKAY
        assert [(await bus.read(o))[0] for n, o in at.items() if "STALLED" in n] == [0] * 4
        ctx.set(control.watch, 0b1000_0010)  # the second layer is blocked, the first one stalled
        for name in ("s_valid", "s_ready", "s_last", "m_valid", "error"):
            ctx.set(getattr(control, name), 1)
        assert (await bus.read(at["CYCLES_LOW"]))[0] == 0
        assert await bus.read(at["CONTROL"]) == (HOLD, OKAY)
        assert await bus.write(at["CONTROL"], 0) == OKAY
        await ctx.tick().repeat(20)
        assert await bus.write(at["CONTROL"], HOLD) == OKAY
        seen = {name: (await bus.read(offset))[0] for name, offset in at.items()}
        cycles = seen["CYCLES_LOW"]
        assert cycles > 20
        counted = ("FRAMES_IN", "OUT_STALLED", "one_STALLED", "two_BLOCKED")
        silent = ("FRAMES_OUT", "IN_STALLED", "IN_STARVED", "one_BEATS", "two_STARVED")
        assert {seen[n] for n in counted} == {cycles}
        assert {seen[n] for n in silent} == {0}
        assert seen["STATUS"] == 1
        again = {name: (await bus.read(offset))[0] for name, offset in at.items()}
        assert again == seen

    simulated(control, body)


def test_other_accesses_are_refused() -> None:
    registers = RegisterMap(("one",), 0)
    control = IpControl(registers, DIGEST)
    offsets = {r.offset: r for r in registers.registers}

    async def body(bus: Bus, ctx: Any) -> None:
        for offset in range(0, 0x80, 2):
            known = offset in offsets
            assert (await bus.read(offset))[1] == (OKAY if known else SLVERR), hex(offset)
            allowed = known and offsets[offset].writable
            assert await bus.write(offset, HOLD) == (OKAY if allowed else SLVERR), hex(offset)
        assert await bus.write(0x10, 0, strobes=1) == SLVERR
        assert (await bus.read(0x10))[0] == HOLD

    simulated(control, body)


@pytest.fixture(scope="module")
def core(small_compiled: flow.Compiled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("core") / "mine"
    return export(small_compiled.build, folder, name="mine", counters=True)


def test_counters_name_the_slowest_layer(small_compiled: flow.Compiled, core: Path) -> None:
    """The bench compares the counters of both edges; the layers' are compared with the schedule."""
    graph = small_compiled.build.graph
    printed = icarus(core, top="mine_tb")
    latency, interval = times(printed)
    counts: dict[str, int] = {"CYCLES": latency + 15 * interval}
    for layer, rest in re.findall(r"^layer (\w+): (.*)$", printed, re.MULTILINE):
        pairs = re.findall(r"(\w+) (\d+)", rest)
        counts |= {f"{layer}_{name}": int(value) for name, value in pairs}
    assert counter_reader.layers(counts) == [n.name for n in graph.nodes]
    assert {n.name: counts[f"{n.name}_BEATS"] for n in graph.nodes} == {
        n.name: 16 * n.beats_in for n in graph.nodes
    }
    stream = EventGraph(graph, graph.depths).slowest.anchor.stream
    events = EventGraph(graph, graph.depths)
    slowest = next(name for (name, _), k in events.streams.items() if k == stream)
    assert counter_reader.slowest(counts) == slowest


def test_the_host_reads_counters(core: Path) -> None:
    sheet = core / "ports.json"
    content = json.loads(sheet.read_text())
    digest = int(content["digest"][:16], 16)
    values = {r["offset"]: 8 * k for k, r in enumerate(content["registers"])}
    names = {r["name"]: r["offset"] for r in content["registers"]}
    values |= {names["DIGEST_LOW"]: digest & 0xFFFFFFFF, names["DIGEST_HIGH"]: digest >> 32}
    values |= {names["CYCLES_LOW"]: 1000, names["CYCLES_HIGH"]: 0}
    written = []
    counts = counter_reader.read_all(sheet, values.__getitem__, lambda o, v: written.append((o, v)))
    assert written == [(names["CONTROL"], HOLD), (names["CONTROL"], 0)]
    assert counts["CYCLES"] == 1000
    text = counter_reader.report(counts).splitlines()
    assert text[0] == f"{counts['FRAMES_IN']} frames in, {counts['FRAMES_OUT']} out, in 1000 cycles"
    assert text[-1] == f"slowest: {counter_reader.layers(counts)[0]}"
    counter_reader.clear(sheet, lambda o, v: written.append((o, v)))
    assert written[-1] == (names["CONTROL"], CLEAR)
    values[names["DIGEST_LOW"]] ^= 1
    with pytest.raises(ValueError, match="these registers are of network"):
        counter_reader.read_all(sheet, values.__getitem__, lambda o, v: None)


def test_the_page_has_the_registers() -> None:
    page = (ROOT / "docs" / "ip.md").read_text()
    rows = re.findall(r"^\| (0x\w\w) \| (\w+) \| (.*) \|$", page, re.MULTILINE)
    wanted = [(f"{4 * k:#04x}", name, text) for k, (name, text) in enumerate(REGISTERS.items())]
    assert rows == wanted
