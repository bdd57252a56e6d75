"""Whether rules wait for themselves, told from few rules that close all cycles.

Where times keep all rules but some, a cycle that forbids times leads through those: `suspects`.
Each event knows the last suspect on the way by which it was raised, each suspect the one before it
on the way to its own last raise. Once these links close, the links' ways are a cycle: let v be the
times to which suspects were raised last, and w the delay of the way of a link; each suspect was
raised to ``v = v' + w``, v' no later than the v of the one before. Around the closed links the last
one raised was raised beyond what it was before, so the w sum up to more than 0. And while they do
not close, all times are bounded by ways without repetition (as with parents of events: Cherkassky
and Goldberg 1999; links are fewer, and found closed within a lap).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from .maxplus import Event, Rule, System
from .relaxation import Relaxation
from .strided import Piece

_SWEEPS, _LOOK = 4, 2
"""Sweeps until cycles are looked for, and between two looks."""


def settled(relaxation: Relaxation, suspects: Collection[int], anchor: Event) -> bool:
    """Whether there are times that keep all rules; if so, they are those of ``relaxation``.

    All cycles of rules that could forbid it lead through the rules ``suspects``; and if ``anchor``
    must be raised, there are none either.
    """
    kept = relaxation.settle(_SWEEPS, anchor)
    if kept is False:
        relaxation.laps = laps = Laps(relaxation.system, suspects)
        while kept is False and not laps.closed():
            kept = relaxation.settle(_LOOK, anchor)
    return bool(kept)


class Laps:
    """Links between the events that rules ``suspects`` raise."""

    def __init__(self, system: System, suspects: Collection[int]):
        self._system = system
        self._last: dict[int, np.ndarray] = {}  # of each event of a stream, by stream; 0: none
        self._base: dict[int, int] = {}
        total = 1
        for number in suspects:
            self._base[number] = total
            total += system.sizes[system.rules[number].dst]
        self._before = np.zeros(total, np.int32)
        self._numbers = np.arange(max(system.sizes), dtype=np.int32)

    def ruled(self, number: int, rule: Rule, piece: Piece, later: np.ndarray) -> None:
        """Events of a piece of a rule were raised, where ``later``."""
        n = piece.last - piece.first
        last = np.empty(n, np.int32)
        piece.plus(self._of(rule.src), 0, last)
        if number in self._base:
            first = self._base[number] + piece.first
            np.copyto(self._before[first : first + n], last, where=later)
            last = self._numbers[:n] + np.int32(first)
        np.copyto(self._of(rule.dst)[piece.first : piece.last], last, where=later)

    def spaced(self, s: int, start: int, later: np.ndarray) -> None:
        """Events from ``start`` on were raised, where ``later``, by those before them."""
        last = self._of(s)[start : start + len(later)]
        by = np.where(later, np.int32(0), self._numbers[: len(later)])
        np.maximum.accumulate(by, out=by)
        np.copyto(last, last[by], where=later)

    def chained(self, s: int, cause: int, first: int, stop: int) -> None:
        """Events ``first .. stop - 1`` of a stream were all raised by one of it."""
        last = self._of(s)
        last[first:stop] = last[cause]

    def closed(self) -> bool:
        """Whether suspects wait for themselves."""
        ahead = self._before
        for _ in range(len(ahead).bit_length()):
            ahead = ahead[ahead]
        return bool(ahead.any())

    def _of(self, s: int) -> np.ndarray:
        if s not in self._last:
            self._last[s] = np.zeros(self._system.sizes[s], np.int32)
        return self._last[s]
