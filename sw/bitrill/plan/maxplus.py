"""Rates of max-plus systems: which interval a set of rules allows, and a schedule that keeps it.

Events repeat frame by frame: event k of stream s in frame f happens at ``f * interval + u[s][k]``.
Rules then are difference constraints between the u, and such u exist exactly if no cycle of rules
asks for more than ``interval`` a frame. They are found by relaxation, whole streams at a time
(Bellman 1958, Ford 1956); each event remembers the rule that raised it last, and the rules form a
cycle exactly where the interval is too short (Cherkassky and Goldberg 1999). That cycle's own
interval is the next one to try (Lawler 1976): so the least interval comes out exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import StageError

_CHAIN = -1
"""Instead of a rule's number: the event before it in its own stream."""

_ROUNDS = 12
"""Rounds of relaxation before the first look for a cycle; each next one half as many later."""


@dataclass(frozen=True, eq=False)
class _Rule:
    """``u[dst][k] >= u[src][place[k]] + frames[k] * interval + delay``."""

    dst: int
    src: int
    place: np.ndarray
    frames: np.ndarray
    delay: int


class System:
    """Streams of at least one event a frame and one cycle between events, and rules on them."""

    def __init__(self, name: str):
        self.name = name
        self.sizes: list[int] = []
        self.rules: list[_Rule] = []

    def stream(self, size: int) -> int:
        """A new stream of ``size`` events a frame; its number."""
        self.sizes.append(size)
        return len(self.sizes) - 1

    def rule(self, dst: int, src: int, index: np.ndarray, delay: int) -> int:
        """A new rule, as `bitrill.ir.Rule` has it; its number."""
        frames, place = np.divmod(index, self.sizes[src])
        self.rules.append(_Rule(dst, src, place, frames, delay))
        return len(self.rules) - 1

    def replace(self, number: int, index: np.ndarray) -> None:
        """Another index of a rule."""
        old = self.rules[number]
        frames, place = np.divmod(index, self.sizes[old.src])
        self.rules[number] = _Rule(old.dst, old.src, place, frames, old.delay)

    def least_interval(self) -> tuple[Fraction, list[np.ndarray]]:
        """The shortest interval that all rules allow, and a `schedule` of it.

        `StageError` where no interval is long enough.
        """
        interval = Fraction(max(self.sizes))
        while True:
            found = self.schedule(interval)
            if isinstance(found, list):
                return interval, found
            if found is None:
                raise StageError(f"{self.name}: deadlock: rules wait for one another")
            interval = found

    def schedule(
        self, interval: Fraction, start: list[np.ndarray] | None = None
    ) -> list[np.ndarray] | Fraction | None:
        """Times of one frame's events, in units of ``1 / interval.denominator`` cycles.

        ``start``: the times may be no earlier than these. Where no times keep all rules: the
        interval that a cycle of rules asks for, or None if that waits for itself, a deadlock.
        """
        relaxation = _Relaxation(self, interval, start)
        rounds, next_look = 0, _ROUNDS
        while relaxation.round():
            rounds += 1
            if rounds == next_look:
                next_look += next_look // 2
                cycle = relaxation.cycle()
                if cycle is not None:
                    delay, frames = cycle
                    return Fraction(delay, frames) if frames > 0 else None
        return relaxation.times


class _Relaxation:
    """Times on the way to keeping all rules."""

    def __init__(self, system: System, interval: Fraction, start: list[np.ndarray] | None):
        self.system = system
        self.unit, self.period = interval.denominator, interval.numerator
        sizes = system.sizes
        given = start or [np.arange(n) * self.unit for n in sizes]
        self.times = [u.copy() for u in given]
        self.steps = np.arange(max(sizes)) * self.unit
        self.first = np.concatenate([[0], np.cumsum(sizes)])  # number of a stream's first event
        total = int(self.first[-1])
        self.parent = np.full(total, total)  # the event that raised each last; none: `total`
        self.via = np.full(total, _CHAIN)
        self.into: list[list[int]] = [[] for _ in sizes]
        for number, rule in enumerate(system.rules):
            self.into[rule.dst].append(number)
        self.order = list(range(len(sizes)))[::-1]
        self.lags: dict[int, np.ndarray] = {}
        self.clock = 0
        self.changed = [0] * len(sizes)  # when a stream was changed last, and when it was looked at
        self.looked = [-1] * len(sizes)

    def round(self) -> bool:
        """Each stream whose causes have changed once; whether anything moved.

        To and fro in turn: what is late goes on downstream, and what stands holds up all that is
        upstream, in one round each (Yen 1970).
        """
        moved = False
        self.order.reverse()
        for s in self.order:
            since = self.looked[s]
            self.clock += 1
            self.looked[s] = self.clock
            raised = False
            for number in self.into[s]:
                if self.changed[self.system.rules[number].src] > since:
                    raised |= self._apply(s, number)
            if raised or since < 0:
                raised |= self._chain(s)
            if raised:
                self.clock += 1  # after the look: a stream may have rules on itself
                self.changed[s] = self.clock
                moved = True
        return moved

    def _apply(self, s: int, number: int) -> bool:
        rule, u = self.system.rules[number], self.times[s]
        if number not in self.lags:
            self.lags[number] = rule.frames * self.period + rule.delay * self.unit
        wanted = self.times[rule.src].take(rule.place)
        wanted += self.lags[number]
        later = wanted > u
        if not later.any():
            return False
        late = later.nonzero()[0]
        u[late] = wanted[late]
        self.parent[self.first[s] + late] = self.first[rule.src] + rule.place[late]
        self.via[self.first[s] + late] = number
        return True

    def _chain(self, s: int) -> bool:
        """One event of a stream a cycle, through the end of the frame."""
        u, first = self.times[s], int(self.first[s])
        steps = self.steps[: len(u)]
        raised = False
        while True:
            spaced = np.maximum.accumulate(u - steps) + steps
            later = spaced > u
            if later.any():
                late = later.nonzero()[0]
                u[late] = spaced[late]
                self.parent[first + late], self.via[first + late] = first + late - 1, _CHAIN
                raised = True
            wrapped = u[-1] + self.unit - self.period
            if wrapped <= u[0]:
                return raised
            u[0] = wrapped
            self.parent[first], self.via[first] = first + len(u) - 1, _CHAIN
            raised = True

    def cycle(self) -> tuple[int, int] | None:
        """Cycles and frames around a cycle of events that raised one another, if there is one."""
        none = len(self.parent)
        ahead = np.append(self.parent, none)
        for _ in range(none.bit_length()):
            ahead = ahead[ahead]
        rest = np.flatnonzero(ahead[:-1] != none)
        if not len(rest):
            return None
        start = event = int(ahead[rest[0]])
        delay = frames = 0
        while True:
            s = int(np.searchsorted(self.first, event, "right")) - 1
            k = event - int(self.first[s])
            if self.via[event] == _CHAIN:
                delay, frames = delay + 1, frames - (k == 0)
            else:
                rule = self.system.rules[self.via[event]]
                delay, frames = delay + rule.delay, frames + int(rule.frames[k])
            event = int(self.parent[event])
            if event == start:
                break
        return delay, -frames
