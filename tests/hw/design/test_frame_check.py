"""Frames of a wrong length are dropped, the others cost nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.design.frame_check import FrameCheck, FrameGate
from bitrill_hw.pipeline.fifo import Fifo
from bitrill_hw.pipeline.stream import beats, connect
from hw.driving import Moves, Stall, drive, simulate, stalls

BITS = 8


class Framed(wiring.Component):
    """A check, a store of ``depth`` beats that releases whole frames, and a gate.

    Each frame of ``n`` beats comes out as ``n`` beats, each the sum of its frame: any beat that is
    lost, kept over or added elsewhere shows in the values.
    """

    def __init__(self, n: int, *, verdicts: int = 3):
        self.n, self.verdicts = n, verdicts
        super().__init__(
            {
                "i": In(beats(BITS)),
                "last": In(1),
                "o": Out(beats(BITS)),
                "o_last": Out(1),
                "error": Out(1),
                "inner": Out(beats(BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.check = check = FrameCheck(BITS, self.n)
        m.submodules.gate = gate = FrameGate(BITS, self.n)
        m.submodules.verdicts = verdicts = Fifo(1, self.verdicts)
        m.submodules.fifo_i = fifo_i = Fifo(BITS, 2)
        m.submodules.fifo_o = fifo_o = Fifo(BITS, 2)
        for source, sink in (
            (self.i, check.i),
            (check.o, fifo_i.i),
            (check.verdict, verdicts.i),
            (verdicts.o, gate.verdict),
            (fifo_o.o, gate.i),
            (gate.o, self.o),
        ):
            connect(m, source, sink)
        m.d.comb += [
            check.last.eq(self.last),
            self.o_last.eq(gate.last),
            self.error.eq(check.error),
        ]
        self._sums(m, fifo_i.o, fifo_o.i)
        return m

    def _sums(self, m, i, o):
        """A stand-in for a dense layer of one row, which repeats its result."""
        total, count = Signal(BITS), Signal(range(self.n + 1))
        left = Signal(range(self.n + 1))
        result = Signal(BITS)
        whole = Signal()
        m.d.comb += [
            o.valid.eq(left != 0),
            o.payload.eq(result),
            whole.eq(count == self.n),
            i.ready.eq(~whole),
        ]
        with m.If(i.valid & i.ready):
            m.d.sync += [total.eq(total + i.payload), count.eq(count + 1)]
        with m.If(o.valid & o.ready):
            m.d.sync += left.eq(left - 1)
        with m.If(whole & ((left == 0) | ((left == 1) & o.ready))):
            m.d.sync += [left.eq(self.n), result.eq(total), total.eq(0), count.eq(0)]


def play(dut: Framed, lengths: list[int], stall_of, *, seed: int = 1):
    """Frames of these lengths through ``dut``; the moves, the sums, the error after each cycle."""
    rng = np.random.default_rng(seed)
    frames = [rng.integers(0, 1 << BITS, n).tolist() for n in lengths]
    sent = [(v, k == len(f) - 1) for f in frames for k, v in enumerate(f)]
    good = [sum(f) % (1 << BITS) for f in frames if len(f) == dut.n]
    stall = stall_of(len(sent))

    def give(ctx, k):
        value, last = (255, 1) if k is None else sent[k]
        ctx.set(dut.i.valid, k is not None)
        ctx.set(dut.i.payload, value)
        ctx.set(dut.last, last)

    see = (dut.i.ready, dut.o.valid, dut.o.payload, dut.o_last)
    moves = drive(
        dut,
        give,
        see,
        len(sent),
        len(good) * dut.n,
        stall,
        ready=dut.o.ready,
        linger=6 * dut.n,
        limit=2000 + 20 * len(sent),
    )
    return moves, good, frames


def expected(good: list[int], n: int) -> list[tuple[int, bool]]:
    return [(total, k == n - 1) for total in good for k in range(n)]


def named(name: str, *, seed: int = 3):
    return lambda n: next(s for s in stalls(n, seed=seed) if s.name == name)


STALLS = [s.name for s in stalls(4, seed=0)]
N = 4
SCRIPTS = {
    "good": [4] * 6,
    "short": [4, 1, 4, 4],
    "one beat short": [4, 3, 4, 4],
    "long": [4, 5, 4, 4],
    "much too long": [4, 23, 4, 4],
    "twice too long": [4, 8, 4, 4],  # as if two frames had lost the tlast between them
    "first": [2, 4, 4],
    "last": [4, 4, 7],
    "several": [4, 1, 1, 9, 3, 5, 5, 2, 4, 4, 12, 1, 4],
    "all bad": [3, 5, 1],
}


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_bad_frames_are_dropped_and_all_others_right(script, stall):
    moves, good, _ = play(Framed(N), SCRIPTS[script], named(stall))
    assert moves.values == expected(good, N)


@pytest.mark.parametrize("stall", STALLS)
def test_frames_of_one_beat(stall):
    moves, good, _ = play(Framed(1), [1, 1, 2, 1, 5, 3, 1, 1], named(stall))
    assert moves.values == expected(good, 1)


def test_random_scripts():
    rng = np.random.default_rng(20)
    for seed in range(6):
        n = int(rng.integers(2, 6))
        lengths = np.where(rng.random(25) < 0.5, n, rng.integers(1, 3 * n, 25)).tolist()
        stall = [*stalls(sum(lengths), seed=seed)][seed % len(STALLS)]
        moves, good, _ = play(Framed(n), lengths, lambda _, s=stall: s, seed=seed)
        assert moves.values == expected(good, n), (seed, n, lengths)


@pytest.mark.parametrize("stall", STALLS)
def test_good_frames_cost_no_cycle(stall):
    """The same cycles as without check and gate."""

    class Bare(Framed):
        def elaborate(self, platform):
            m = Module()
            m.submodules.fifo_i = fifo_i = Fifo(BITS, 2)
            m.submodules.fifo_o = fifo_o = Fifo(BITS, 2)
            connect(m, self.i, fifo_i.i)
            connect(m, fifo_o.o, self.o)
            self._sums(m, fifo_i.o, fifo_o.i)
            return m

    runs: list[Moves] = [play(c(N), [N] * 12, named(stall))[0] for c in (Framed, Bare)]
    assert runs[0].accepted == runs[1].accepted
    assert runs[0].taken == runs[1].taken


def test_a_bad_frame_costs_its_missing_beats_only():
    moves, _, frames = play(Framed(N), [4, 1, 4, 6, 4], named("free"))
    starts = np.cumsum([0] + [len(f) for f in frames])
    gaps = [b - a for a, b in pairwise(moves.accepted)]
    # behind a short frame the source waits while zeros take the places of what is missing, and
    # the sum of a whole frame is taken up as usual; the beats past a frame's end wait for nothing
    assert gaps[starts[2] - 1] >= 1 + N - 1
    assert gaps[starts[3] + N - 1] == gaps[starts[3] + N] == 1


def watch(script: list[tuple[int, int, int]], n: int = 3) -> list[tuple[int, int]]:
    """(i.ready, error) of each cycle for (valid, last, o.ready) of each, after a `FrameCheck`."""
    dut, seen = FrameCheck(BITS, n), []

    def give(ctx, k):
        valid, last, ready = script[k] if k is not None else (0, 0, 0)
        ctx.set(dut.i.valid, valid)
        ctx.set(dut.last, last)
        ctx.set(dut.o.ready, ready)
        ctx.set(dut.verdict.ready, 1)

    async def bench(ctx):
        for k in range(len(script)):
            give(ctx, k)
            _, _, ready, error = await ctx.tick().sample(dut.i.ready, dut.error)
            seen.append((ready, error))

    simulate(dut, bench)
    return seen


def test_error_rises_behind_the_wrong_beat_and_stays():
    good = [(1, 0, 1), (1, 0, 1), (1, 1, 1)]
    short = [(1, 1, 1), (1, 0, 1), (1, 0, 1)]  # the last two are zeros of the check's own
    assert [e for _, e in watch(good * 3)] == [0] * 9
    assert [e for _, e in watch(good + short + good * 2)] == [0] * 4 + [1] * 8
    long = [(1, 0, 1), (1, 0, 1), (1, 0, 1), (1, 1, 0)]
    assert [e for _, e in watch(good + long + good)] == [0] * 6 + [1] * 4


def test_a_last_that_is_not_taken_ends_nothing():
    """tlast while stalled or not valid is no tlast."""
    waits = [(1, 1, 0), (0, 1, 1), (0, 0, 0)]
    assert [
        e for _, e in watch([(1, 0, 1), (0, 1, 1), (1, 0, 1), *waits, (1, 1, 1), (0, 0, 1)])
    ] == [0] * 8


def test_ready_while_filling_and_swallowing():
    short = [(1, 1, 1), (1, 0, 0), (1, 0, 1), (1, 0, 1), (1, 0, 1)]
    assert [r for r, _ in watch(short)] == [1, 0, 0, 0, 1]
    long = [(1, 0, 1), (1, 0, 1), (1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 0, 0)]
    assert [r for r, _ in watch(long)] == [1, 1, 1, 1, 1, 0]


def test_a_full_verdict_queue_stalls_the_last_beat_only():
    dut = FrameCheck(BITS, 3)
    stall = Stall("free", [0] * 6, [])

    def give(ctx, k):
        ctx.set(dut.i.valid, k is not None)
        ctx.set(dut.i.payload, 0 if k is None else k)
        ctx.set(dut.last, k in (2, 5))

    async def late(ctx):
        await ctx.tick().repeat(9)
        ctx.set(dut.verdict.ready, 1)

    see = (dut.i.ready, dut.o.valid, dut.o.payload)
    moves = drive(dut, give, see, 6, 6, stall, ready=dut.o.ready, beside=late)
    assert moves.accepted == moves.taken == [0, 1, 9, 10, 11, 12]
    assert moves.values == list(range(6))


def gated(bad: int, known_at: int, stall: Stall) -> Moves:
    """Three beats offered from cycle 0 on; their verdict from ``known_at`` on."""
    gate = FrameGate(BITS, 3)

    def give(ctx, k):
        ctx.set(gate.i.valid, k is not None)
        ctx.set(gate.i.payload, k or 0)

    async def judge(ctx):
        ctx.set(gate.verdict.payload, 1 - bad)  # not valid yet: nothing may depend on it
        await ctx.tick().repeat(known_at)
        ctx.set(gate.verdict.payload, bad)
        ctx.set(gate.verdict.valid, 1)

    see = (gate.i.ready, gate.o.valid, gate.o.payload, gate.last)
    n_out = 0 if bad else 3
    return drive(gate, give, see, 3, n_out, stall, ready=gate.o.ready, beside=judge, linger=5)


def test_a_beat_waits_for_its_verdict():
    moves = gated(0, 4, Stall("free", [0] * 3, []))
    assert moves.accepted == moves.taken == [4, 5, 6]
    assert moves.values == [(0, 0), (1, 0), (2, 1)]
    assert gated(1, 4, Stall("free", [0] * 3, [])).taken == []


def test_a_bad_frame_does_not_wait_for_the_sink():
    assert gated(1, 1, Stall("no sink", [0] * 3, [False] * 50)).accepted == [1, 2, 3]
