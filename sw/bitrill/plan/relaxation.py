"""Least times that keep the rules of a max-plus system, whole streams at a time.

Relaxation (Bellman 1958, Ford 1956) as Yen (1970) orders it: through the streams to and fro, so
what is late goes on downstream, and what stands holds up all upstream, in one sweep each. Only
rules out of streams that have changed are looked at, only streams that are raised are copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .laps import Laps
    from .maxplus import Event, System

NEVER = -(1 << 40)
"""Long before everything: the times of what waits for nothing."""


class Relaxation:
    """The least times, no earlier than those given, that keep all rules.

    Times count in units of ``1 / unit`` cycles; event k of frame f happens at ``f * period +
    times[s][k]``. ``period`` None: there is one frame alone, and nothing waits for earlier ones.
    ``rules``: numbers of the rules that the times given may break; None: any.
    """

    def __init__(
        self,
        system: System,
        times: list[np.ndarray],
        *,
        unit: int = 1,
        period: int | None,
        rules: Iterable[int] | None = None,
    ):
        self.system, self.unit, self.period = system, unit, period
        self.times, self._given = list(times), times
        n, longest = len(times), max(map(len, times))
        self._wanted = np.empty(longest, np.int64)
        self._later = np.empty(longest, bool)
        self._steps = np.arange(longest) * unit
        self._order = list(range(n))
        self.laps: Laps | None = None
        self._clock = 1
        self._changed = [0] * n  # when a stream was raised last, and when it was looked at
        self._looked = [-1 if rules is None else 0] * n
        for number in rules or ():
            if self._apply(number):
                s = system.rules[number].dst
                self._chain(s)
                self._changed[s] = 1

    def settle(self, sweeps: int, anchor: Event | None = None) -> bool | None:
        """Whether all rules are kept after at most so many sweeps; None: ``anchor`` was raised."""
        if self.excess(anchor):
            return None
        for _ in range(sweeps):
            moved = False
            for s in self._order:
                if self._visit(s):
                    moved = True
                    if anchor is not None and s == anchor.stream and self.excess(anchor):
                        return None
            if not moved:
                return True
            self._order.reverse()
        return False

    def excess(self, anchor: Event | None) -> int:
        """By how much an event was raised."""
        if anchor is None:
            return 0
        s, k = anchor
        return int(self.times[s][k] - self._given[s][k])

    def _visit(self, s: int) -> bool:
        """Raise a stream by its rules; whether it was."""
        since, rules = self._looked[s], self.system.rules
        self._clock += 1
        self._looked[s] = self._clock
        raised = since < 0 and self._chain(s)
        for number in self.system.into[s]:
            if self._changed[rules[number].src] > since and self._apply(number):
                raised = True
        if raised:
            self._chain(s)
            self._clock += 1  # after the look: a stream may have rules on itself
            self._changed[s] = self._clock
        return raised

    def _mine(self, s: int) -> np.ndarray:
        """The times of a stream, to be raised in place."""
        if self.times[s] is self._given[s]:
            self.times[s] = self._given[s].copy()
        return self.times[s]

    def _apply(self, number: int) -> bool:
        """Raise the events of one rule; whether any was."""
        rule, raised = self.system.rules[number], False
        for piece in rule.pieces:
            lag = rule.delay * self.unit
            if self.period is not None:
                lag += piece.frames * self.period
            elif piece.frames:
                continue  # what another frame does is nothing to one alone
            n = piece.last - piece.first
            wanted, later = self._wanted[:n], self._later[:n]
            piece.plus(self.times[rule.src], lag, wanted)
            np.greater(wanted, self.times[rule.dst][piece.first : piece.last], out=later)
            if later.any():
                u = self._mine(rule.dst)[piece.first : piece.last]
                np.maximum(u, wanted, out=u)
                if self.laps is not None:
                    self.laps.ruled(number, rule, piece, later)
                raised = True
        return raised

    def _chain(self, s: int) -> bool:
        """One event of a stream a cycle, through the end of the frame; whether any was raised."""
        raised = self._space(s)
        if self.period is not None:
            u = self.times[s]
            first = int(u[-1]) + self.unit - self.period
            if first > u[0]:
                u = self._mine(s)
                u[0] = first
                if self.laps is not None:
                    self.laps.wrapped(s)
                self._space(s)  # its end stays: the frame is long enough for all its events
                raised = True
        return raised

    def _space(self, s: int) -> bool:
        u = self.times[s]
        n = len(u)
        ahead, later = self._wanted[: n - 1], self._later[: n - 1]
        np.add(u[:-1], self.unit, out=ahead)
        np.greater(ahead, u[1:], out=later)
        if not later.any():
            return False
        u, old = self._mine(s), u if self.laps is None else u.copy()
        steps = self._steps[:n]
        u -= steps
        np.maximum.accumulate(u, out=u)
        u += steps
        if self.laps is not None:
            self.laps.chained(s, u > old)
        return True
