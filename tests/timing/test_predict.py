"""Timing and FIFO depths from schedules alone; RTL is compared in tests/hw and tests/sim."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import ClassVar

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.ir import BIPOLAR, Graph, Impl, Rule, Schedule, Stage, Tensor
from bitrill.ops import Convert, MatVec, Threshold
from bitrill.timing.fifo_depths import FLOOR, fifo_depths
from bitrill.timing.predict import predict
from bitrill.timing.replay import replay
from hw.networks import chained

FRAME = Tensor((12,), BIPOLAR)


def converters(*lanes: int) -> list[Convert]:
    """Width converters through the given lanes a beat."""
    names = ["input", *(f"c{i}" for i in range(len(lanes) - 1))]
    return [
        Convert(
            name=names[i + 1],
            inputs=(names[i],),
            operands=(FRAME,),
            impl=Impl(simd=lanes[i], pe=lanes[i + 1]),
        )
        for i in range(len(lanes) - 1)
    ]


def mlp(*layers: tuple[int, int, int, int]) -> Graph:
    """Binary layers ``(rows, cols, pe, simd)`` with thresholds between; lanes must fit."""
    rng = np.random.default_rng(1)
    nodes, edge, x = [], "input", Tensor((layers[0][1],), BIPOLAR)
    for i, (rows, cols, pe, simd) in enumerate(layers):
        fc = MatVec(
            name=f"fc{i}",
            inputs=(edge,),
            operands=(x,),
            weights=rng.choice([-1, 1], (rows, cols)),
            weight_type=BIPOLAR,
            impl=Impl(pe=pe, simd=simd),
        )
        act = Threshold(
            name=f"act{i}",
            inputs=(fc.name,),
            operands=(fc.y,),
            thresholds=np.full((rows, 1), cols // 2),
            inverted=np.zeros(rows, bool),
            out=BIPOLAR,
            impl=Impl(pe=pe, simd=pe, style="parallel"),
        )
        nodes += [fc, act]
        edge, x = act.name, act.y
    return chained(*nodes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scripted(Convert, abstract=True):
    """A converter of equal lanes whose schedule the test writes."""

    kind: ClassVar[str] = "scripted"
    script: Schedule = field(default=None)  # type: ignore[assignment]

    def schedule(self) -> Schedule:
        return self.script


def scripted(name: str, edge: str, *rules: Rule) -> Scripted:
    return Scripted(
        name=name,
        inputs=(edge,),
        operands=(FRAME,),
        impl=Impl(pe=3, simd=3),
        script=Schedule(4, 0, 4, rules),
    )


def test_latency_counts_each_beat_each_fifo_and_each_stage():
    # 4 beats of 3: the last is accepted at 3, FIFO +1, converter +1, FIFO +1
    assert predict(chained(*converters(3, 3))).latency == 3 + 1 + 1 + 1


@pytest.mark.parametrize(
    ("layers", "interval"),
    [
        (((8, 12, 2, 3), (8, 8, 2, 2)), 16),  # 4*4 and 4*4
        (((8, 12, 2, 3), (8, 8, 2, 2), (4, 8, 1, 2)), 16),
        (((8, 12, 4, 3), (4, 8, 1, 4)), 8),  # 2*4 and 4*2
        (((4, 12, 4, 2), (2, 4, 1, 4)), 6),  # one pass of 6 beats
        (((12, 12, 3, 12), (12, 12, 3, 3)), 16),
    ],
)
def test_interval_is_that_of_the_slowest_layer(layers, interval):
    graph = mlp(*layers)
    assert predict(graph).ii == interval == max(n.cost().cycles for n in graph.nodes)


def test_interval_is_an_exact_fraction():
    # each beat waits 11 cycles after the same beat two frames ago
    k = np.arange(4)
    wait = Rule("in", "in", k - 8, 11)
    graph = chained(
        scripted("a", "input", Rule("out", "in", k, 1), wait, Rule("in", "out", k - 1, 0))
    )
    assert predict(graph).ii == Fraction(11, 2)


def test_replay_without_stalls_is_the_prediction():
    graph = mlp((8, 12, 2, 3), (8, 8, 2, 2))
    frames = 40
    trace = replay(graph, np.zeros(4 * frames), np.ones(0, bool))
    last = trace.taken.reshape(frames, -1)[:, -1]
    timing = predict(graph)
    assert last[0] - trace.accepted[0] == timing.latency
    assert set(np.diff(last[10:])) == {timing.ii}


def test_replay_waits_for_the_source_and_the_sink():
    graph = chained(*converters(3, 3))
    offered = np.array([5, 5, 20, 21])
    ready = np.zeros(40, bool)
    ready[[8, 30, 31]] = True
    trace = replay(graph, offered, ready)
    assert trace.accepted.tolist() == [5, 6, 20, 21]
    assert trace.taken.tolist() == [8, 30, 31, 40]


def test_replay_feels_backpressure_at_the_source():
    graph = chained(*converters(3, 3))
    trace = replay(graph, np.zeros(12), np.zeros(50, bool))
    # the first FIFO, the converter and the last FIFO hold 2 + 1 + 2 beats until cycle 50
    assert np.flatnonzero(np.diff(trace.accepted) > 10).tolist() == [4]


def test_depths_are_the_floor_for_layers_that_replay_from_their_own_buffer():
    graph = mlp((8, 12, 2, 3), (8, 8, 2, 2))
    assert set(fifo_depths(graph).values()) == {FLOOR}


def bursty() -> Graph:
    """A graph with bursts: four beats in, four out; its reader takes one every other cycle."""
    k = np.arange(4)
    burst = scripted("a", "input", Rule("out", "in", k * 0 + 3, 1), Rule("in", "out", k * 0 - 1, 1))
    slow = scripted(
        "b", "a", Rule("in", "in", k - 1, 2), Rule("out", "in", k, 1), Rule("in", "out", k - 1, 0)
    )
    return chained(burst, slow)


def test_depths_are_minimal_by_brute_force():
    graph = bursty()
    edges = list(graph.edges)
    rate = {
        d: predict(graph.replace(depths=dict(zip(edges, d, strict=True)))).ii
        for d in product(range(2, 7), repeat=len(edges))
    }
    best = min(rate.values())
    found = fifo_depths(graph)
    chosen = tuple(found[e] for e in edges)
    assert rate[chosen] == best
    assert rate[(2,) * len(edges)] > best, "a case where the floor is too little"
    for i, slots in enumerate(chosen):
        if slots > FLOOR:
            assert rate[(*chosen[:i], slots - 1, *chosen[i + 1 :])] > best


def test_deadlock_is_named():
    k = np.arange(4)
    stuck = scripted("a", "input", Rule("out", "in", k, 1), Rule("in", "out", k, 0))
    with pytest.raises(StageError, match="a: deadlock: rules wait for one another"):
        predict(chained(stuck))
    with pytest.raises(StageError, match="chain: deadlock: a FIFO is too short for the paths"):
        replay(chained(stuck), np.zeros(4), np.ones(0, bool))
    with pytest.raises(StageError, match="chain: deadlock: a FIFO is too short for the paths"):
        predict(bursty().replace(depths={"input": 2, "a": 0, "b": 2}))


def test_a_frame_that_waits_for_the_next_one_is_a_deadlock():
    k = np.arange(4)
    ahead = scripted("a", "input", Rule("out", "in", k + 1, 1), Rule("in", "out", k - 4, 0))
    with pytest.raises(StageError, match="chain: deadlock: a frame waits for the next one"):
        predict(chained(ahead))


def test_only_folded_graphs_have_time():
    graph = mlp((4, 12, 4, 3)).replace(stage=Stage.INTEGER)
    with pytest.raises(StageError, match="time is known for folded graphs, not integer ones"):
        predict(graph)
