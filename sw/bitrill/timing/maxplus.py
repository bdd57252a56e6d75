"""Max-plus systems: streams of events that repeat frame by frame, and rules between their times.

Event k of stream s in frame f happens at ``f * interval + u[s][k]``. A rule is then a difference
constraint between the u: one event comes no sooner than another plus a delay (Baccelli, Cohen,
Olsder, Quadrat 1992). This module holds the system; `relaxation` finds times that keep the rules,
`intervals` the least interval that allows such times.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from .strided import StridedEvents, pieces


class Event(NamedTuple):
    """Event ``k`` of a stream."""

    stream: int
    k: int


@dataclass(frozen=True, eq=False)
class PiecewiseRule:
    """``u[dst][k] >= u[src][place[k]] + frames[k] * interval + delay``, cut into pieces."""

    dst: int
    src: int
    pieces: tuple[StridedEvents, ...]
    delay: int


class Streams(Protocol):
    """What a network's events are written into: a `System`, or one in rows."""

    sizes: list[int]

    @property
    def n_rules(self) -> int:
        """Number of rules so far."""
        ...

    spans: list[int]

    def stream(self, size: int, rows: int = 1, places: np.ndarray | None = None) -> int:
        """Add a stream of ``size`` events a frame, in ``rows`` rows; return its number.

        ``places``: numbers of the events that are kept; each keeps its distance in cycles.
        """
        ...

    def rule(self, dst: int, src: int, index: np.ndarray, delay: int) -> int:
        """Add a rule; return its number."""
        ...

    def slots(self, dst: int, src: int, slots: int) -> int:
        """Add the rule of a FIFO's slots; return its number."""
        ...

    def set_slots(self, number: int, slots: int) -> None:
        """Give a rule made by `slots` another number of them."""
        ...


def slot_delay(slots: int) -> int:
    """Return the cycles from the edge that frees a slot to the one that fills it again.

    A single slot is filled while its beat leaves, so that it keeps up one beat a cycle.
    """
    return int(slots != 1)


class System:
    """Streams of at least one event a frame and one cycle between events, and rules on them.

    Relaxation is quickest where streams come after those that they wait for within a frame.
    """

    def __init__(self, name: str):
        self.name = name
        self.sizes: list[int] = []
        self.spans: list[int] = []  # cycles that a stream's events take at the least
        self.places: list[np.ndarray | None] = []  # cycles from a stream's first event to each
        self._steps: dict[tuple[int | None, int], np.ndarray] = {}
        self.rules: list[PiecewiseRule] = []
        self.into: list[list[int]] = []  # numbers of the rules that raise a stream
        self.out: list[list[int]] = []  # numbers of the rules that look at a stream

    @property
    def n_rules(self) -> int:
        """Number of rules so far."""
        return len(self.rules)

    def stream(self, size: int, rows: int = 1, places: np.ndarray | None = None) -> int:
        """Add a stream of ``size`` events a frame; return its number. ``rows`` do not matter.

        ``places``: numbers of the events that are kept, the first of them 0.
        """
        self.sizes.append(size if places is None else len(places))
        self.spans.append(size)
        self.places.append(places)
        self.into.append([])
        self.out.append([])
        return len(self.sizes) - 1

    def steps(self, s: int, unit: int) -> np.ndarray:
        """Return the least time from a stream's first event to each, ``unit`` a cycle."""
        places = self.places[s]
        key = (None if places is None else s), unit
        known = self._steps.get(key)
        if known is None or len(known) < self.sizes[s]:
            known = (np.arange(max(self.sizes)) if places is None else places) * unit
            self._steps[key] = known
        return known[: self.sizes[s]]

    def turn(self, s: int) -> int:
        """Return the cycles from a stream's last event to the next frame's first, at the least."""
        places = self.places[s]
        return 1 if places is None else self.spans[s] - int(places[-1])

    def rule(self, dst: int, src: int, index: np.ndarray, delay: int) -> int:
        """Add a rule with the index that a `bitrill.ir.Rule` has; return its number."""
        return self.put(PiecewiseRule(dst, src, pieces(index, self.sizes[src]), delay))

    def put(self, rule: PiecewiseRule) -> int:
        """Add a rule; return its number."""
        self.rules.append(rule)
        self.into[rule.dst].append(len(self.rules) - 1)
        self.out[rule.src].append(len(self.rules) - 1)
        return len(self.rules) - 1

    def part(self, name: str, streams: range, rules: range) -> "System":
        """Return the streams and rules of one operator alone, numbered from 0."""
        part = System(name)
        for s in streams:
            part.stream(self.spans[s], places=self.places[s])
        for number in rules:
            rule = self.rules[number]
            dst, src = rule.dst - streams.start, rule.src - streams.start
            part.put(PiecewiseRule(dst, src, rule.pieces, rule.delay))
        return part

    def slots(self, dst: int, src: int, slots: int) -> int:
        """Add the rule of a FIFO's slots: event ``k`` waits for ``k - slots``, which is read."""
        return self.rule(dst, src, np.arange(self.sizes[dst]) - slots, slot_delay(slots))

    def set_slots(self, number: int, slots: int) -> None:
        """Give a rule made by `slots` another number of them."""
        self.replace(number, np.arange(self.sizes[self.rules[number].dst]) - slots)
        old = self.rules[number]
        self.rules[number] = PiecewiseRule(old.dst, old.src, old.pieces, slot_delay(slots))

    def replace(self, number: int, index: np.ndarray) -> None:
        """Give a rule another index."""
        old = self.rules[number]
        cut = pieces(index, self.sizes[old.src])
        self.rules[number] = PiecewiseRule(old.dst, old.src, cut, old.delay)

    def index(self, number: int) -> np.ndarray:
        """Index of a rule into its source stream; events of earlier frames are negative."""
        rule = self.rules[number]
        size = self.sizes[rule.src]
        return np.concatenate([p.indices() + p.frames * size for p in rule.pieces])
