"""Registers of a runtime network: written between frames, read back, refused while busy."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SimulationTimeout
from bitrill.ir import Graph, serialisation
from bitrill.runtime.register_map import (
    BUSY,
    ERROR,
    HELD,
    IDENTITY,
    SYSTEM,
    VERSION,
    address_bits,
    register_map,
    writes,
)
from bitrill_hw.design.top import Top
from hw.registers_bench import LIMIT, OKAY, SLVERR, Design, golden, network, other
from ops.faults import Faulty, sites

from hw import registers_bench

GRAPH = network()
OTHER = other(GRAPH)


def contents(graph: Graph) -> dict[int, int]:
    """Every register of every window."""
    return {
        address: data for w in register_map(GRAPH) for address, data in writes(graph[w.node], w)
    }


def inputs(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1, 1], (n, *GRAPH.source.shape))


X = next(x for x in inputs(50)[:, None] if golden(GRAPH, x[0]) != golden(OTHER, x[0]))[0]
"""A frame that tells the two networks apart."""


async def fill(design: Design, graph: Graph) -> None:
    for address, data in contents(graph).items():
        assert await design.write(address, data) == OKAY


def test_the_map_is_aligned_and_free_of_overlaps() -> None:
    windows = register_map(GRAPH)
    assert [w.node for w in windows] == ["fc0", "act0", "fc1", "act1", "fc2"]
    ends = 32
    for w in windows:
        assert w.offset % w.size == 0
        assert w.size & w.size - 1 == 0
        assert w.offset >= ends
        ends = w.offset + w.size
        within = 0
        for b in w.blocks:
            assert b.offset % b.size == 0
            assert b.offset >= within
            within = b.offset + b.size
        assert within <= w.size
    assert ends <= 1 << address_bits(windows)
    assert len(contents(GRAPH)) == sum(b.words * b.registers for w in windows for b in w.blocks)
    assert max(b.registers for w in windows for b in w.blocks) == 2


def test_the_design_names_itself() -> None:
    async def body(d: Design) -> None:
        digest = serialisation.digest(GRAPH)
        told = {
            "identity": IDENTITY,
            "version": VERSION,
            "digest_high": int(digest[:8], 16),
            "digest_low": int(digest[8:16], 16),
            "status": 0,
            "control": 0,
        }
        for name, value in told.items():
            assert await d.read(SYSTEM[name]) == (OKAY, value)
            if name != "control":
                assert await d.write(SYSTEM[name], value) == SLVERR

    Design(GRAPH).play(body)


def test_every_address_reads_what_was_compiled_or_is_refused() -> None:
    known = contents(GRAPH)

    async def body(d: Design) -> None:
        for address in range(32, 1 << address_bits(register_map(GRAPH)), 4):
            want = (OKAY, known[address]) if address in known else (SLVERR, 0)
            assert await d.read(address) == want, hex(address)
            if address not in known:
                assert await d.write(address, 0xFFFFFFFF) == SLVERR
        for address in (24, 28):
            assert await d.read(address) == (SLVERR, 0)

    Design(GRAPH).play(body)


def test_odd_addresses_and_part_writes_are_refused_and_change_nothing() -> None:
    address = next(iter(contents(GRAPH)))

    async def body(d: Design) -> None:
        for odd in (1, 2, 3):
            assert await d.write(address + odd, 0) == SLVERR
            assert await d.read(address + odd) == (SLVERR, 0)
        for strobes in range(15):
            assert await d.write(address, 0xFFFFFFFF, strobes) == SLVERR
        assert await d.read(address) == (OKAY, contents(GRAPH)[address])

    Design(GRAPH).play(body)


def check_each_register_alone() -> None:
    """Check that writing ones to a register changes its bits and no other register's."""
    d = Design(GRAPH)

    async def body(d: Design) -> None:
        known = contents(GRAPH)
        bits = {}
        for w in register_map(GRAPH):
            for b in w.blocks:
                for word in range(b.words):
                    for k in range(b.registers):
                        left = min(32, b.bits - 32 * k)
                        bits[w.offset + b.offset + word * b.stride + 4 * k] = (1 << left) - 1
        for address, mask in bits.items():
            assert await d.write(address, 0xFFFFFFFF) == OKAY
            known[address] = mask
        for address, value in known.items():
            assert await d.read(address) == (OKAY, value), hex(address)
        for address in [*bits][::3]:
            assert await d.write(address, 0) == OKAY
            known[address] = 0
            for near in (address - 4, address, address + 4):
                if near in known:
                    assert await d.read(near) == (OKAY, known[near]), hex(near)

    d.play(body)


def test_each_register_alone() -> None:
    check_each_register_alone()


def check_new_weights() -> None:
    """Check frames before and after writes, and after a reset."""
    some = [X, *inputs(5)]

    async def body(d: Design) -> None:
        for x in some:
            d.send(x)
        await d.until(len(some))
        await fill(d, OTHER)
        for address, data in contents(OTHER).items():
            assert await d.read(address) == (OKAY, data)
        for _ in range(2):
            for x in some:
                d.send(x)
            await d.until(len(d.frames) + len(some))
            d.ctx.set(d.top.aresetn, 0)
            await d.tick()
            d.ctx.set(d.top.aresetn, 1)

    d = Design(GRAPH).play(body)
    want = [golden(g, x) for g in (GRAPH, OTHER, OTHER) for x in some]
    assert [f.tolist() for f in d.frames] == want


def test_new_weights() -> None:
    check_new_weights()


def check_busy() -> None:
    """Write at any cycle around a frame: done between frames, else refused.

    The last layer's weights are one register, whose new ones sum up to the same starts.
    """
    fc2: Any = GRAPH["fc2"]
    new = GRAPH.replace(
        nodes=(*GRAPH.nodes[:-1], fc2.replace(weights=np.roll(fc2.weights, 1, axis=1)))
    )
    before, after = contents(GRAPH), contents(new)
    ((address, data),) = after.items() - before.items()
    x = next(x for x in inputs(99, 3) if golden(GRAPH, x) != golden(new, x))
    outcomes = [golden(g, x) for g in (GRAPH, new)]
    found = []

    async def body(d: Design) -> None:
        for at in range(20 + length):
            d.send(x, at=d.cycle + 10)
            for _ in range(at):
                await d.tick()
            answer = await d.write(address, data)
            await d.until(at + 1)
            value = data if answer == OKAY else before[address]
            assert await d.read(address) == (OKAY, value)
            frame = d.frames[at].tolist()
            assert frame in outcomes
            changed = frame == outcomes[1]
            assert answer == OKAY or not changed
            found.append("before" if changed else "after" if answer == OKAY else "refused")
            assert await d.write(address, before[address]) == OKAY

    length = cycles_of(x)
    Design(GRAPH).play(body)
    order = ["before", "refused", "after"]
    assert list(dict.fromkeys(found)) == order
    assert found == sorted(found, key=order.index)


def cycles_of(x: np.ndarray) -> int:
    """Cycles of a frame in an idle design."""
    d = Design(GRAPH)

    async def body(d: Design) -> None:
        d.send(x)
        await d.until(1)

    return d.play(body).cycle


def test_a_write_while_busy_is_refused() -> None:
    check_busy()


def test_reads_of_windows_while_busy_are_refused_and_those_of_the_design_are_not() -> None:
    address = next(iter(contents(GRAPH)))

    async def body(d: Design) -> None:
        d.ready = lambda t: False
        d.send(X)
        for _ in range(60):
            await d.tick()
        assert await d.read(SYSTEM["status"]) == (OKAY, BUSY)
        assert await d.read(address) == (SLVERR, 0)
        assert await d.write(address, 0) == SLVERR
        assert await d.read(SYSTEM["identity"]) == (OKAY, IDENTITY)
        d.ready = lambda t: True
        await d.until(1)
        assert await d.read(SYSTEM["status"]) == (OKAY, 0)
        assert await d.read(address) == (OKAY, contents(GRAPH)[address])

    d = Design(GRAPH).play(body)
    assert d.frames[0].tolist() == golden(GRAPH, X)


def test_frames_are_held_back_for_an_update_under_load() -> None:
    """The source never pauses: no frame sees half of the new weights."""

    async def body(d: Design) -> None:
        for _ in range(20):
            d.send(X)
        while len(d.frames) < 1:
            await d.tick()
        assert await d.write(SYSTEM["control"], 1) == OKAY
        status = BUSY
        for _ in range(LIMIT):
            _, status = await d.read(SYSTEM["status"])
            if status != BUSY:
                break
        assert status == HELD
        before = len(d.frames)
        await fill(d, OTHER)
        assert len(d.frames) == before
        assert await d.write(SYSTEM["control"], 0) == OKAY
        await d.until(20)
        assert 1 < before < 20
        outcome = [golden(GRAPH, X)] * before + [golden(OTHER, X)] * (20 - before)
        assert [f.tolist() for f in d.frames] == outcome

    Design(GRAPH).play(body)


@pytest.mark.parametrize(("beats", "marked"), [(1, 0), (5, 4), (20, 19), (3, 2)])
def test_bad_frames_leave_the_registers_free(beats: int, marked: int) -> None:
    """A short or long frame is inside until it is through, and only so long."""
    address = next(iter(contents(GRAPH)))

    async def body(d: Design) -> None:
        d.send(X, beats=beats, marked=marked)
        for _ in range(8):
            await d.tick()
        assert await d.write(address, contents(OTHER)[address]) == SLVERR
        for _ in range(LIMIT):
            await d.tick()
        assert await d.read(SYSTEM["status"]) == (OKAY, ERROR)
        await fill(d, OTHER)
        d.send(X)
        await d.until(1)

    d = Design(GRAPH).play(body)
    assert d.frames[0].tolist() == golden(OTHER, X)


FAULTS, FAULTS_NIGHTLY = 2, 16
"""Places of the registers that are broken, one at a time."""

BROKEN = ("a condition never holds", "a signal is never driven, or a register never loads")


@pytest.mark.parametrize("count", [FAULTS, pytest.param(FAULTS_NIGHTLY, marks=pytest.mark.nightly)])
def test_planted_faults_are_found(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least half of the faults are found; some places can be broken without effect."""
    rng = Random(1)
    places = [s for s in sites(Top(GRAPH), inside="control") if s.behaviour in BROKEN]
    missed = []
    for site in rng.sample(places, count):
        monkeypatch.setattr(registers_bench, "Top", lambda g, site=site: Faulty(Top(g), site))
        try:
            test_the_design_names_itself()
            test_every_address_reads_what_was_compiled_or_is_refused()
            check_each_register_alone()
            check_busy()
        except (AssertionError, SimulationTimeout):
            continue
        missed.append(site)
    assert len(missed) <= count // 2, missed
