"""Latest times: an event may be as late as that, and no later; rules that run backwards."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.timing.event_graph import EventGraph
from bitrill.timing.feasibility import is_feasible
from bitrill.timing.latest import LatestTimes, first_waiting
from bitrill.timing.relaxation import NEVER, Relaxation
from branching import NETWORKS


@pytest.mark.parametrize("seed", range(40))
def test_who_waits_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_src, n_dst = (int(n) for n in rng.integers(1, 9, 2))
    index = rng.integers(-3 * n_src, 2 * n_src, n_dst)
    if seed % 2:
        index.sort()
    frames = np.arange(-8, 8)
    waits = (index + frames[:, None] * n_src).reshape(-1)
    found = [int(np.flatnonzero(waits >= i)[0]) - 8 * n_dst for i in range(n_src)]
    assert first_waiting(index, n_src).tolist() == found


def with_event_at(events: EventGraph, stream: int, k: int, time: int) -> bool:
    """Return whether times keep all rules with one event no sooner than ``time``."""
    trial = events.earliest()
    trial.times[stream][k] = time
    interval, latest = events.slowest.interval, np.full(events.system.sizes[stream], -NEVER)
    anchor, at = events.slowest.anchor
    limits = {anchor: np.full(events.system.sizes[anchor], -NEVER), stream: latest}
    limits[anchor][at] = 0
    unit, period = interval.denominator, interval.numerator
    trial = Relaxation(events.system, trial.times, unit=unit, period=period, latest=limits)
    return is_feasible(trial, [f.rule for f in events.fifos])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("slots", [40, 200])
def test_an_event_may_be_as_late_and_no_later(name: str, slots: int) -> None:
    """From depths of 200 on those of 40 are reached by steps."""
    graph = NETWORKS[name]()
    events = EventGraph(graph, dict.fromkeys(graph.edges, 200))
    latest = LatestTimes(events)
    for f in events.fifos if slots < 200 else ():
        events.set_depth(f, slots)
        latest.set_depths({f: slots})
    rng = np.random.default_rng(0)
    for stream in rng.permutation(len(events.system.sizes))[:12].tolist():
        k = int(rng.integers(events.system.sizes[stream]))
        time = int(latest.times[stream][k])
        assert with_event_at(events, stream, k, time)
        assert not with_event_at(events, stream, k, time + 1)
