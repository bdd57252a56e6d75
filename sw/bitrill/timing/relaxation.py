"""Relaxation of a max-plus system: the least times that keep its rules, whole streams at a time.

This is the method of Bellman (1958) and Ford (1956) in Yen's order (1970): streams are visited
forwards, then backwards, so a delay travels downstream and a stall upstream in one sweep each. Only
rules out of streams that have changed are applied, and only streams that are raised are copied.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias

import numpy as np

from .maxplus import PiecewiseRule, System
from .strided import StridedEvents

NEVER = -(1 << 40)
"""Time of an event that waits for nothing: long before all others."""

SWEEPS = 16
"""Sweeps in which nearly all systems come to rest."""

_STEP = 64
"""Events behind a raised one that are checked at first; twice as many each time."""

Span: TypeAlias = tuple[int, int]
"""First and last event of a part of a stream, both included."""


class Observer(Protocol):
    """Is called for each raise of events, with the reason: see `bitrill.timing.feasibility`."""

    def ruled(
        self, number: int, rule: PiecewiseRule, piece: StridedEvents, later: np.ndarray
    ) -> None:
        """Note that a rule raised the events of one of its pieces, where ``later``."""

    def spaced(self, s: int, start: int, later: np.ndarray) -> None:
        """Note that events of a stream were raised by those before them, where ``later``."""

    def chained(self, s: int, cause: int, first: int, stop: int) -> None:
        """Note that one event of a stream raised its events ``first .. stop - 1``."""


class Sweeps(ABC):
    """Visits of all streams, there and back, until nothing is left to raise.

    ``excess``: most time by which an event that was looked at passed its latest time.
    """

    excess: int
    _order: list[int]

    def settle(self, sweeps: int) -> bool | None:
        """Raise times for at most ``sweeps`` sweeps; return whether they keep all rules.

        Returns None as soon as an event passes its latest time.
        """
        if self.excess:
            return None
        for _ in range(sweeps):
            moved = False
            for s in self._order:
                if self._visit(s):
                    moved = True
                    if self.excess:
                        return None
            if not moved:
                return True
            self._order.reverse()
        return False

    @abstractmethod
    def _visit(self, s: int) -> bool:
        """Apply the rules that wait on stream ``s``; return whether anything was raised."""


class Relaxation(Sweeps):
    """Raises given times to the least that keep all rules.

    Times count in units of ``1 / unit`` cycles; event k of frame f happens at ``f * period +
    times[s][k]``. ``period`` None: there is one frame alone, and nothing waits for earlier ones.
    ``rules``: numbers of the rules that the given times may break; None: any of them. ``latest``:
    times that events must not pass, by stream.
    """

    def __init__(
        self,
        system: System,
        times: list[np.ndarray],
        *,
        unit: int = 1,
        period: int | None,
        rules: Iterable[int] | None = None,
        latest: Mapping[int, np.ndarray] | None = None,
    ):
        self.system, self.unit, self.period = system, unit, period
        self.times, self._given = list(times), times
        n, longest = len(times), max(map(len, times))
        self._wanted = np.empty(longest, np.int64)
        self._later = np.empty(longest, bool)
        self._order = list(range(n))
        self.observer: Observer | None = None
        self._latest = latest or {}
        self.excess = 0
        """Most time by which an event that was looked at passed its latest time."""
        self._due: dict[int, Span] = {}  # events raised since a rule was last applied, by rule
        self._fresh = [rules is None] * n
        if rules is None:
            for s, size in enumerate(system.sizes):
                self._raised(s, (0, size - 1))
        for number in rules or ():
            rule = system.rules[number]
            span = self._apply(number, (0, system.sizes[rule.src] - 1))
            if span:
                self._raised(rule.dst, self._chain(rule.dst, span))

    def _visit(self, s: int) -> bool:
        """Raise a stream by its rules; return whether it was raised."""
        span: Span | None = None
        for number in self.system.into[s]:
            due = self._due.pop(number, None)
            raised = due and self._apply(number, due)
            if raised:
                span = raised if span is None else _hull(span, raised)
        if self._fresh[s]:
            self._fresh[s] = False
            span = (0, len(self.times[s]) - 1)
        if span is None:
            return False
        self._raised(s, self._chain(s, span))
        return True

    def _raised(self, s: int, span: Span) -> None:
        first, last = span
        if s in self._latest:
            u, latest = self.times[s][first : last + 1], self._latest[s][first : last + 1]
            beyond = np.subtract(u, latest, out=self._wanted[: len(u)])
            self.excess = max(self.excess, int(beyond.max()))
        for number in self.system.out[s]:
            due = self._due.get(number)
            self._due[number] = span if due is None else _hull(due, span)

    def _mine(self, s: int) -> np.ndarray:
        """Return the times of a stream, copied once so that the given ones stay."""
        if self.times[s] is self._given[s]:
            self.times[s] = self._given[s].copy()
        return self.times[s]

    def _apply(self, number: int, due: Span) -> Span | None:
        """Raise the events that wait for ``due`` by one rule; return the span of raised ones."""
        rule = self.system.rules[number]
        span: Span | None = None
        for whole in rule.pieces:
            if self.period is None and whole.frames:
                continue  # one frame alone waits for no other frame
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
            if self.observer is not None:
                self.observer.ruled(number, rule, piece, later)
            raised = piece.first + first, piece.last - 1 - int(later[::-1].argmax())
            span = raised if span is None else _hull(span, raised)
        return span

    def _chain(self, s: int, span: Span) -> Span:
        """Keep a cycle between events of a stream, a span of which was raised; return the span."""
        first, last = span
        self._space(s, max(first - 1, 0), last + 1)
        last = self._push(s, last)
        u = self.times[s]
        if self.period is not None and last == len(u) - 1:
            start = int(u[-1]) + self.system.turn(s) * self.unit - self.period
            if start > u[0]:  # once is enough: the period is long enough for all events
                self._mine(s)[0] = start
                if self.observer is not None:
                    self.observer.chained(s, -1, 0, 1)
                self._push(s, 0)
                first = 0
        return first, last

    def _space(self, s: int, start: int, stop: int) -> None:
        """Keep the least distances between events ``start .. stop - 1``."""
        u = self.times[s][start:stop]
        n = len(u)
        steps, start_of_all = self.system.steps(s, self.unit)[start:stop], self._wanted[:n]
        np.subtract(u, steps, out=start_of_all)
        if not np.greater(start_of_all[:-1], start_of_all[1:], out=self._later[: n - 1]).any():
            return
        old = u if self.observer is None else u.copy()
        np.maximum.accumulate(start_of_all, out=start_of_all)
        u = self._mine(s)[start:stop]
        np.add(start_of_all, steps, out=u)
        if self.observer is not None:
            self.observer.spaced(s, start, u > old)

    def _push(self, s: int, last: int) -> int:
        """Raise the events behind ``last`` that stand too close; return the last raised one."""
        u, n, steps = self.times[s], _STEP, self.system.steps(s, self.unit)
        while last + 1 < len(u):
            behind = u[last + 1 : last + 1 + n]
            due = steps[last + 1 : last + 1 + n] + (u[last] - steps[last])
            late = due > behind
            count = len(late) if late.all() else int(late.argmin())
            if not count:
                break
            u = self._mine(s)
            u[last + 1 : last + 1 + count] = due[:count]
            if self.observer is not None:
                self.observer.chained(s, last, last + 1, last + 1 + count)
            last, n = last + count, 2 * n
            if count < len(late):
                break
        return last


def _hull(a: Span, b: Span) -> Span:
    return min(a[0], b[0]), max(a[1], b[1])
