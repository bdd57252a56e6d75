"""Replay by whole frames and without the steps that no rule needs: the same as event by event."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.ir import INPUT
from bitrill.timing import replay as module
from bitrill.timing.event_graph import EventGraph
from bitrill.timing.fifo_depths import fifo_depths
from bitrill.timing.replay import replay
from support import nightly
from timing.test_thinning import Slow

FRAMES = 5
LATE = np.append(np.ones(20_000, bool), False)
"""A sink that pauses once, long after the last beat."""


def whole(graph: object, depths: object, *, thin: bool) -> EventGraph:
    assert thin
    return EventGraph(graph, depths)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [*range(4), *nightly(*range(4, 60))])
def test_random_networks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, rng = Slow(seed).graph(), np.random.default_rng(seed)
    graph = graph.replace(depths=fifo_depths(graph))
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
