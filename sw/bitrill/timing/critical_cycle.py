"""Whether times can keep the rules of a max-plus system, and the cycle of rules that forbids it.

Relaxation as in `bitrill.timing.relaxation`, but each event remembers the rule that raised it last:
these rules form a cycle exactly where no times can keep them (Cherkassky and Goldberg 1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .maxplus import System

_CHAIN = -1
"""Instead of a rule's number: the event before it in its own stream."""

_ROUNDS = 4
"""Sweeps before the first look for a cycle; each next one half as many later."""


@dataclass(frozen=True)
class Cycle:
    """Rules that wait for one another: the interval that they ask for, None if they do so within
    one frame, a deadlock; and one of their events, ``(stream, k)``."""

    interval: Fraction | None
    event: tuple[int, int]


class Tracked:
    """Times on the way to keeping all rules."""

    def __init__(self, system: System, start: list[np.ndarray], unit: int, period: int):
        self.system, self.unit, self.period = system, unit, period
        sizes = system.sizes
        self.times = [u.copy() for u in start]
        self.steps = np.arange(max(sizes)) * unit
        self.first = np.concatenate([[0], np.cumsum(sizes)])  # number of a stream's first event
        total = int(self.first[-1])
        small = np.int32 if total < 2**31 else np.int64
        self.parent = np.full(total, total, small)  # the event that raised each; none: `total`
        self.via = np.full(total, _CHAIN, np.int32)
        self.order = list(range(len(sizes)))
        self.clock = 0
        self.changed = [0] * len(sizes)  # when a stream was changed last, and when it was looked at
        self.looked = [-1] * len(sizes)

    def settle(self) -> list[np.ndarray] | Cycle:
        """Times that keep all rules, or a cycle that forbids it."""
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
                raised |= self._chain(s)
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

    def _cycle(self) -> Cycle | None:
        """A cycle of events that raised one another, if there is one."""
        none = len(self.parent)
        ahead = np.append(self.parent, none).astype(self.parent.dtype)
        for _ in range(none.bit_length()):
            ahead = ahead[ahead]
        rest = np.flatnonzero(ahead[:-1] != none)
        if not len(rest):
            return None
        start = event = int(ahead[rest[0]])
        delay = frames = 0
        while True:
            k = self._event(event)[1]
            if self.via[event] == _CHAIN:
                delay, frames = delay + 1, frames + (k == 0)
            else:
                rule = self.system.rules[self.via[event]]
                piece = next(p for p in rule.pieces if p.first <= k < p.last)
                delay, frames = delay + rule.delay, frames - piece.frames
            event = int(self.parent[event])
            if event == start:
                return Cycle(Fraction(delay, frames) if frames > 0 else None, self._event(event))

    def _event(self, number: int) -> tuple[int, int]:
        s = int(np.searchsorted(self.first, number, "right")) - 1
        return s, number - int(self.first[s])
