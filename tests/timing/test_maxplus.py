"""Smallest intervals of max-plus systems, exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.timing.feasibility import SuspectLinks, is_feasible
from bitrill.timing.intervals import Cycle, least_interval, schedule
from bitrill.timing.maxplus import System
from bitrill.timing.relaxation import NEVER, Relaxation
from bitrill.timing.strided import pieces


def test_a_stream_alone_takes_a_cycle_an_event() -> None:
    system = System("s")
    system.stream(7)
    least = least_interval(system)
    (times,) = least.times
    assert least.interval == 7
    assert times.tolist() == list(range(7))


def test_a_rule_of_a_stream_on_itself() -> None:
    system = System("s")
    a = system.stream(4)
    system.rule(a, a, np.arange(4) - 1, 3)
    assert least_interval(system).interval == 12


def test_a_fraction() -> None:
    """Each event eleven cycles behind the same one two frames ago."""
    system = System("s")
    a = system.stream(4)
    system.rule(a, a, np.arange(4) - 8, 11)
    assert least_interval(system).interval == Fraction(11, 2)


def test_what_lies_ahead_does_not_slow_down_and_a_short_way_back_does() -> None:
    system = System("s")
    a, b = system.stream(4), system.stream(4)
    k = np.arange(4)
    system.rule(b, a, k, 5)
    assert least_interval(system).interval == 4
    back = system.rule(a, b, k - 2, 1)  # two slots: six cycles for two events
    assert least_interval(system).interval == 12
    system.replace(back, k - 6)
    assert least_interval(system).interval == 4


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
    least = least_interval(system)
    interval, times = least.interval, least.times
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
    found = schedule(system, Fraction(5))
    assert isinstance(found, Cycle)
    assert found.interval == 9


def test_deadlock() -> None:
    system = System("stuck")
    a, b = system.stream(2), system.stream(2)
    system.rule(a, b, np.arange(2), 1)
    system.rule(b, a, np.arange(2), 0)
    found = schedule(system, Fraction(100))
    assert isinstance(found, Cycle)
    assert found.interval is None
    with pytest.raises(StageError, match="stuck: deadlock: rules wait for one another"):
        least_interval(system)


def test_the_end_of_a_frame_holds_up_the_next_one() -> None:
    system = System("s")
    a, b = system.stream(4), system.stream(4)
    system.rule(b, a, np.array([3, 3, 3, 3]), 1)  # 4, 5, 6, 7
    system.rule(b, a, np.array([-9, -9, -9, 3]), 5)  # 8 for the last
    found = schedule(system, Fraction(4))
    assert isinstance(found, list)
    assert found[b].tolist() == [5, 6, 7, 8]


def earliest(system: System, interval: Fraction) -> Relaxation:
    times = [np.full(n, NEVER) for n in system.sizes]
    times[0][0] = 0
    unit, period = interval.denominator, interval.numerator
    latest = np.append(0, np.full(system.sizes[0] - 1, -NEVER))
    return Relaxation(system, times, unit=unit, period=period, latest={0: latest})


@pytest.mark.parametrize("seed", range(40))
def test_random_systems_settle_from_their_least_interval_on(seed: int) -> None:
    system, best = longest_cycle(np.random.default_rng(seed))
    best = max(best, Fraction(max(system.sizes)))
    rules = range(len(system.rules))
    for more in (Fraction(0), Fraction(1, 7), Fraction(3)):
        assert is_feasible(earliest(system, best + more), rules)
    for less in (Fraction(1, 1000), Fraction(1, 7), Fraction(1)):
        if best - less >= max(system.sizes):
            assert not is_feasible(earliest(system, best - less), rules)


@pytest.mark.parametrize(("slots", "enough"), [(2, False), (5, False), (6, True)])
def test_a_cycle_that_never_reaches_the_anchor(slots: int, enough: bool) -> None:
    system = System("s")
    system.stream(1)
    a, b = system.stream(4), system.stream(4)
    k = np.arange(4)
    system.rule(b, a, k, 5)
    back = system.rule(a, b, k - slots, 1)
    assert is_feasible(earliest(system, Fraction(4)), [back]) == enough


@pytest.mark.parametrize("seed", range(60))
def test_pieces_are_their_indices_and_parts_miss_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index = np.zeros(1, np.int64)
    for _ in range(int(rng.integers(1, 4))):
        digits = np.arange(int(rng.integers(1, 9))) * int(rng.integers(-2, 12))
        index = (index[:, None] + digits).reshape(-1)
    index = index[int(rng.integers(0, 4)) :] if len(index) > 8 else index
    if seed % 4 == 0:
        index = np.sort(rng.integers(-30, 30, 40))
    size = int(rng.integers(3, 40))
    index -= int(rng.integers(0, 2 * size))
    found = pieces(index, size)
    x = rng.integers(0, 100, size)
    for p in found:
        out = np.empty(p.last - p.first, np.int64)
        p.plus(x, 3, out)
        frame, place = np.divmod(index[p.first : p.last], size)
        assert (frame == p.frames).all()
        assert (p.indices() == place).all()
        assert (out == x[place] + 3).all()
        low, high = np.sort(rng.integers(0, size, 2)).tolist()
        touched = p.first + np.flatnonzero((place >= low) & (place <= high))
        part = p.part(low, high)
        if part is None:
            assert not len(touched)
            continue
        assert (part.indices() == index[part.first : part.last] % size).all()
        assert ((touched >= part.first) & (touched < part.last)).all()
    assert [p.first for p in found] == [0, *(p.last for p in found[:-1])]
    assert found[-1].last == len(index)


def test_events_know_the_rule_that_those_before_them_were_raised_by() -> None:
    system = System("s")
    a = system.stream(5)
    number = system.rule(a, a, np.arange(5), 1)
    links, rule = SuspectLinks(system, [number]), system.rules[number]
    links.ruled(number, rule, rule.pieces[0], np.array([1, 0, 0, 1, 0], bool))
    links.spaced(a, 0, np.array([0, 1, 1, 0, 1], bool))
    known = links._suspects(a)
    assert known.tolist() == [known[0]] * 3 + [known[3]] * 2
    assert len({0, *known.tolist()}) == 3
    links.chained(a, -1, 0, 1)
    assert known[0] == known[4]
