"""Replay by whole frames and without the steps that no rule needs: the same as event by event."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from bitrill.ir import INPUT, Graph
from bitrill.timing import replay as module
from bitrill.timing.event_graph import EventGraph
from bitrill.timing.fifo_depths import fifo_depths
from bitrill.timing.replay import replay
from branching import NETWORKS
from support import nightly
from timing.test_thinning import Slow

FRAMES = 3
LATE = np.append(np.ones(20_000, bool), False)
"""A sink that pauses once, long after the last beat."""


def whole(graph: Graph, depths: Mapping[str, int], *, thin: bool) -> EventGraph:
    assert thin
    return EventGraph(graph, depths)


def assert_same(graph: Graph, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    # more slots than are needed: else they space the beats, and nothing else has to
    graph = graph.replace(depths={e: n + 9 for e, n in fifo_depths(graph).items()})
    beats = FRAMES * graph.reader(INPUT).beats_in
    pauses = rng.integers(0, 40, beats) * (rng.random(beats) < 0.1)
    ready = rng.random(400) < 0.5
    for offered in (np.zeros(beats, int), np.cumsum(pauses)):
        frames, thin = replay(graph, offered, np.ones(0, bool)), replay(graph, offered, LATE)
        stalled = replay(graph, offered, ready)
        with monkeypatch.context() as m:
            m.setattr(module, "EventGraph", whole)
            every, stalled_too = replay(graph, offered, LATE), replay(graph, offered, ready)
        for one, other in ((frames, every), (thin, every), (stalled, stalled_too)):
            assert one.accepted.tolist() == other.accepted.tolist()
            assert one.taken.tolist() == other.taken.tolist()
        assert every.taken[-1] < len(LATE)


@pytest.mark.parametrize("seed", [*range(2), *nightly(*range(2, 60))])
def test_random_networks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(Slow(seed).graph(), seed, monkeypatch)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_beat_a_cycle(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the cycle between two beats spaces the frames of these networks."""
    assert_same(NETWORKS[name](), 0, monkeypatch)
