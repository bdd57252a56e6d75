"""Least intervals of max-plus systems, exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.plan.maxplus import System


def test_a_stream_alone_takes_a_cycle_an_event() -> None:
    system = System("s")
    system.stream(7)
    interval, (times,) = system.least_interval()
    assert interval == 7
    assert times.tolist() == list(range(7))


def test_a_rule_of_a_stream_on_itself() -> None:
    system = System("s")
    a = system.stream(4)
    system.rule(a, a, np.arange(4) - 1, 3)
    assert system.least_interval()[0] == 12


def test_a_fraction() -> None:
    """Each event eleven cycles behind the same one two frames ago."""
    system = System("s")
    a = system.stream(4)
    system.rule(a, a, np.arange(4) - 8, 11)
    assert system.least_interval()[0] == Fraction(11, 2)


def test_what_lies_ahead_does_not_slow_down_and_a_short_way_back_does() -> None:
    system = System("s")
    a, b = system.stream(4), system.stream(4)
    k = np.arange(4)
    system.rule(b, a, k, 5)
    assert system.least_interval()[0] == 4
    back = system.rule(a, b, k - 2, 1)  # two slots: six cycles for two events
    assert system.least_interval()[0] == 12
    system.replace(back, k - 6)
    assert system.least_interval()[0] == 4


def longest_cycle(rng: np.random.Generator) -> tuple[System, Fraction]:
    """A random system, and its greatest ratio of delay to frames by walking all simple cycles."""
    system = System("random")
    for _ in range(3):
        system.stream(int(rng.integers(1, 4)))
    rules = []
    for _ in range(int(rng.integers(2, 5))):
        dst, src = rng.integers(0, 3, 2)
        n = system.sizes[dst]
        index = rng.integers(-2 * system.sizes[src], 0, n)
        delay = int(rng.integers(0, 12))
        system.rule(int(dst), int(src), index, delay)
        rules.append((dst, src, index, delay))
    edges: dict[tuple[int, int], list[tuple[tuple[int, int], int, int]]] = {}
    for s, n in enumerate(system.sizes):
        for k in range(n):
            edges.setdefault((s, k), []).append(((s, (k - 1) % n), 1, int(k == 0)))
    for dst, src, index, delay in rules:
        for k, i in enumerate(index.tolist()):
            n = system.sizes[src]
            edges[int(dst), k].append(((int(src), i % n), delay, -(i // n)))
    best = Fraction(0)

    def walk(start, event, seen, delay, frames):
        nonlocal best
        for to, d, f in edges[event]:
            if to == start:
                best = max(best, Fraction(delay + d, frames + f))
            elif to > start and to not in seen:
                walk(start, to, {*seen, to}, delay + d, frames + f)

    for event in edges:
        walk(event, event, {event}, 0, 0)
    return system, best


@pytest.mark.parametrize("seed", range(20))
def test_random_systems_by_all_their_cycles(seed: int) -> None:
    system, want = longest_cycle(np.random.default_rng(seed))
    interval, times = system.least_interval()
    assert interval == want
    for rule in system.rules:
        for piece in rule.pieces:
            due = times[rule.src][piece.indices()] + piece.frames * interval.numerator
            at = times[rule.dst][piece.first : piece.last]
            assert (at >= due + rule.delay * interval.denominator).all()


def test_a_shorter_interval_is_answered_by_a_longer_one() -> None:
    system = System("s")
    a = system.stream(2)
    system.rule(a, a, np.arange(2) - 2, 9)
    assert system.schedule(Fraction(5)).interval == 9


def test_deadlock() -> None:
    system = System("stuck")
    a, b = system.stream(2), system.stream(2)
    system.rule(a, b, np.arange(2), 1)
    system.rule(b, a, np.arange(2), 0)
    assert system.schedule(Fraction(100)).interval is None
    with pytest.raises(StageError, match="stuck: deadlock: rules wait for one another"):
        system.least_interval()
