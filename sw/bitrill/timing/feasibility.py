"""A quick check whether a network with given FIFO depths keeps an interval.

In hardware an event is a beat that moves, and a rule says that it waits for another one: for data
from an operator in front of it, or for a free slot in a FIFO behind it (`bitrill.timing.maxplus`).
Times that keep all rules exist unless some rules wait for each other in a cycle. The caller names
the suspects: rules such that every cycle of this kind leads through one of them. Where FIFO depths
are tried, these are the rules of the FIFOs that were made shallower.

Each event knows the last suspect on the way by which it was raised, and each
suspect the one before it. A cycle of these links is a cycle of rules that forbids times: let v be
the time to which a suspect's event was raised last, and w the delay of a link's way. Then
``v = v' + w``, where v' is no later than the v of the suspect before. Around the cycle the event
raised last was raised beyond its earlier time, so the w sum up to more than 0. While there is no
such cycle, all times are bounded by ways without repetition. (Cherkassky and Goldberg 1999 do this
with the parents of all events; links are fewer, and a cycle of them shows earlier.)
"""

from collections.abc import Collection

import numpy as np

from .maxplus import PiecewiseRule, System
from .relaxation import Relaxation
from .strided import StridedEvents

_SWEEPS, _LOOK = 4, 2
"""Sweeps before links are kept, and between two searches for a cycle of them."""


def is_feasible(relaxation: Relaxation, suspects: Collection[int]) -> bool:
    """Return whether some times keep all rules; if so, ``relaxation`` holds them.

    ``suspects``: numbers of the rules that may be to blame, the FIFOs under trial, say; every cycle
    of rules that forbids times must lead through one of them.
    Where an event passes its latest time, there are no such times either.
    """
    kept = relaxation.settle(_SWEEPS)
    if kept is False:
        relaxation.observer = links = SuspectLinks(relaxation.system, suspects)
        while kept is False and not links.closed():
            kept = relaxation.settle(_LOOK)
    return bool(kept)


class SuspectLinks:
    """Links between the events that the rules ``suspects`` raise; an `Observer` of relaxation."""

    def __init__(self, system: System, suspects: Collection[int]):
        self._system = system
        self._last: dict[int, np.ndarray] = {}  # by stream: the last suspect of each event; 0: none
        self._base: dict[int, int] = {}
        total = 1
        for number in suspects:
            self._base[number] = total
            total += system.sizes[system.rules[number].dst]
        self._before = np.zeros(total, np.int32)
        self._numbers = np.arange(max(system.sizes), dtype=np.int32)

    def ruled(
        self, number: int, rule: PiecewiseRule, piece: StridedEvents, later: np.ndarray
    ) -> None:
        """Note that a rule raised the events of one of its pieces, where ``later``."""
        n = piece.last - piece.first
        last = np.empty(n, np.int32)
        piece.plus(self._suspects(rule.src), 0, last)
        if number in self._base:
            first = self._base[number] + piece.first
            np.copyto(self._before[first : first + n], last, where=later)
            last = self._numbers[:n] + np.int32(first)
        np.copyto(self._suspects(rule.dst)[piece.first : piece.last], last, where=later)

    def spaced(self, s: int, start: int, later: np.ndarray) -> None:
        """Note that events from ``start`` on were raised by those before them, where ``later``."""
        last = self._suspects(s)[start : start + len(later)]
        by = np.where(later, np.int32(0), self._numbers[: len(later)])
        np.maximum.accumulate(by, out=by)
        np.copyto(last, last[by], where=later)

    def chained(self, s: int, cause: int, first: int, stop: int) -> None:
        """Note that one event of a stream raised its events ``first .. stop - 1``."""
        last = self._suspects(s)
        last[first:stop] = last[cause]

    def closed(self) -> bool:
        """Return whether the links hold a cycle."""
        ahead = self._before
        for _ in range(len(ahead).bit_length()):
            ahead = ahead[ahead]
        return bool(ahead.any())

    def _suspects(self, s: int) -> np.ndarray:
        if s not in self._last:
            self._last[s] = np.zeros(self._system.sizes[s], np.int32)
        return self._last[s]
