"""Patterns of stalls: seeded, of the requested share, bursty, never endless."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill_sim.stalls import ALWAYS, CYCLES, bursts, longest_pause, pair, schedule, single


def test_same_seed_same_schedules() -> None:
    for one, other in zip(pair(0.5, 4, long=50), pair(0.5, 4, long=50), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(pair(0.5, 4, long=50)[0], pair(0.5, 5, long=50)[0])


def test_ends_pause_independently() -> None:
    source, sink = pair(0.5, 0, long=50)
    assert (len(source), len(sink)) == (CYCLES - 1, CYCLES + 1)
    both = np.mean(source == sink[: len(source)])
    assert 0.4 < both < 0.6


@pytest.mark.parametrize("stall", [0.05, 0.5, 0.9, 0.999])
def test_share_and_bursts(stall: float) -> None:
    cycles = schedule(stall, 1 << 17, 40, np.random.default_rng(0))
    assert abs(1 - cycles.mean() - stall) < 0.1
    assert cycles[-1]
    assert longest_pause(cycles) > 40  # a whole frame's time
    starts = np.flatnonzero(~cycles[1:-1] & cycles[:-2] & cycles[2:])
    assert len(starts) > 10 * (stall < 0.9)  # and single cycles


def test_no_pause() -> None:
    assert pair(0, 3, long=10) == (ALWAYS, ALWAYS)
    assert longest_pause(ALWAYS) == 0


def test_kinds() -> None:
    rng = np.random.default_rng(1)
    n = 1 << 16
    lengths = np.diff(np.flatnonzero(np.diff(bursts(0.5, n, 20, rng))))
    assert 17 < lengths.mean() < 23
    lengths = np.diff(np.flatnonzero(np.diff(single(0.5, n, rng))))
    assert 1.8 < lengths.mean() < 2.2


def test_longest_pause_goes_round_the_end() -> None:
    assert longest_pause(np.array([False, True, False, True, False, False])) == 3


@pytest.mark.parametrize("stall", [1, -0.5, 2])
def test_impossible_share(stall: float) -> None:
    with pytest.raises(SpecError, match=f"stall must be at least 0 and below 1, not {stall}"):
        pair(stall, 0, long=10)
