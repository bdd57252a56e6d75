# amaranth: UnusedElaboratable=no
"""Whole networks that branch and join: every beat and every cycle, free-running and stalled."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.ir import INPUT, Graph
from bitrill.timing.predict import predict
from bitrill.timing.replay import replay
from bitrill_hw.design.top import Top
from branching import NETWORKS
from hw.driving import Moves, Stall, drive, stalls
from ops.suite import pack

FRAMES = 6


def beats(graph: Graph, x: np.ndarray) -> tuple[list[int], list[int]]:
    """The input and output beats, as codes."""
    edges = graph.trace(x)
    source, sink = graph.reader(INPUT), graph.producer(graph.output)
    ends = [(INPUT, source.x, source.lanes_in), (graph.output, sink.y, sink.lanes_out)]
    sent, want = (pack(t.type.encode(edges[e]), n, t.type.bits) for e, t, n in ends)
    return sent, want


def play(
    graph: Graph, script: list[tuple[int, bool]], n_out: int, stall: Stall, *, linger: int = 0
) -> Moves:
    """Run a design; ``script``: (tdata, tlast) of every beat."""
    top = Top(graph)

    def give(ctx, k):
        data, last = (0, False) if k is None else script[k]
        ctx.set(top.s_axis_tvalid, k is not None)
        ctx.set(top.s_axis_tdata, data)
        ctx.set(top.s_axis_tlast, last)

    see = (top.s_axis_tready, top.m_axis_tvalid, top.m_axis_tdata)
    limit = 3000 + 40 * len(script)
    return drive(
        top,
        give,
        see,
        len(script),
        n_out,
        stall,
        ready=top.m_axis_tready,
        limit=limit,
        linger=linger,
    )


def whole(sent: list[int]) -> list[tuple[int, bool]]:
    """Frames as beats, with the right length."""
    n = len(sent) // FRAMES
    return [(data, k % n == n - 1) for k, data in enumerate(sent)]


@pytest.mark.parametrize("stall", ["free", "alternating sink", "both random", "bursts"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_beat_and_every_cycle(name: str, stall: str) -> None:
    graph = NETWORKS[name]()
    t = graph.source.tensor.type
    x = np.random.default_rng(2).integers(t.lo, t.hi, (FRAMES, *graph.source.shape), endpoint=True)
    sent, want = beats(graph, x)
    pattern = next(s for s in stalls(len(sent), seed=5) if s.name == stall)
    moves = play(graph, whole(sent), len(want), pattern)
    due = replay(graph, np.array(pattern.offered), np.array(pattern.ready, bool))
    assert moves.values == want
    assert moves.accepted == due.accepted.tolist()
    assert moves.taken == due.taken.tolist()
    if stall == "free":
        timing, n = predict(graph), len(want) // FRAMES
        assert moves.taken[n - 1] - moves.accepted[0] == timing.latency
        assert moves.taken[-1] - moves.taken[-1 - 2 * n] == 2 * timing.ii


def test_a_bypass_one_slot_short_is_seen() -> None:
    """The planned depth is minimal in hardware: with one slot less, the rate drops."""
    graph = NETWORKS["a bypass of a shuffle"]()
    deep = max(graph.depths, key=lambda e: graph.depths[e])
    short = graph.replace(depths={**graph.depths, deep: graph.depths[deep] - 1})
    x = np.random.default_rng(2).integers(0, 3, (FRAMES, *graph.source.shape))
    sent, want = beats(graph, x)
    free = Stall("free", [0] * len(sent), [])
    ends = [play(g, whole(sent), len(want), free).taken[-1] for g in (graph, short)]
    assert ends[0] < ends[1]


@pytest.mark.parametrize("name", ["around dense layers", "residual"])
def test_a_bad_frame_leaves_the_next_one_right(name: str) -> None:
    """A short frame is dropped, or where its output leaves early, filled up with zeros."""
    graph = NETWORKS[name]()
    x = np.random.default_rng(4).integers(0, 3, (FRAMES, *graph.source.shape))
    sent, _ = beats(graph, x)
    n = len(sent) // FRAMES
    short = {2: n - 1, 3: 1}
    script = [
        (sent[f * n + k], k == short.get(f, n) - 1)
        for f in range(FRAMES)
        for k in range(short.get(f, n))
    ]
    edge = graph.source.flatten(x).reshape(FRAMES, n, -1)
    for f, length in short.items():
        edge[f, length:] = 0
    filled = np.moveaxis(edge.reshape(FRAMES, *graph.source.tensor.shape), -1, 1)
    keep = [f for f in range(FRAMES) if f not in short] if name != "residual" else range(FRAMES)
    _, want = beats(graph, filled[list(keep)])
    for stall in stalls(len(script), seed=6):
        assert play(graph, script, len(want), stall, linger=60).values == want, stall.name
