"""Least times that keep the rules of a max-plus system, whole streams at a time.

Relaxation (Bellman 1958, Ford 1956) as Yen (1970) orders it: through the streams to and fro, so
what is late goes on downstream, and what stands holds up all upstream, in one sweep each. Only
rules out of streams that have changed are looked at, only streams that are raised are copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from .feasibility import Laps
    from .maxplus import Event, System

NEVER = -(1 << 40)
"""Long before everything: the times of what waits for nothing."""


_STEP = 64
"""Events that are looked at behind a raised one; twice as many each time."""

Span: TypeAlias = tuple[int, int]
"""From one event of a stream to another, both included."""


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
        self._steps = np.arange(longest + 1) * unit
        self._order = list(range(n))
        self.laps: Laps | None = None
        self._due: dict[int, Span] = {}  # what was raised since a rule was looked at
        self._fresh = [rules is None] * n
        if rules is None:
            for s, size in enumerate(system.sizes):
                self._raised(s, (0, size - 1))
        for number in rules or ():
            rule = system.rules[number]
            span = self._apply(number, (0, system.sizes[rule.src] - 1))
            if span:
                self._raised(rule.dst, self._chain(rule.dst, span))

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
        span: Span | None = None
        for number in self.system.into[s]:
            due = self._due.pop(number, None)
            found = due and self._apply(number, due)
            if found:
                span = found if span is None else _hull(span, found)
        if self._fresh[s]:
            self._fresh[s] = False
            span = (0, len(self.times[s]) - 1)
        if span is None:
            return False
        self._raised(s, self._chain(s, span))
        return True

    def _raised(self, s: int, span: Span) -> None:
        for number in self.system.out[s]:
            due = self._due.get(number)
            self._due[number] = span if due is None else _hull(due, span)

    def _mine(self, s: int) -> np.ndarray:
        """The times of a stream, to be raised in place."""
        if self.times[s] is self._given[s]:
            self.times[s] = self._given[s].copy()
        return self.times[s]

    def _apply(self, number: int, due: Span) -> Span | None:
        """Raise events by one rule, those that look at ``due``; from where to where any was."""
        rule = self.system.rules[number]
        span: Span | None = None
        for whole in rule.pieces:
            if self.period is None and whole.frames:
                continue  # what another frame does is nothing to one alone
            piece = whole.part(*due)
            if piece is None:
                continue
            n = piece.last - piece.first
            wanted, later = self._wanted[:n], self._later[:n]
            lag = rule.delay * self.unit + piece.frames * (self.period or 0)
            piece.plus(self.times[rule.src], lag, wanted)
            np.greater(wanted, self.times[rule.dst][piece.first : piece.last], out=later)
            first = int(later.argmax())
            if not later[first]:
                continue
            u = self._mine(rule.dst)[piece.first : piece.last]
            np.maximum(u, wanted, out=u)
            if self.laps is not None:
                self.laps.ruled(number, rule, piece, later)
            found = piece.first + first, piece.last - 1 - int(later[::-1].argmax())
            span = found if span is None else _hull(span, found)
        return span

    def _chain(self, s: int, span: Span) -> Span:
        """One event of a stream a cycle, through the end of the frame, once a span was raised."""
        first, last = span
        self._space(s, max(first - 1, 0), last + 1)
        last = self._push(s, last)
        u = self.times[s]
        if self.period is not None and last == len(u) - 1:
            start = int(u[-1]) + self.unit - self.period
            if start > u[0]:  # and no further round: the frame is long enough for all its events
                self._mine(s)[0] = start
                if self.laps is not None:
                    self.laps.chained(s, -1, 0, 1)
                self._push(s, 0)
                first = 0
        return first, last

    def _space(self, s: int, start: int, stop: int) -> None:
        """Space raised events."""
        u = self.times[s][start:stop]
        n = len(u)
        ahead, later = self._wanted[: n - 1], self._later[: n - 1]
        np.add(u[:-1], self.unit, out=ahead)
        np.greater(ahead, u[1:], out=later)
        if not later.any():
            return
        old = u if self.laps is None else u.copy()
        u = self._mine(s)[start:stop]
        steps = self._steps[:n]
        u -= steps
        np.maximum.accumulate(u, out=u)
        u += steps
        if self.laps is not None:
            self.laps.spaced(s, start, u > old)

    def _push(self, s: int, last: int) -> int:
        """Raise the events behind the last raised one as far as they stand too close; the last."""
        u, n = self.times[s], _STEP
        while last + 1 < len(u):
            behind = u[last + 1 : last + 1 + n]
            due = self._steps[1 : len(behind) + 1] + u[last]
            late = due > behind
            count = len(late) if late.all() else int(late.argmin())
            if not count:
                break
            u = self._mine(s)
            u[last + 1 : last + 1 + count] = due[:count]
            if self.laps is not None:
                self.laps.chained(s, last, last + 1, last + 1 + count)
            last, n = last + count, 2 * n
            if count < len(late):
                break
        return last


def _hull(a: Span, b: Span) -> Span:
    return min(a[0], b[0]), max(a[1], b[1])
