"""The least interval that a max-plus system allows, times that keep it, and the critical cycle.

Times that keep all rules exist exactly if no cycle of rules asks for more than ``interval`` a frame
(Baccelli, Cohen, Olsder, Quadrat 1992). They are found by relaxation. Where that does not come to
rest soon, the cycle that forbids it is looked for: by relaxation again, but each event remembers
the rule that raised it last, and these rules form a cycle exactly where no times keep all rules
(Cherkassky and Goldberg 1999). That cycle's own interval is the next one to try (Lawler 1976), so
the least interval comes out exact.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import StageError
from .maxplus import Event, System
from .relaxation import SWEEPS, Relaxation

_CHAIN = -1
"""Stands for a rule's number where an event was raised by the one before it in its stream."""

_ROUNDS = 4
"""Sweeps before the first search for a cycle; each later search waits half as many again."""


@dataclass(frozen=True)
class Cycle:
    """Rules that wait for one another, and one event on them.

    ``interval``: what the rules ask for; None for a deadlock, a cycle within one frame.
    """

    interval: Fraction | None
    event: Event


@dataclass(frozen=True, eq=False)
class LeastInterval:
    """The least interval in cycles, and times of one frame that keep it.

    ``event`` lies on the critical cycle, if the interval is more than the one searched from.
    """

    interval: Fraction
    event: Event
    times: list[np.ndarray]


def least_interval(system: System, at_least: Fraction | int = 0) -> LeastInterval:
    """Find the shortest interval that all rules allow, and a `schedule` of it.

    ``at_least``: an interval known to be none too long. Raises `StageError` where no interval is
    long enough.
    """
    longest = max(system.spans)
    interval, event = Fraction(max(longest, at_least)), Event(system.spans.index(longest), 0)
    while True:
        times = schedule(system, interval)
        if isinstance(times, list):
            return LeastInterval(interval, event, times)
        if times.interval is None:
            raise StageError(f"{system.name}: deadlock: rules wait for one another")
        interval, event = times.interval, times.event


def schedule(system: System, interval: Fraction) -> list[np.ndarray] | Cycle:
    """Return times of one frame's events, in units of ``1 / interval.denominator`` cycles.

    Where no times keep all rules: a cycle of rules that forbids it.
    """
    unit, period = interval.denominator, interval.numerator
    start = [system.steps(s, unit) for s in range(len(system.sizes))]
    if max(system.spans) * unit <= period:
        relaxation = Relaxation(system, start, unit=unit, period=period)
        if relaxation.settle(SWEEPS):
            return relaxation.times
        start = relaxation.times  # no later than any that keep all rules
    return TrackedTimes(system, start, unit, period).settle()


class TrackedTimes:
    """Times that are raised until they keep all rules, with the reason of each raise."""

    def __init__(self, system: System, start: list[np.ndarray], unit: int, period: int):
        self.system, self.unit, self.period = system, unit, period
        sizes = system.sizes
        self.times = [u.copy() for u in start]
        self.first = np.concatenate([[0], np.cumsum(sizes)])  # number of a stream's first event
        total = int(self.first[-1])
        small = np.int32 if total < 2**31 else np.int64
        self.parent = np.full(total, total, small)  # the event that raised each; `total`: none
        self.via = np.full(total, _CHAIN, np.int32)
        self.order = list(range(len(sizes)))
        self.clock = 0
        self.changed = [0] * len(sizes)  # when a stream was raised last
        self.looked = [-1] * len(sizes)  # when its rules were last applied

    def settle(self) -> list[np.ndarray] | Cycle:
        """Raise times until they keep all rules; return them, or a cycle that forbids it."""
        sweeps, next_look = 0, _ROUNDS
        while self._sweep():
            sweeps += 1
            if sweeps == next_look:
                next_look += next_look // 2
                cycle = self._cycle()
                if cycle is not None:
                    return cycle
        return self.times

    def _sweep(self) -> bool:
        moved = False
        for s in self.order:
            since = self.looked[s]
            self.clock += 1
            self.looked[s] = self.clock
            raised = False
            for number in self.system.into[s]:
                if self.changed[self.system.rules[number].src] > since:
                    raised |= self._apply(s, number)
            if raised or since < 0:
                raised |= self._space(s)
            if raised:
                self.clock += 1  # after the look: a stream may have rules on itself
                self.changed[s] = self.clock
                moved = True
        self.order.reverse()
        return moved

    def _apply(self, s: int, number: int) -> bool:
        rule, u, raised = self.system.rules[number], self.times[s], False
        for piece in rule.pieces:
            wanted = np.empty(piece.last - piece.first, np.int64)
            lag = rule.delay * self.unit + piece.frames * self.period
            piece.plus(self.times[rule.src], lag, wanted)
            late = np.flatnonzero(wanted > u[piece.first : piece.last])
            if len(late):
                at = piece.first + late
                u[at] = wanted[late]
                self.parent[self.first[s] + at] = self.first[rule.src] + piece.indices()[late]
                self.via[self.first[s] + at] = number
                raised = True
        return raised

    def _space(self, s: int) -> bool:
        """Keep a cycle between events of a stream, also from frame to frame."""
        u, first = self.times[s], int(self.first[s])
        steps, turn = self.system.steps(s, self.unit), self.system.turn(s) * self.unit
        raised = False
        while True:
            spaced = np.maximum.accumulate(u - steps) + steps
            later = spaced > u
            if later.any():
                late = later.nonzero()[0]
                u[late] = spaced[late]
                self.parent[first + late], self.via[first + late] = first + late - 1, _CHAIN
                raised = True
            wrapped = u[-1] + turn - self.period
            if wrapped <= u[0]:
                return raised
            u[0] = wrapped
            self.parent[first], self.via[first] = first + len(u) - 1, _CHAIN
            raised = True

    def _cycle(self) -> Cycle | None:
        """Return a cycle of events that raised one another, if there is one."""
        none = len(self.parent)
        ahead = np.append(self.parent, none).astype(self.parent.dtype)
        for _ in range(none.bit_length()):
            ahead = ahead[ahead]
        circling = np.flatnonzero(ahead[:-1] != none)
        if not len(circling):
            return None
        start = int(ahead[circling[0]])
        cycle, parent = [start], self.parent
        while (event := int(parent[cycle[-1]])) != start:
            cycle.append(event)
        return self._measured(np.array(cycle))

    def _apart(self, streams: np.ndarray, k: np.ndarray) -> int:
        """Return the least cycles between events and those before them in their streams, summed."""
        delay = 0
        for s in np.unique(streams).tolist():
            gaps = np.diff(self.system.steps(s, 1), prepend=-self.system.turn(s))
            delay += int(gaps[k[streams == s]].sum())
        return delay

    def _measured(self, cycle: np.ndarray) -> Cycle:
        """Return what the rules along a cycle, given by the numbers of its events, ask for."""
        streams = np.searchsorted(self.first, cycle, "right") - 1
        k, via = cycle - self.first[streams], self.via[cycle]
        chained = via == _CHAIN
        delay, frames = self._apart(streams[chained], k[chained]), int((chained & (k == 0)).sum())
        for number in np.unique(via[~chained]):
            rule, by = self.system.rules[number], k[via == number]
            delay += rule.delay * len(by)
            pieces = np.searchsorted([p.first for p in rule.pieces], by, "right") - 1
            frames -= int(np.array([p.frames for p in rule.pieces])[pieces].sum())
        event = Event(int(streams[0]), int(k[0]))
        return Cycle(Fraction(delay, frames) if frames > 0 else None, event)
