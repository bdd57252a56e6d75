"""What every operator must pass: golden against an oracle, hardware against golden, to the cycle.

A test file subclasses `OperatorSuite` and gives instances, corner inputs and an oracle in plain
Python. Time is checked against `least_times`, an evaluator of schedules that shares nothing with
`bitrill.plan.timing`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import rtlil, verilog
from amaranth.hdl import ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator
from bitrill.errors import StageError
from bitrill.ir import Graph, Operator, Schedule, Sink, Source, Stage, serial, verify
from bitrill_hw.build import component

NOISE_FRAMES = 8
"""Random frames behind the corners."""

STALLS = ("free", "random", "bursty", "starved", "blocked")
"""Free running; both sides stall at random; in bursts; the source alone; the sink alone."""


class OperatorSuite(ABC):
    """Tests of one operator; subclasses are named ``TestX``."""

    @abstractmethod
    def instances(self) -> dict[str, Operator]:
        """Folded operators by the name of what they are there for."""

    @abstractmethod
    def corners(self, op: Operator) -> np.ndarray:
        """Frames ``[n, *op.x.shape]`` at which an operator is wrong first."""

    @abstractmethod
    def oracle(self, op: Operator, x: list) -> list:
        """``op`` of one frame (nested lists of Python integers), told independently."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "op" in metafunc.fixturenames:
            ops = self.instances()
            metafunc.parametrize("op", ops.values(), ids=ops.keys())
        if "stall" in metafunc.fixturenames:
            metafunc.parametrize("stall", STALLS)

    def frames(self, op: Operator) -> np.ndarray:
        """Corners, then noise."""
        rng = np.random.default_rng(7)
        noise = rng.choice(op.x.type.values(), (NOISE_FRAMES, *op.x.shape))
        return np.concatenate([self.corners(op), noise]).astype(np.int64)

    def test_corners_are_inputs(self, op: Operator) -> None:
        assert op.x.type.holds(self.frames(op))

    def test_golden_equals_the_oracle(self, op: Operator) -> None:
        x = self.frames(op)
        y = op.eval(x)
        assert y.shape == (len(x), *op.y.shape)
        assert y.astype(np.int64).tolist() == [self.oracle(op, frame) for frame in x.tolist()]
        assert op.y.type.holds(y)

    def test_golden_does_not_depend_on_the_dtype(self, op: Operator) -> None:
        x = self.frames(op)
        assert (op.eval(x.astype(np.float32)) == op.eval(x)).all()

    @pytest.mark.filterwarnings("error")
    def test_hardware_equals_golden_to_the_cycle(self, op: Operator, stall: str) -> None:
        check(op, component(op), self.frames(op), stall)

    @pytest.mark.filterwarnings("error")
    def test_reset_forgets_everything(self, op: Operator) -> None:
        check(op, component(op), self.frames(op)[-4:], "random", reset_at=3 + op.beats_in // 2)

    def test_load_gives_the_same_operator_and_hardware(self, op: Operator, tmp_path: Path) -> None:
        graph = alone(op)
        serial.save(graph, tmp_path)
        loaded = serial.load(tmp_path)
        assert serial.digest(loaded) == serial.digest(graph)
        assert str(loaded) == str(graph)
        assert text(component(loaded.nodes[0])) == text(component(op))

    def test_verilog_repeats_and_names_no_source(self) -> None:
        op = next(iter(self.instances().values()))
        made = [verilog.convert(component(op), name="top", emit_src=False) for _ in range(2)]
        assert made[0] == made[1]
        assert ".py" not in made[0]

    def test_hardware_needs_a_folding(self) -> None:
        op = next(iter(self.instances().values())).replace(impl=None)
        with pytest.raises(StageError, match=f"{op.name} must be folded .* and is not"):
            component(op)

    def test_cost_and_lanes(self, op: Operator) -> None:
        """Cycles as counted by the schedule; a frame is whole beats."""
        s = op.schedule()
        assert op.cost().cycles == max(s.n_in, s.n_step, s.n_out)
        assert (s.n_in * op.lanes_in, s.n_out * op.lanes_out) == (op.x.size, op.y.size)


def alone(op: Operator) -> Graph:
    """A graph of ``op`` only."""
    graph = Graph(
        name="alone",
        stage=Stage.FOLDED,
        source=Source(shape=op.x.shape, tensor=op.x, raw_scale="1"),
        nodes=(op,),
        sink=Sink(shape=op.y.shape, edge=op.name, tensor=op.y),
        depths=dict.fromkeys(["input", op.name], 2),
    )
    verify(graph, Stage.FOLDED)
    return graph


def text(core: wiring.Component) -> str:
    """Hardware as text: all that Verilog is made from, without the time that takes."""
    return rtlil.convert(core, name="top", emit_src=False)


def check(
    op: Operator, core: wiring.Component, x: np.ndarray, stall: str, *, reset_at: int | None = None
) -> None:
    """``core`` must give golden's beats at the cycles that the schedule tells.

    ``reset_at``: a reset in that cycle comes before it all.
    """
    beats = pack(op.x.type.encode(x), op.lanes_in, op.x.type.bits)
    expected = pack(op.y.type.encode(op.eval(x)), op.lanes_out, op.y.type.bits)
    schedule = op.schedule()
    limit = 200 + 40 * len(x) * (schedule.n_in + schedule.n_step + schedule.n_out)
    gaps, ready = pattern(stall, len(beats), limit)
    trace = simulate(core, beats, len(expected), gaps, ready, limit, reset_at)
    assert trace.outputs == expected
    accepted, taken = least_times(schedule, len(x), trace.offered, ready)
    assert trace.accepted == accepted
    assert trace.taken == taken


def pack(codes: np.ndarray, lanes: int, bits: int) -> list[int]:
    """Codes to beats, element 0 low."""
    return [sum(c << i * bits for i, c in enumerate(b)) for b in codes.reshape(-1, lanes).tolist()]


def pattern(stall: str, n_beats: int, n_cycles: int) -> tuple[list[int], list[bool]]:
    """Cycles that the source waits before each beat, and the cycles in which the sink is ready."""
    rng = np.random.default_rng(11)
    gaps, ready = np.zeros(n_beats, int), np.ones(n_cycles, bool)
    if stall in ("random", "starved"):
        gaps = rng.geometric(0.5, n_beats) - 1
    if stall == "random":
        ready = rng.random(n_cycles) < 0.5
    if stall == "bursty":
        gaps = np.where(rng.random(n_beats) < 0.15, rng.integers(1, 40, n_beats), 0)
    if stall in ("bursty", "blocked"):
        lengths = rng.integers(1, 24, n_cycles)
        ready = np.repeat(np.arange(n_cycles) % 2 == 1, lengths)[:n_cycles]
    return gaps.tolist(), ready.tolist()


@dataclass
class Trace:
    """What moved when: cycles are counted from the release of reset."""

    offered: list[int] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)


def simulate(
    core: wiring.Component,
    beats: list[int],
    n_out: int,
    gaps: list[int],
    ready: list[bool],
    limit: int,
    reset_at: int | None = None,
) -> Trace:
    """Drive ``core`` from reset until ``n_out`` beats were taken; at most ``limit`` cycles.

    The rules of a stream are checked as it runs: valid and payload do not depend on ready within
    a cycle, and stay until the beat is taken.
    """
    i, o = core.i, core.o
    trace = Trace()
    reset = Signal()

    async def before_reset(ctx) -> None:
        ctx.set(i.valid, 1)
        for t in range(reset_at or 0):
            ctx.set(i.payload, beats[t % len(beats)])
            await ctx.tick()
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)

    async def bench(ctx) -> None:
        if reset_at is not None:
            await before_reset(ctx)
        waits, promised = gaps[0], None
        for t in range(limit):
            k = len(trace.accepted)
            offers = k < len(beats) and waits == 0
            ctx.set(i.valid, offers)
            ctx.set(i.payload, beats[k] if offers else 0)
            ctx.set(o.ready, not ready[t])
            other = ctx.get(o.valid), ctx.get(o.payload)
            ctx.set(o.ready, ready[t])
            valid, payload = ctx.get(o.valid), ctx.get(o.payload)
            assert not valid or (valid, payload) == other, "output depends on ready"
            assert promised is None or (valid, payload) == (1, promised), "output was taken back"
            promised = payload if valid and not ready[t] else None
            if offers and len(trace.offered) == k:
                trace.offered.append(t)
            if offers and ctx.get(i.ready):
                trace.accepted.append(t)
                waits = gaps[k + 1] if k + 1 < len(beats) else 0
            elif waits:
                waits -= 1
            if valid and ready[t]:
                trace.taken.append(t)
                trace.outputs.append(payload)
            if len(trace.taken) == n_out:
                return
            await ctx.tick()
        raise AssertionError(f"output stalled after {len(trace.taken)} of {n_out} beats")

    simulator = Simulator(ResetInserter(reset)(core))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return trace


def least_times(
    schedule: Schedule, frames: int, offered: list[int], ready: list[bool]
) -> tuple[list[int], list[int]]:
    """The earliest cycles of all events that keep every rule: of ``in`` and of ``out``."""
    sizes = {"in": schedule.n_in, "step": schedule.n_step, "out": schedule.n_out}
    times: dict[str, list[int]] = {stream: [] for stream in sizes}

    def earliest(stream: str) -> int | None:
        """Of the stream's next event, if all that it waits for is known."""
        k = len(times[stream])
        frame, place = divmod(k, sizes[stream])
        t = times[stream][-1] + 1 if k else 0
        for rule in schedule.rules:
            if rule.dst == stream:
                cause = frame * sizes[rule.src] + int(rule.index[place])
                if cause >= len(times[rule.src]):
                    return None
                if cause >= 0:
                    t = max(t, times[rule.src][cause] + rule.delay)
        if stream == "in":
            t = max(t, offered[k])
        while stream == "out" and not ready[t]:
            t += 1
        return t

    moved = True
    while moved:
        moved = False
        for stream, size in sizes.items():
            while len(times[stream]) < frames * size and (t := earliest(stream)) is not None:
                times[stream].append(t)
                moved = True
    assert all(len(times[s]) == frames * n for s, n in sizes.items()), "the schedule deadlocks"
    return times["in"], times["out"]
