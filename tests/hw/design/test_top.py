# amaranth: UnusedElaboratable=no
"""The whole design against the golden model and the predicted cycles; its ports, names, frames."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.ir import BIPOLAR, Graph, Primitives, Stage, Tensor
from bitrill.timing.predict import predict
from bitrill.timing.replay import replay
from bitrill_hw.design.top import Top
from hw.driving import Moves, Stall, drive, simulate, stalls
from hw.networks import chained, convert, inputs, matvec, mlp
from support import nightly


def pack(values: np.ndarray, lanes: int, bits: int) -> list[int]:
    """Beats of codes, element 0 low."""
    return [
        sum(int(v) << (bits * i) for i, v in enumerate(beat)) for beat in values.reshape(-1, lanes)
    ]


def output_beats(graph: Graph, x: np.ndarray) -> list[tuple[int, int]]:
    """(tdata, tlast) of every beat for the frames ``x``."""
    last = graph[graph.output]
    codes = last.y.type.encode(graph.run(x))
    data = pack(codes, last.lanes_out, last.y.type.bits)
    n = last.beats_out
    return [(beat, int(k % n == n - 1)) for k, beat in enumerate(data)]


def input_beats(graph: Graph, x: np.ndarray) -> list[tuple[int, int]]:
    """(tdata, tlast), ones where the padding is."""
    first = graph.nodes[0]
    width = first.lanes_in * first.x.type.bits
    data = pack(first.x.type.encode(x), first.lanes_in, first.x.type.bits)
    padding = (1 << -(-width // 8) * 8) - (1 << width)
    n = first.beats_in
    return [(beat | padding, int(k % n == n - 1)) for k, beat in enumerate(data)]


def play(graph: Graph, sent: list[tuple[int, int]], n_out: int, stall: Stall, **options) -> Moves:
    top = Top(graph)

    def give(ctx, k):
        data, last = (0, 1) if k is None else sent[k]
        ctx.set(top.s_axis_tvalid, k is not None)
        ctx.set(top.s_axis_tdata, data)
        ctx.set(top.s_axis_tlast, last)

    see = (top.s_axis_tready, top.m_axis_tvalid, top.m_axis_tdata, top.m_axis_tlast)
    options = {"limit": 3000 + 40 * len(sent), "linger": 40} | options
    return drive(top, give, see, len(sent), n_out, stall, ready=top.m_axis_tready, **options)


def built_for(graph: Graph, primitives: Primitives, levels: int) -> Graph:
    """``graph`` with these fields of ``impl`` in all nodes."""
    nodes = (
        n.replace(impl=dataclasses.replace(n.folded, primitives=primitives, levels=levels))
        for n in graph.nodes
    )
    return graph.replace(nodes=tuple(nodes))


@pytest.mark.parametrize(
    ("depth", "primitives", "levels"),
    [
        (2, "portable", 2),
        (2, "xc7", 1),
        (2, "ice40", 2),
        (3, "ecp5", 4),
        *nightly((5, "portable", 2), (2, "portable", 3), (2, "ecp5", 1), (2, "gowin", 3)),
    ],
)
def test_every_beat_and_every_cycle_of_a_network(depth, primitives, levels):
    graph = built_for(mlp(depth=depth), primitives, levels)
    x = inputs(graph, 12)
    sent, want = input_beats(graph, x), output_beats(graph, x)
    for stall in stalls(len(sent), seed=5):
        moves = play(graph, sent, len(want), stall)
        assert moves.values == want, stall.name
        due = replay(graph, np.array(stall.offered), np.array(stall.ready, bool))
        assert moves.accepted == due.accepted.tolist(), stall.name
        assert moves.taken == due.taken.tolist(), stall.name


def test_interval_and_latency_as_predicted():
    graph = mlp(depth=3)
    x = inputs(graph, 10)
    sent, want = input_beats(graph, x), output_beats(graph, x)
    moves = play(graph, sent, len(want), Stall("free", [0] * len(sent), []))
    timing = predict(graph)
    n = len(want) // len(x)
    assert moves.taken[n - 1] - moves.accepted[0] == timing.latency
    assert moves.taken[-1] - moves.taken[-1 - 4 * n] == 4 * timing.ii


BAD = [(2, 4), (5, 1), (6, 3), (7, 11), (9, 8)]
"""(frame, its length instead of 4 beats); the last looks like two frames in one."""


@pytest.mark.parametrize("stall_name", ["free", "both random", "late sink"])
def test_bad_frames_are_dropped_and_error_stays(stall_name):
    graph = mlp()
    x = inputs(graph, 12)
    beats, n = input_beats(graph, x), graph.nodes[0].beats_in
    sent, good = [], []
    lengths = dict(BAD)
    for frame in range(len(x)):
        length = lengths.get(frame, n)
        body = [beats[frame * n + k % n][0] for k in range(length)]
        sent += [(data, int(k == length - 1)) for k, data in enumerate(body)]
        if length == n:
            good.append(frame)
    want = output_beats(graph, x[good])
    stall = next(s for s in stalls(len(sent), seed=8) if s.name == stall_name)
    assert play(graph, sent, len(want), stall).values == want


def test_error_is_seen_outside_and_cleared_by_reset():
    graph = mlp()
    top, seen = Top(graph), []
    beats = input_beats(graph, inputs(graph, 2))
    script = [beats[0], beats[1], (beats[2][0], 1)]

    async def bench(ctx):
        ctx.set(top.m_axis_tready, 1)
        for t in range(60):
            ctx.set(top.aresetn, t not in (20, 21, 22))
            data, last = script[t] if t < 3 else (0, 0)
            ctx.set(top.s_axis_tvalid, t < 3)
            ctx.set(top.s_axis_tdata, data)
            ctx.set(top.s_axis_tlast, last)
            _, _, *now = await ctx.tick().sample(top.error, top.s_axis_tready, top.m_axis_tvalid)
            seen.append(now)

    simulate(top, bench)
    error, ready, valid = zip(*seen, strict=True)
    assert error == tuple([0] * 3 + [1] * 18 + [0] * 39)
    assert ready[20:23] == (0, 0, 0)  # a beat taken during reset would be lost
    assert ready[23] == 1
    assert not any(valid)


@pytest.mark.parametrize("at", [1, 6, 17, 30])
def test_reset_at_any_time_leaves_a_clean_design(at):
    graph = mlp()
    x = inputs(graph, 4, seed=3)
    sent, want = input_beats(graph, x), output_beats(graph, x)
    top, values = Top(graph), []

    async def bench(ctx):
        k = 0
        for t in range(400):
            ctx.set(top.aresetn, t != at)
            k = 0 if t == at + 1 else k
            if t == at + 1:
                values.clear()
            data, last = sent[k] if k < len(sent) else (0, 0)
            ctx.set(top.s_axis_tvalid, k < len(sent) and t != at)
            ctx.set(top.s_axis_tdata, data)
            ctx.set(top.s_axis_tlast, last)
            ctx.set(top.m_axis_tready, t % 3 != 0)
            see = (top.s_axis_tready, top.m_axis_tvalid, top.m_axis_tdata, top.m_axis_tlast)
            _, _, ready, valid, *value = await ctx.tick().sample(*see)
            k += bool(ready and k < len(sent) and t != at)
            if valid and t % 3 != 0:
                values.append(tuple(value))

    simulate(top, bench)
    assert values == want


def test_a_graph_whose_output_leaves_early_fills_bad_frames_up():
    """Without a dense layer bad frames cannot be dropped, but get the right length."""
    frame = Tensor((12,), BIPOLAR)
    graph = chained(convert("c", "input", frame, 3, 2))
    x = inputs(graph, 4)
    beats = input_beats(graph, x)
    sent = [*beats[:5], (beats[5][0], 1), *beats[8:]]
    x[1].reshape(-1)[6:] = -1  # the code 0
    want = output_beats(graph, x)
    for stall in stalls(len(sent), seed=9):
        assert play(graph, sent, len(want), stall).values == want, stall.name


def test_a_node_with_the_name_of_a_fifo():
    fc = matvec("fifo_input", "input", Tensor((4,), BIPOLAR), 2, 1, 2, seed=1)
    graph = chained(fc)
    x = inputs(graph, 3)
    sent, want = input_beats(graph, x), output_beats(graph, x)
    assert play(graph, sent, len(want), Stall("free", [0] * len(sent), [])).values == want


def test_refuses_a_graph_that_is_not_folded():
    with pytest.raises(StageError, match="chain: the graph is integer, not folded"):
        Top(mlp().replace(stage=Stage.INTEGER))


@pytest.mark.parametrize("name", ["a b", "0a", "a;b", "", "ä", "a\n"])
def test_refuses_names_that_are_no_identifiers(name):
    fc = matvec(name, "input", Tensor((4,), BIPOLAR), 2, 1, 2, seed=1)
    with pytest.raises(StageError, match="node names must be identifiers, not '"):
        Top(chained(fc))
