# amaranth: UnusedElaboratable=no
"""Whole convolutional networks: every beat and every cycle equal golden model and schedules."""

from __future__ import annotations

from typing import Any

import bitrill_sim
import numpy as np
import pytest
from bitrill.ir import BIPOLAR, Graph, Impl, IntType, Sink, Source, Stage, Tensor, verify
from bitrill.lowering import to_folded, to_target
from bitrill.ops import Convert, Depthwise, MaxPool, Pad, SumPool, Window
from bitrill.timing.predict import predict
from bitrill.timing.replay import replay
from hw.design.test_top import pack, play
from hw.driving import Stall, stalls
from hw.networks import convert, matvec, threshold


def network(*nodes: Any, depth: int = 2) -> Graph:
    """Nodes in a row, FIFOs of ``depth`` slots; arrays of the model channel first."""
    first, last = nodes[0], nodes[-1]
    graph = Graph(
        name="conv",
        stage=Stage.FOLDED,
        source=Source(shape=(first.x.channels, *first.x.shape[:-1]), tensor=first.x, raw_scale="1"),
        nodes=nodes,
        sink=Sink(shape=last.y.shape, edge=last.name, tensor=last.y),
    )
    graph = graph.replace(depths=dict.fromkeys(graph.edges, depth))
    verify(graph, Stage.FOLDED)
    return graph


def after(of: Any, kind: Any, name: str, impl: Impl, **fields: Any) -> Any:
    return kind(name=name, inputs=(of.name,), operands=(of.y,), impl=impl, **fields)


def plane(shape: tuple[int, ...], type: IntType, lanes: int, *pads: int, value: int = 0) -> Pad:
    """The input feature map with a border, of zeros by default."""
    return Pad(
        name="border",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        pads=pads,
        value=value,
        impl=Impl(pe=lanes, simd=lanes),
    )


def within(n: int) -> np.ndarray:
    """Which of three taps lie inside, for each of n places with one place of padding."""
    place = np.arange(n)[:, None] + np.arange(3) - 1
    return (place >= 0) & (place < n)


def conv_net(depth: int) -> Graph:
    """Two convolutions, a border of zeros around bipolar pixels, a maximum, a dense layer."""
    border = plane((5, 6, 2), BIPOLAR, 2, 1, 1, 1, 1, value=-1)
    win0 = after(border, Window, "win0", Impl(pe=2, simd=2), kernel=(3, 3), stride=(1, 1))
    conv0 = matvec("conv0", "win0", win0.y, 4, 2, 2, seed=1)
    conv0 = conv0.replace(inside=(within(5), within(6)))
    act0 = threshold(conv0, "act0")
    pool = after(act0, MaxPool, "pool", Impl(pe=2, simd=2), kernel=(2, 2), stride=(2, 2))
    win1 = after(pool, Window, "win1", Impl(pe=2, simd=2), kernel=(2, 2), stride=(1, 1))
    conv1 = matvec("conv1", "win1", win1.y, 6, 3, 2, seed=2)
    act1 = threshold(conv1, "act1", out=IntType(0, 3))
    fc = matvec("fc", "act1", Tensor((act1.y.size,), act1.y.type), 3, 1, 3, seed=3)
    fc = fc.replace(operands=(act1.y,))  # a whole frame is one vector
    return network(border, win0, conv0, act0, pool, win1, conv1, act1, fc, depth=depth)


def separable_net(depth: int) -> Graph:
    """A one-dimensional network: dilated parallel windows, a depthwise layer, a global sum."""
    border = plane((9, 4), IntType(-2, 1), 4, 2, 2)
    win = after(
        border,
        Window,
        "win",
        Impl(pe=12, simd=4, style="parallel"),
        kernel=(3,),
        stride=(2,),
        dilation=(2,),
    )
    narrow = convert("narrow", "win", win.y, 12, 2)
    weights = np.random.default_rng(4).integers(-4, 4, (4, 3))
    deep = after(
        narrow, Depthwise, "deep", Impl(pe=2, simd=2), weights=weights, weight_type=IntType(-4, 3)
    )
    point = matvec("point", "deep", deep.y, 6, 3, 2, seed=5)
    act = threshold(point, "act", out=IntType(-2, 1))
    total = after(act, SumPool, "total", Impl(pe=3, simd=3), kernel=(5,), stride=(5,))
    wide = after(total, Convert, "wide", Impl(simd=3, pe=6))
    fc = matvec("fc", "wide", Tensor((6,), wide.y.type), 3, 1, 6, seed=6)
    fc = fc.replace(operands=(wide.y,))
    return network(border, win, narrow, deep, point, act, total, wide, fc, depth=depth)


def prime_net() -> Graph:
    """A network of seven and then five channels, so that lanes are one or all."""
    border = plane((4, 5, 7), IntType(0, 3), 1, 0, 1, 1, 0)
    win = after(border, Window, "win", Impl(), kernel=(2, 2), stride=(1, 1))
    conv = matvec("conv", "win", win.y, 5, 1, 1, seed=1)
    act = threshold(conv, "act", out=IntType(0, 3))
    pool = after(act, MaxPool, "pool", Impl(), kernel=(2, 2), stride=(2, 2))
    weights = np.random.default_rng(4).integers(-4, 4, (5, 4))
    taps = after(pool, Window, "taps", Impl(), kernel=(2, 2), stride=(1, 1))
    deep = after(taps, Depthwise, "deep", Impl(), weights=weights, weight_type=IntType(-4, 3))
    graph = network(border, win, conv, act, pool, taps, deep)
    nodes = tuple(node.replace(impl=None) for node in graph)
    return graph.replace(nodes=nodes, stage=Stage.INTEGER, depths={})


def frames(graph: Graph, n: int) -> np.ndarray:
    values = graph.source.tensor.type.values()
    return np.random.default_rng(9).choice(values, (n, *graph.source.shape))


def streams(graph: Graph, x: np.ndarray) -> tuple[list, list]:
    """(tdata, tlast) of every beat in and out."""
    values, first, last = graph.trace(x), graph.nodes[0], graph[graph.output]
    sides = []
    for edge, tensor, lanes in (
        ("input", first.x, first.lanes_in),
        (graph.output, last.y, last.lanes_out),
    ):
        data = pack(tensor.type.encode(values[edge]), lanes, tensor.type.bits)
        n = tensor.size // lanes
        sides.append([(beat, int(k % n == n - 1)) for k, beat in enumerate(data)])
    return sides[0], sides[1]


@pytest.mark.parametrize("make", [conv_net, separable_net])
def test_every_beat_and_every_cycle(make) -> None:
    for depth, names in ((2, ("free", "both random")), (5, ("late sink", "bursts"))):
        graph = make(depth)
        sent, want = streams(graph, frames(graph, 4))
        for stall in stalls(len(sent), seed=5):
            if stall.name in names:
                moves = play(graph, sent, len(want), stall, limit=60_000)
                assert moves.values == want, stall.name
                due = replay(graph, np.array(stall.offered), np.array(stall.ready, bool))
                assert moves.accepted == due.accepted.tolist(), stall.name
                assert moves.taken == due.taken.tolist(), stall.name


@pytest.mark.parametrize("make", [conv_net, separable_net])
def test_interval_and_latency_as_predicted(make) -> None:
    graph = make(3)
    sent, want = streams(graph, frames(graph, 7))
    moves = play(graph, sent, len(want), Stall("free", [0] * len(sent), []), limit=60_000)
    timing, n = predict(graph), len(want) // 7
    assert moves.taken[n - 1] - moves.accepted[0] == timing.latency
    assert moves.taken[-1] - moves.taken[-1 - 2 * n] == 2 * timing.ii


@pytest.mark.parametrize("make", [conv_net, separable_net])
def test_the_simulation_takes_arrays_channel_first(make) -> None:
    graph = make(2)
    report = bitrill_sim.verify(graph, None, frames(graph, 3), engine="amaranth", cycles=False)
    assert (report.samples, report.mismatches) == (3, 0)


@pytest.mark.parametrize("fps", [None, 3_333_333])
def test_prime_numbers_of_channels_are_folded(fps: int | None) -> None:
    graph = prime_net()
    if fps is None:
        folded = to_folded(graph)
    else:
        folded, _ = to_target(graph, clock_hz=100_000_000, fps=fps)
        assert predict(folded).ii * fps <= 100_000_000
    report = bitrill_sim.verify(folded, None, frames(folded, 3), engine="amaranth")
    assert (report.samples, report.mismatches) == (3, 0)


def test_latency_does_not_depend_on_how_long_the_network_was_idle() -> None:
    """No border beat is given before its frame comes."""
    graph = conv_net(3)
    n = graph.nodes[0].beats_in
    latency = predict(graph).latency
    for pause in (0, 3, 1000):
        offered = np.array([0] * n + [5000 + pause] * n)
        due = replay(graph, offered, np.ones(0, bool))
        assert due.taken[-1] - due.accepted[n] == latency


def test_windows_keep_the_interval_of_what_reads_them() -> None:
    """The matrix-vector unit of two passes never waits: its steps are the interval."""
    graph = conv_net(4)
    assert graph["conv0"].cost().cycles == 30 * 9 * 2
    assert predict(graph).ii == graph["conv0"].cost().cycles
