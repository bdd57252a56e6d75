"""Rates of max-plus systems: which interval a set of rules allows, and a schedule that keeps it.

Events repeat frame by frame: event k of stream s in frame f happens at ``f * interval + u[s][k]``.
Rules then are difference constraints between the u, and such u exist exactly if no cycle of rules
asks for more than ``interval`` a frame (Baccelli, Cohen, Olsder, Quadrat 1992). They are found by
relaxation (see `bitrill.timing.relaxation`); where that does not come to rest soon, it is done
again with a look for the cycle that forbids it (see `bitrill.timing.critical_cycle`). That cycle's
own interval is the next one to try (Lawler 1976): so the least interval comes out exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ..errors import StageError
from .critical_cycle import Cycle, Tracked
from .relaxation import Relaxation
from .strided import Piece, pieces

SWEEPS = 16
"""Sweeps in which all but few systems come to rest; then a cycle is looked for."""


class Event(NamedTuple):
    """Event ``k`` of a stream."""

    stream: int
    k: int


@dataclass(frozen=True, eq=False)
class Rule:
    """``u[dst][k] >= u[src][place[k]] + frames[k] * interval + delay``, cut into pieces."""

    dst: int
    src: int
    pieces: tuple[Piece, ...]
    delay: int


class System:
    """Streams of at least one event a frame and one cycle between events, and rules on them.

    Relaxation is quickest where streams come after those that they wait for within a frame.
    """

    def __init__(self, name: str):
        self.name = name
        self.sizes: list[int] = []
        self.rules: list[Rule] = []
        self.into: list[list[int]] = []  # rules by the stream that they raise
        self.out: list[list[int]] = []  # and by the one that they look at

    def stream(self, size: int) -> int:
        """A new stream of ``size`` events a frame; its number."""
        self.sizes.append(size)
        self.into.append([])
        self.out.append([])
        return len(self.sizes) - 1

    def rule(self, dst: int, src: int, index: np.ndarray, delay: int) -> int:
        """A new rule, as `bitrill.ir.Rule` has it; its number."""
        self.rules.append(Rule(dst, src, pieces(index, self.sizes[src]), delay))
        self.into[dst].append(len(self.rules) - 1)
        self.out[src].append(len(self.rules) - 1)
        return len(self.rules) - 1

    def replace(self, number: int, index: np.ndarray) -> None:
        """Another index of a rule."""
        old = self.rules[number]
        self.rules[number] = Rule(old.dst, old.src, pieces(index, self.sizes[old.src]), old.delay)

    def least_interval(self, at_least: Fraction | int = 0) -> tuple[Fraction, list[np.ndarray]]:
        """The shortest interval that all rules allow, and a `schedule` of it.

        ``at_least``: an interval known to be none too long. `StageError` where no interval is long
        enough.
        """
        interval, _, times = self.critical(at_least)
        return interval, times

    def critical(self, at_least: Fraction | int = 0) -> tuple[Fraction, Event, list[np.ndarray]]:
        """As `least_interval`, with an event that takes all of the interval to come round.

        That event counts only where the interval is more than ``at_least``.
        """
        longest = max(self.sizes)
        interval, event = Fraction(max(longest, at_least)), Event(self.sizes.index(longest), 0)
        while True:
            found = self.schedule(interval)
            if isinstance(found, list):
                return interval, event, found
            if found.interval is None:
                raise StageError(f"{self.name}: deadlock: rules wait for one another")
            interval, event = found.interval, Event(*found.event)

    def schedule(
        self, interval: Fraction, start: list[np.ndarray] | None = None
    ) -> list[np.ndarray] | Cycle:
        """Times of one frame's events, in units of ``1 / interval.denominator`` cycles.

        ``start``: the times may be no earlier than these. Where no times keep all rules: a cycle
        of rules that forbids it.
        """
        unit, period = interval.denominator, interval.numerator
        start = start or [np.arange(n) * unit for n in self.sizes]
        if max(self.sizes) * unit <= period:
            quick = Relaxation(self, start, unit=unit, period=period)
            if quick.settle(SWEEPS):
                return quick.times
            start = quick.times  # no later than any that keep all rules
        return Tracked(self, start, unit, period).settle()
