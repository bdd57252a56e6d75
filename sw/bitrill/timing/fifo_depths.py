"""FIFO depths: the fewest slots that keep the rate which unlimited FIFOs would have.

With unlimited FIFOs no operator waits for one behind it, so the interval is that of the slowest
operator alone. A schedule of that interval shows how many beats the FIFOs hold, wherever branches
of unequal length meet; so many slots certainly keep the interval. From there depths are lowered,
many edges to the floor at once where that is enough, the others one at a time. Depths that keep the
interval cannot deadlock: a deadlock is a cycle of rules that no interval satisfies (see
`bitrill.timing.maxplus`).

One event is the anchor: it happens at 0, and all other times are the earliest that it allows. Fewer
slots make events later. If that makes the anchor later too, it would have to wait for itself, and
no times keep the rules. Otherwise the later times are the earliest again, and the next step starts
from them.
"""

from fractions import Fraction
from math import ceil, isqrt

import numpy as np

from ..ir import Graph
from .event_graph import EdgeFifo, EventGraph
from .feasibility import is_feasible
from .relaxation import SWEEPS, Relaxation

FLOOR = 2
"""Slots that every FIFO has: with fewer, `ready` could not pass through a register at full rate."""

_GUESSES = 6
"""Guesses of a depth before the search goes on by halving."""


def fifo_depths(graph: Graph) -> dict[str, int]:
    """Return the slots of each edge, by name, of a graph whose nodes are folded.

    Depths are lowered one edge at a time, widest edges first. The rate is monotone in all of them,
    so in the end no FIFO above the floor can lose a slot without lowering the rate.
    """
    widths = {e: graph.lanes[e] * t.type.bits for e, t in graph.edges.items()}
    search = _Search(graph)
    search.lower_all(sorted(search.events.fifos, key=lambda f: -widths[f.edge]))
    return {edge: search.depths[edge] for edge in graph.edges}


def fifo_bits(graph: Graph) -> int:
    """Return the bits that all FIFOs of a FOLDED graph hold."""
    return sum(graph.lanes[e] * t.type.bits * graph.depths[e] for e, t in graph.edges.items())


class _Search:
    """Depths that keep the rate so far, and the earliest times at them."""

    def __init__(self, graph: Graph):
        self.events = events = EventGraph(graph, None)
        self.system, self.anchor = events.system, events.slowest.anchor
        interval = events.slowest.interval
        self.unit, self.period = interval.denominator, interval.numerator
        sizes = self.system.sizes
        free = Relaxation(
            self.system,
            [np.arange(n) * self.unit for n in sizes],
            unit=self.unit,
            period=self.period,
        )
        while not free.settle(SWEEPS):
            pass
        # let any edge hold all frames that all edges hold together: the narrowest ones shall
        held = {f: self._held(f, free.times) for f in events.fifos}
        frames = sum(Fraction(n, sizes[f.p]) for f, n in held.items())
        self.depths = {f.edge: FLOOR + ceil(frames * sizes[f.p]) for f in events.fifos}
        for f in events.fifos:
            events.set_depth(f, self.depths[f.edge])
        earliest = events.earliest()
        while not earliest.settle(SWEEPS):
            pass
        self.times = earliest.times

    def lower_all(self, fifos: list[EdgeFifo]) -> None:
        """Lower these FIFOs, in this order, as far as each can go."""
        failed, excess = self._try(dict.fromkeys(fifos, FLOOR))
        if not failed:
            return
        if len(fifos) == 1:
            self._lower(fifos[0], excess)
            return
        half = len(fifos) // 2
        self.lower_all(fifos[:half])
        self.lower_all(fifos[half:])

    def _lower(self, f: EdgeFifo, excess: int) -> None:
        """Lower a FIFO that needs more than the floor.

        ``excess``: how much too late the anchor is at the floor.
        """
        low, high, fails, step = FLOOR + 1, self.depths[f.edge], 0, 1
        trial = self._guess(f, FLOOR, excess)
        while low < high:
            hint = excess and fails < _GUESSES
            trial = min(max(trial, low), high - 1) if hint else isqrt(low * high)
            failed, late = self._try({f: trial})
            if failed:
                low, fails, step, excess = trial + 1, fails + 1, 1, late
                trial = self._guess(f, trial, excess)
            else:  # most guesses are the least depth already: the next one is one below
                high, trial, step = trial, trial - step, 2 * step

    def _try(self, depths: dict[EdgeFifo, int]) -> tuple[bool, int]:
        """Return whether these depths fail, and if so, how much too late the anchor is.

        Depths that do not fail are kept.
        """
        rules = {f.rule: self.system.rules[f.rule] for f in depths}
        for f, depth in depths.items():
            self.events.set_depth(f, depth)
        trial = Relaxation(self.system, self.times, unit=self.unit, period=self.period, rules=rules)
        if is_feasible(trial, rules, self.anchor):
            self.times = trial.times
            self.depths |= {f.edge: depth for f, depth in depths.items()}
            return False, 0
        for number, rule in rules.items():
            self.system.rules[number] = rule
        return True, trial.excess(self.anchor)

    def _guess(self, f: EdgeFifo, failed: int, excess: int) -> int:
        """Guess the fewest slots with which beats wait ``excess`` less than with ``failed`` slots.

        It is a guess because the beats that wait most need not cause the excess.
        """
        low, high = failed + 1, self.depths[f.edge]
        due = self._wait(f, failed) - excess
        while low < high:
            middle = (low + high) // 2
            if self._wait(f, middle) > due:
                low = middle + 1
            else:
                high = middle
        return low

    def _wait(self, f: EdgeFifo, depth: int) -> int:
        """Return the longest wait of a beat for its slot, at the present times of writing."""
        p, q = self.times[f.p], self.times[f.q]
        frames, place = np.divmod(np.arange(len(p)) - depth, len(q))
        return int((q[place] + frames * self.period - p).max()) + self.unit

    def _held(self, f: EdgeFifo, times: list[np.ndarray]) -> int:
        """Return the slots that keep a schedule: ``p[k] >= q[k - slots] + 1`` for every beat."""
        p, q = times[f.p], times[f.q]
        frames, rest = np.divmod(p - self.unit - q[0], self.period)
        read = frames * len(q) + np.searchsorted(q - q[0], rest, "right") - 1  # the last in time
        return int((np.arange(len(p)) - read).max())
