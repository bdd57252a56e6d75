"""The suite of every operator: golden model against oracle, hardware against golden, to the cycle.

A test file subclasses `OperatorSuite` and gives instances, corner inputs and an oracle in plain
Python. Time is checked against `least_times`, an evaluator of schedules that shares nothing with
`bitrill.timing.predict`. For an operator with several operands, frames are a tuple of arrays, one
for each; with several results, the oracle gives a tuple. Every stream stalls on its own.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.lib import wiring
from bitrill.errors import SpecError, StageError
from bitrill.ir import Graph, Operator, Schedule, Sink, Source, Stage, serialisation, verify
from bitrill.ir.schedule import port
from bitrill.timing.row_schedules import lower, operator_rows
from bitrill_hw.design.build import component
from stepping import Port, Stepper

NOISE_FRAMES = 8
"""Number of random frames after the corners."""

Frames: TypeAlias = np.ndarray | tuple[np.ndarray, ...]
"""``[n, *shape]``, or one such array for each operand or result."""

STALLED_FRAMES = 6
"""Number of frames, the last ones, that a run with stalls takes: stalls do not depend on values."""

STALLS = ("free", "random", "bursty", "starved", "blocked")
"""Free running; both sides stall at random; in bursts; the source alone; the sink alone."""


class OperatorSuite(ABC):
    """Tests of one operator; subclasses are named ``TestX``."""

    @abstractmethod
    def instances(self) -> dict[str, Operator]:
        """Folded operators; their names say what each one tests."""

    @abstractmethod
    def corners(self, op: Operator) -> Frames:
        """Frames ``[n, *op.x.shape]`` at which a wrong operator most likely fails."""

    @abstractmethod
    def oracle(self, op: Operator, *x: Any) -> Any:
        """The result of ``op`` for one frame (nested lists of integers), computed independently."""

    def test_rows_like_the_whole_schedule(self, op: Operator) -> None:
        """A high image's rules are those of rows, if the operator says that it goes by rows."""
        if not op.by_rows or len(op.x.shape) != 3:
            return
        for height in (41, 44):
            try:
                node = lower(op, height)
            except SpecError:
                continue
            rows, numbers = operator_rows(node, mirrored=False)
            schedule = node.schedule()
            assert {n: rows.sizes[s] for n, s in numbers.items()} == {
                n: size for n, size in schedule.sizes.items() if size
            }
            for rule, given in zip(rows.rules, schedule.rules, strict=True):
                length, width = (rows.sizes[s] // rows.counts[s] for s in (rule.src, rule.dst))
                assert np.array_equal(rule.index(length, width), given.index)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "op" in metafunc.fixturenames:
            ops = self.instances()
            metafunc.parametrize("op", ops.values(), ids=ops.keys(), scope="class")
        if "stall" in metafunc.fixturenames:
            metafunc.parametrize("stall", STALLS)

    def frames(self, op: Operator) -> Frames:
        """The corners, then random frames."""
        rng = np.random.default_rng(7)
        out = tuple(
            np.concatenate([corners, rng.choice(t.type.values(), (NOISE_FRAMES, *t.shape))]).astype(
                np.int64
            )
            for corners, t in zip(several(self.corners(op)), op.operands, strict=True)
        )
        return out if len(out) > 1 else out[0]

    def test_corners_are_inputs(self, op: Operator) -> None:
        for x, t in zip(several(self.frames(op)), op.operands, strict=True):
            assert t.type.holds(x)

    def test_golden_equals_the_oracle(self, op: Operator) -> None:
        xs = several(self.frames(op))
        ys = several(op.eval(*xs))
        told = [several(self.oracle(op, *x)) for x in zip(*(x.tolist() for x in xs), strict=True)]
        for k, (y, t) in enumerate(zip(ys, op.results, strict=True)):
            assert y.shape == (len(xs[0]), *t.shape)
            assert y.astype(np.int64).tolist() == [frame[k] for frame in told]
            assert t.type.holds(y)

    def test_golden_does_not_depend_on_the_dtype(self, op: Operator) -> None:
        xs = several(self.frames(op))
        floats = op.eval(*(x.astype(np.float32) for x in xs))
        for y, other in zip(several(op.eval(*xs)), several(floats), strict=True):
            assert (y == other).all()

    @pytest.mark.filterwarnings("error")
    def test_hardware_equals_golden_to_the_cycle(self, op: Operator, stall: str) -> None:
        frames = self.frames(op)
        if stall != "free":
            last = tuple(x[-STALLED_FRAMES:] for x in several(frames))
            frames = last if len(last) > 1 else last[0]
        check(op, hardware(op), frames, stall)

    @pytest.mark.filterwarnings("error")
    def test_reset_forgets_everything(self, op: Operator) -> None:
        frames = tuple(x[-4:] for x in several(self.frames(op)))
        check(op, hardware(op), frames, "random", reset_at=3 + op.beats_in // 2)

    def test_load_gives_the_same_operator(self, op: Operator, tmp_path: Path) -> None:
        if len(op.operands) + len(op.results) > 2:
            assert equal(reloaded(op), op)
            return
        graph = alone(op)
        serialisation.save(graph, tmp_path)
        loaded = serialisation.load(tmp_path)
        assert serialisation.digest(loaded) == serialisation.digest(graph)
        assert str(loaded) == str(graph)
        assert equal(loaded.nodes[0], op)

    def test_hardware_repeats_and_names_no_source(self) -> None:
        """Equal operators, one of them loaded, have the same hardware."""
        op = next(iter(self.instances().values()))
        made = text(component(op))
        assert text(component(reloaded(op))) == made
        assert ".py" not in made

    def test_hardware_needs_a_folding(self) -> None:
        op = next(iter(self.instances().values())).replace(impl=None)
        with pytest.raises(StageError, match=f"{op.name} must be folded .* and is not"):
            component(op)

    def test_cost_and_lanes(self, op: Operator) -> None:
        """`cost` counts the schedule's cycles; a frame is a whole number of beats; ports fit it."""
        s, core = op.schedule(), hardware(op)
        stepper(core)  # a component that is never used is a warning
        assert op.cost().cycles == max(s.n_in, s.n_step, s.n_out)
        assert min(dataclasses.astuple(op.work())) >= 0
        for kind, lanes, tensors in (
            ("in", op.lanes_in, op.operands),
            ("out", op.lanes_out, op.results),
        ):
            for k, t in enumerate(tensors):
                name = port(kind, k)
                assert s.sizes[name] * lanes == t.size
                assert len(interface(core, name).payload) == lanes * t.type.bits


@lru_cache(256)
def hardware(op: Operator) -> Any:
    """The component of an operator; the tests of an instance share it, and so its simulation."""
    return component(op)


@lru_cache(256)
def stepper(core: Any) -> Stepper:
    """The simulation of a component; building it takes longer than most runs do."""
    return Stepper(core)


def suite_of(kind: str) -> type[OperatorSuite]:
    """The tests of the operator of that name."""
    module = importlib.import_module(f"ops.test_{kind}")
    (suite,) = (
        c
        for c in vars(module).values()
        if isinstance(c, type) and c.__module__ == module.__name__ and issubclass(c, OperatorSuite)
    )
    return suite


def several(x: Any) -> tuple:
    """One value or a tuple of them, as a tuple."""
    return x if isinstance(x, tuple) else (x,)


def reloaded(op: Operator) -> Any:
    """Copy of an operator through JSON, for one that cannot stand alone in a graph."""
    arrays: dict[str, np.ndarray] = {}
    value = json.loads(json.dumps(serialisation._encode(op, "", arrays)))
    return serialisation._decode(value, arrays)


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


def equal(a: Any, b: Any) -> bool:
    """Whether two operators, or parts of them, are equal in every field."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if dataclasses.is_dataclass(a):
        return all(equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def text(core: wiring.Component) -> str:
    """The hardware as text (RTLIL), from which Verilog is made; quicker than Verilog."""
    return rtlil.convert(core, name="top", emit_src=False)


def check(op: Operator, core: Any, x: Frames, stall: str, *, reset_at: int | None = None) -> None:
    """Check that ``core`` gives the golden model's beats in the cycles of the schedule.

    ``reset_at``: first run to that cycle, and reset.
    """
    xs = several(x)
    ys = several(op.eval(*xs))
    sent = {
        port("in", k): pack(t.type.encode(x), op.lanes_in, t.type.bits)
        for k, (x, t) in enumerate(zip(xs, op.operands, strict=True))
    }
    expected = {
        port("out", k): pack(t.type.encode(y), op.lanes_out, t.type.bits)
        for k, (y, t) in enumerate(zip(ys, op.results, strict=True))
    }
    schedule = op.schedule()
    frame = sum(schedule.sizes.values())
    limit = 200 + 40 * len(xs[0]) * frame
    gaps: dict[str, list[int]] = {}
    ready: dict[str, list[bool]] = {}
    for k, (name, beats) in enumerate(sent.items()):
        gaps[name], _ = pattern(stall, len(beats), limit, seed=11 + k)
    for k, name in enumerate(expected):
        _, ready[name] = pattern(stall, len(next(iter(sent.values()))), limit, seed=11 + k)
    trace = simulate(core, sent, expected, gaps, ready, 200 + 4 * frame, reset_at)
    assert trace.moved == least_times(schedule, len(xs[0]), trace.offered, ready)


def pack(codes: np.ndarray, lanes: int, bits: int) -> list[int]:
    """Codes to beats, element 0 low."""
    return [sum(c << i * bits for i, c in enumerate(b)) for b in codes.reshape(-1, lanes).tolist()]


def pattern(stall: str, n_beats: int, n_cycles: int, *, seed: int) -> tuple[list[int], list[bool]]:
    """Cycles that the source waits before each beat, and the cycles in which the sink is ready."""
    rng = np.random.default_rng(seed)
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
    """Cycles in which beats moved, by stream, counted from the release of reset."""

    offered: dict[str, list[int]] = field(default_factory=dict)
    moved: dict[str, list[int]] = field(default_factory=dict)
    outputs: dict[str, list[int]] = field(default_factory=dict)


def interface(core: Any, stream: str) -> Any:
    """The member of a component for a stream of its schedule: ``i1`` for ``in1``."""
    return getattr(core, stream.replace("in", "i").replace("out", "o"))


_Stream: TypeAlias = tuple[Port, Port, Port]
"""Valid, ready and payload."""


class _Source:
    """Offers beats on one stream, each after its gap."""

    def __init__(self, stream: _Stream, name: str, beats: list[int], gaps: list[int], trace: Trace):
        self.valid, self.ready, self.payload = stream
        self.name, self.beats, self.gaps = name, beats, gaps
        self.wanted = len(beats)
        self.offered = trace.offered.setdefault(name, [])
        self.moved = trace.moved.setdefault(name, [])
        self.waits, self.offers = gaps[0], False

    def show(self, t: int) -> None:
        k = len(self.moved)
        self.offers = k < len(self.beats) and self.waits == 0
        self.valid.set(self.offers)
        self.payload.set(self.beats[k] if self.offers else 0)
        if self.offers and len(self.offered) == k:
            self.offered.append(t)

    def see(self, t: int) -> None:
        if self.offers and self.ready.get():
            self.moved.append(t)
            k = len(self.moved)
            self.waits = self.gaps[k] if k < len(self.beats) else 0
        elif self.waits:
            self.waits -= 1


class _Sink:
    """Takes beats of one stream and watches that it keeps the rules."""

    def __init__(
        self, stream: _Stream, name: str, beats: list[int], ready: list[bool], trace: Trace
    ):
        self.valid, self.ready_port, self.payload = stream
        self.name, self.beats, self.ready = name, beats, ready
        self.wanted = len(beats)
        self.moved = trace.moved.setdefault(name, [])
        self.outputs = trace.outputs.setdefault(name, [])
        self.promised: int | None = None
        self.other: tuple[int, int] = (0, 0)

    def look(self) -> tuple[int, int]:
        return self.valid.get(), self.payload.get()

    def see(self, t: int) -> None:
        valid, payload = self.look()
        assert not valid or (valid, payload) == self.other, f"{self.name} depends on ready"
        kept = self.promised is None or (valid, payload) == (1, self.promised)
        assert kept, f"{self.name} was taken back"
        self.promised = payload if valid and not self.ready[t] else None
        if valid and self.ready[t]:
            self.moved.append(t)
            self.outputs.append(payload)
            k = len(self.outputs)
            assert self.outputs[-1:] == self.beats[k - 1 : k], f"beat {k - 1} of {self.name}"


def simulate(
    core: Any,
    sent: dict[str, list[int]],
    wanted: dict[str, list[int]],
    gaps: dict[str, list[int]],
    ready: dict[str, list[bool]],
    patience: int,
    reset_at: int | None = None,
) -> Trace:
    """Drive ``core`` from reset until all beats have moved, or to the end of ``ready``.

    Some beats are accepted after the last output, since windows may skip places. If nothing moves
    for ``patience`` cycles, the run has stalled; a wrong beat ends it at once.

    The rules of a stream are checked as it runs: valid and payload do not depend on ready within
    a cycle, and stay until the beat is taken.
    """
    trace = Trace()
    run = stepper(core)

    def ports(name: str) -> _Stream:
        stream = interface(core, name)
        return run.port(stream.valid), run.port(stream.ready), run.port(stream.payload)

    sources = [_Source(ports(s), s, b, gaps[s], trace) for s, b in sent.items()]
    sinks = [_Sink(ports(s), s, b, ready[s], trace) for s, b in wanted.items()]
    sides = (*sources, *sinks)
    run.restart()
    if reset_at is not None:
        for t in range(reset_at):
            for source in sources:
                source.valid.set(1)
                source.payload.set(source.beats[t % len(source.beats)])
            run.tick()
        run.reset()
    moved, since = 0, 0
    for t in range(min(map(len, ready.values()))):
        for source in sources:
            source.show(t)
        for sink in sinks:
            sink.ready_port.set(not sink.ready[t])
        run.settle()
        for sink in sinks:
            sink.other = sink.look()
            sink.ready_port.set(sink.ready[t])
        run.settle()
        for side in sides:
            side.see(t)
        if all(len(side.moved) == side.wanted for side in sides):
            return trace
        count = sum(len(side.moved) for side in sides)
        moved, since = count, t if count > moved else since
        if t - since > patience:
            break
        run.tick()
    counts = ", ".join(f"{len(k.moved)} of {k.wanted} beats of {k.name}" for k in sides)
    raise AssertionError(f"stalled after {counts}")


def least_times(
    schedule: Schedule, frames: int, offered: dict[str, list[int]], ready: dict[str, list[bool]]
) -> dict[str, list[int]]:
    """The earliest cycles of all input and output beats that keep every rule."""
    sizes = schedule.sizes
    times: dict[str, list[int]] = {stream: [] for stream in sizes}

    def earliest(stream: str) -> int | None:
        """Earliest cycle of the stream's next event; None if an event before it is unknown."""
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
        if stream in offered:
            t = max(t, offered[stream][k])
        while stream in ready and not ready[stream][t]:
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
    return {s: times[s] for s in (*offered, *ready)}
