"""AXI4-Lite's rules: any order, any stalls, one answer an access, nothing taken back."""

from __future__ import annotations

import inspect
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from bitrill.errors import SimulationTimeout
from bitrill_hw.design import axilite

BITS = 6
"""Sixteen registers; the last four do not exist."""

OKAY, SLVERR = 0, 2
PATTERNS = {
    # share of cycles in which the master shows AW, W, AR, and is ready for B and R
    "free": (1.0, 1.0, 1.0, 1.0, 1.0),
    "random": (0.5, 0.5, 0.5, 0.5, 0.5),
    "addresses first": (1.0, 0.1, 1.0, 1.0, 1.0),
    "data first": (0.1, 1.0, 1.0, 1.0, 1.0),
    "slow answers": (1.0, 1.0, 1.0, 0.1, 0.1),
    "writes blocked": (1.0, 1.0, 1.0, 0.02, 1.0),
    "reads blocked": (1.0, 1.0, 1.0, 1.0, 0.02),
}


@dataclass
class Master:
    """Beats to send on AW, W and AR; answers on B and R."""

    aw: deque = field(default_factory=deque)
    w: deque = field(default_factory=deque)
    ar: deque = field(default_factory=deque)
    b: list = field(default_factory=list)
    r: list = field(default_factory=list)


@dataclass
class Registers:
    """Registers behind the bus that answer after some cycles and count accesses."""

    rng: np.random.Generator
    slow: bool
    values: dict[int, int] = field(default_factory=dict)
    asked: list[tuple] = field(default_factory=list)
    waits: int = -1

    def answer(self, ctx: Any, bus: Any) -> None:
        """Settle one cycle; return whether the access is done at this edge."""
        ctx.set(bus.done, 0)
        if not ctx.get(bus.valid):
            self.waits = -1
            return
        if self.waits < 0:
            self.waits = int(self.rng.integers(0, 5)) if self.slow else 0
        if self.waits:
            self.waits -= 1
            return
        address, write = ctx.get(bus.address), ctx.get(bus.write)
        self.asked.append((write, address))
        error = address >= 12
        if write and not error:
            self.values[address] = ctx.get(bus.data)
        ctx.set(bus.done, 1)
        ctx.set(bus.error, error)
        ctx.set(bus.value, 0xDEAD if error else self.values.get(address, 0))
        self.waits = -1


def run(
    operations: list[tuple],
    pattern: str,
    *,
    seed: int = 0,
    slow: bool = True,
    reset_at: int = -1,
    values: dict[int, int] | None = None,
) -> tuple[Master, Registers, int]:
    """Writes ``("w", address, data, strobes)`` and reads ``("r", address)`` through `AxiLite`.

    Checks the rules of the channels as it goes; a wait is bounded. All is sent again from the
    cycle ``reset_at`` on, if given.
    """
    rng = np.random.default_rng(seed)
    dut, reset = axilite.AxiLite(BITS), Signal()
    master, behind = Master(), Registers(rng, slow, dict(values or {}))
    shares, axi = PATTERNS[pattern], dut.axi
    channels = {"aw": ("awaddr",), "w": ("wdata", "wstrb"), "ar": ("araddr",)}
    answers = {"b": ("bresp",), "r": ("rresp", "rdata")}
    cycles = 0

    def load() -> None:
        for name in ("aw", "w", "ar"):
            getattr(master, name).clear()
        for kind, address, *rest in operations:
            if kind == "w":
                master.aw.append((address,))
                master.w.append(tuple(rest))
            else:
                master.ar.append((address,))

    async def bench(ctx: Any) -> None:
        nonlocal cycles
        shown = dict.fromkeys(channels, False)
        held: dict[str, tuple | None] = dict.fromkeys(answers)
        load()
        n_b, n_r = len(master.aw), len(master.ar)
        for cycle in range(400 + 60 * len(operations)):
            cycles = cycle
            if cycle == reset_at:
                ctx.set(reset, 1)
                load()
                shown, held = dict.fromkeys(channels, False), dict.fromkeys(answers)
                master.b.clear()
                master.r.clear()
            for (name, wires), share in zip(channels.items(), shares[:3], strict=True):
                queue = getattr(master, name)
                shown[name] = bool(queue) and (shown[name] or rng.random() < share)
                if cycle == reset_at:
                    shown[name] = False
                ctx.set(getattr(axi, f"{name}valid"), shown[name])
                for wire, value in zip(wires, queue[0] if queue else (0, 0), strict=False):
                    ctx.set(getattr(axi, wire), value if shown[name] else 0)
            before = {n: look(ctx, n, w) for n, w in answers.items()}
            takes = {n: rng.random() < s for n, s in zip(answers, shares[3:], strict=True)}
            for name, take in takes.items():
                ctx.set(getattr(axi, f"{name}ready"), take)
            behind.answer(ctx, dut.bus)
            for name, wires in answers.items():
                now = look(ctx, name, wires)
                assert now == before[name], f"{name} depends on its ready"
                assert held[name] in (None, now), f"{name} was taken back"
                held[name] = now if now and not takes[name] else None
                if now and takes[name] and cycle != reset_at:
                    getattr(master, name).append(now)
            for name in channels:
                if shown[name] and ctx.get(getattr(axi, f"{name}ready")):
                    getattr(master, name).popleft()
                    shown[name] = False
            await ctx.tick()
            ctx.set(reset, 0)
            if (len(master.b), len(master.r)) == (n_b, n_r):
                return
        raise SimulationTimeout(f"{len(master.b)} of {n_b} writes, {len(master.r)} of {n_r} reads")

    def look(ctx: Any, name: str, wires: tuple[str, ...]) -> tuple | None:
        if not ctx.get(getattr(axi, f"{name}valid")):
            return None
        return tuple(ctx.get(getattr(axi, wire)) for wire in wires)

    simulator = Simulator(ResetInserter(reset)(dut))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return master, behind, cycles


def some(n: int, seed: int) -> list[tuple]:
    """Writes and reads of all kinds: good, unaligned, partial, unused addresses."""
    rng = np.random.default_rng(seed)
    found: list[tuple] = []
    for _ in range(n):
        address = int(rng.integers(0, 16)) * 4 + int(
            rng.integers(0, 4) if rng.random() < 0.2 else 0
        )
        if rng.random() < 0.5:
            strobes = int(rng.integers(0, 16)) if rng.random() < 0.2 else 15
            found.append(("w", address, int(rng.integers(0, 1 << 32)), strobes))
        else:
            found.append(("r", address))
    return found


def check_all(pattern: str = "random", seed: int = 0, reset_at: int = -1) -> None:
    """Check that each access is answered once, in order, and reaches the bus at most once."""
    operations = some(80, seed)
    master, behind, _ = run(operations, pattern, seed=seed, reset_at=reset_at)
    writes = [o for o in operations if o[0] == "w"]
    reads = [o for o in operations if o[0] == "r"]
    good = {True: [], False: []}
    for kind, address, *rest in operations:
        if address % 4 == 0 and rest[1:] in ([], [15]):
            good[kind == "w"].append(address // 4)
    if reset_at < 0:
        for write in (True, False):
            assert [a for w, a in behind.asked if w == write] == good[write]
    refused = [a % 4 != 0 or a >= 48 or s != 15 for _, a, _, s in writes]
    assert [b for (b,) in master.b] == [SLVERR if bad else OKAY for bad in refused]
    assert len(master.r) == len(reads)
    for (_, address), (response, data) in zip(reads, master.r, strict=True):
        bad = address % 4 != 0 or address >= 48
        assert response == (SLVERR if bad else OKAY)
        assert data == 0 if bad else True
    final = {}
    for (_, address, data, _), bad in zip(writes, refused, strict=True):
        if not bad:
            final[address // 4] = data
    assert {a: v for a, v in behind.values.items() if a in final} == final


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_access_is_answered_once_and_in_order(pattern: str) -> None:
    check_all(pattern)


@pytest.mark.parametrize("reset_at", [1, 2, 3, 5, 8, 13])
def test_reset_forgets_what_was_pending(reset_at: int) -> None:
    check_all("free", seed=4, reset_at=reset_at)


def test_data_goes_where_it_should() -> None:
    operations = [("w", 4 * k, 0x01010101 * (k + 1), 15) for k in range(12)]
    _, behind, _ = run(operations, "random", seed=2)
    assert behind.values == {k: 0x01010101 * (k + 1) for k in range(12)}


@pytest.mark.parametrize("pattern", ["free", "random", "slow answers"])
def test_reads_give_the_register(pattern: str) -> None:
    values = {k: 0x10203 * (k + 1) for k in range(12)}
    master, behind, _ = run([("r", 4 * k) for k in range(12)], pattern, values=values)
    assert master.r == [(OKAY, values[k]) for k in range(12)]
    assert behind.asked == [(0, k) for k in range(12)]


def test_neither_reads_nor_writes_starve() -> None:
    """Both wait all the time: they take turns."""
    operations = [("w", 0, k, 15) for k in range(20)] + [("r", 4)] * 20
    _, behind, _ = run(operations, "free", slow=False)
    kinds = [write for write, _ in behind.asked]
    assert kinds[1:-1] == [1 - k for k in kinds[:-2]]


def test_accesses_follow_each_other_in_few_cycles() -> None:
    _, _, cycles = run([("w", 0, k, 15) for k in range(50)], "free", slow=False)
    assert cycles <= 50 * 4
    _, _, cycles = run([("r", 0)] * 50, "free", slow=False)
    assert cycles <= 50 * 4


FAULTS = {
    "partial writes go through": ("strobes != WHOLE", "C(0)"),
    "unaligned writes go through": ("aw.held[:2].any()", "C(0)"),
    "errors are lost": ("failed.eq(refused | bus.error)", "failed.eq(refused)"),
    "a failed read gives data": ("Mux(failed, 0, bus.value)", "bus.value"),
    "an answer is taken back": ("m.Elif(axi.bready)", "m.Else()"),
    "the next write does not wait for the answer": (
        "aw.full & w.full & ~axi.bvalid",
        "aw.full & w.full",
    ),
    "data is not waited for": ("aw.full & w.full & ~axi.bvalid", "aw.full & ~axi.bvalid"),
    "the address of reads is that of writes": ("Mux(writing, aw.held, ar.held)", "aw.held"),
    "ready in spite of a beat held": ("live & ~slot.full", "live"),
}


def check_patterns() -> None:
    for pattern in PATTERNS:
        check_all(pattern)


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = FAULTS[fault]
    source = inspect.getsource(axilite)
    assert source.count(old) == 1
    broken: dict[str, Any] = {"__name__": axilite.__name__, "__package__": axilite.__package__}
    exec(compile(source.replace(old, new), "axilite", "exec"), broken)
    monkeypatch.setattr(axilite, "AxiLite", broken["AxiLite"])
    with pytest.raises((AssertionError, SimulationTimeout)):
        check_patterns()
