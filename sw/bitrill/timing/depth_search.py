"""The search for FIFO depths: the fewest slots that keep the rate of unlimited FIFOs.

With unlimited FIFOs no operator waits for one behind it, so the interval is that of the slowest
operator alone. A schedule of that interval shows how many beats the FIFOs hold, wherever branches
of unequal length meet; so many slots certainly keep the interval. From there depths are lowered,
many edges to the floor at once where that is enough, the others one at a time. Depths that keep the
interval cannot deadlock: a deadlock is a cycle of rules that no interval satisfies (see
`bitrill.timing.maxplus`).

One event is the anchor: it happens at 0, and all other times are the earliest that it allows. Fewer
slots make events later. If that makes the anchor later too, it would have to wait for itself, and
no times keep the rules. Otherwise the later times are the earliest again, and the next step starts
from them. Latest times bound this from the other side (`bitrill.timing.latest`): a FIFO needs at
least the slots with which it can be written at its latest times, and mostly these are enough.
Where they are not, the depth of an edge between operators like these is tried first. All guesses
only change the order of trials: depths are the fewest that do, whatever is tried before.
"""

from collections.abc import Hashable, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from ..ir import Graph
from .event_graph import EdgeFifo, EventGraph
from .feasibility import is_feasible
from .latest import LatestTimes
from .relaxation import SWEEPS

FLOOR = 2
"""Slots that every FIFO has: with fewer, `ready` could not pass through a register at full rate."""

_GUESSES = 6
"""Guesses of a depth before the search goes on by doubling its steps."""


class DepthSearch:
    """Depths that keep the rate so far, and the earliest times at them.

    ``expected``: depths by edge that are tried first, such as those of another folding.
    """

    def __init__(self, graph: Graph, expected: Mapping[str, int] | None = None):
        self.graph, self._expected = graph, expected or {}
        self._sides = sides(graph)
        self._alike: dict[Hashable, int] = {}  # depths of edges so far, by the operators beside it
        self.events = events = self._new_events(graph)
        self.system = events.system
        interval = events.slowest.interval
        self.unit, self.period = interval.denominator, interval.numerator
        sizes = self.system.sizes
        free = events.relaxation()
        self._settle(free)
        # let any edge hold all frames that all edges hold together: the narrowest ones shall
        held = {f: self._held(f, free.times[f.p], free.times[f.q]) for f in events.fifos}
        frames = sum(Fraction(n, sizes[f.p]) for f, n in held.items())
        self.depths = {f.edge: FLOOR + ceil(frames * sizes[f.p]) for f in events.fifos}
        for f in events.fifos:
            events.set_depth(f, self.depths[f.edge])
        earliest = events.earliest()
        self._settle(earliest)
        self.times = earliest.times
        self.latest = self._latest_times()

    def depths_of_edges(self) -> dict[str, int]:
        """Lower all FIFOs, widest first; return the slots of each edge, by name."""
        graph = self.graph
        widths = {e: graph.lanes[e] * t.type.bits for e, t in graph.edges.items()}
        self.lower_all(sorted(self.events.fifos, key=lambda f: -widths[f.edge]))
        return {edge: self.depths[edge] for edge in graph.edges}

    def lower_all(self, fifos: list[EdgeFifo]) -> None:
        """Lower these FIFOs, in this order, as far as each can go."""
        floor = dict.fromkeys(fifos, FLOOR)
        hopeful = all(self._guessed(f) <= FLOOR and self._least(f) <= FLOOR for f in fifos)
        if hopeful and self._try(floor) is None:
            self.latest.set_depths(floor)
            return
        if len(fifos) == 1:
            self._lower(fifos[0], max(FLOOR + hopeful, self._least(fifos[0])))
            return
        half = len(fifos) // 2
        self.lower_all(fifos[:half])
        self.lower_all(fifos[half:])

    def _lower(self, f: EdgeFifo, low: int) -> None:
        """Lower a FIFO to its fewest slots, ``low`` at the least."""
        expected = self._guessed(f)
        trial, step, guesses = max(low, expected), 1, _GUESSES
        while low < self.depths[f.edge]:
            trial = min(trial, self.depths[f.edge] - 1)
            excess = self._try({f: trial})
            if excess is None:
                trial = trial - 1 if trial == expected else (low + trial) // 2
                continue
            bound = self._renewed(f)
            if bound > trial + 1:
                low = trial = expected = bound
                continue
            low, step, guesses = trial + 1, 2 * step, guesses - 1
            trial = low + step - 2
            if excess and guesses > 0:
                trial = self._guess(f, low - 1, excess)
        self.latest.set_depths({f: low})
        self._alike[self._sides[f.edge]] = low

    def _guessed(self, f: EdgeFifo) -> int:
        """Return the depth of an edge that is alike, or else the one expected of this edge."""
        return self._alike.get(self._sides[f.edge], self._expected.get(f.edge, FLOOR))

    def _try(self, depths: dict[EdgeFifo, int]) -> int | None:
        """Try depths; return None and keep them, or how much too late an event is, if they fail."""
        rules = {f.rule: self.system.rules[f.rule] for f in depths}
        for f, depth in depths.items():
            self.events.set_depth(f, depth)
        trial = self.events.relaxation(self.times, rules=rules, latest=self.latest.times)
        if self._feasible(trial, rules):
            self.times = trial.times
            self.depths |= {f.edge: depth for f, depth in depths.items()}
            return None
        for number, rule in rules.items():
            self.system.rules[number] = rule
        return trial.excess

    def _least(self, f: EdgeFifo) -> int:
        """Return the fewest slots that need not make any beat later than its latest time.

        With fewer, the anchor would have to wait for itself.
        """
        return self._held(f, self.latest.times[f.p], self.times[f.q])

    def _renewed(self, f: EdgeFifo) -> int:
        """Return the fewest slots by bounds that are kept up only when a trial fails, if any."""
        return 0

    def _guess(self, f: EdgeFifo, failed: int, excess: int) -> int:
        """Guess the fewest slots with which beats wait ``excess`` less than with ``failed`` slots.

        It is a guess because the beats that wait most need not cause the excess.
        """
        low, high = failed + 1, self.depths[f.edge]
        p, q = self.times[f.p], self.times[f.q]
        due = self._waits(f, failed, p, q) - excess
        while low < high:
            middle = (low + high) // 2
            if self._waits(f, middle, p, q) > due:
                low = middle + 1
            else:
                high = middle
        return low

    def _waits(self, f: EdgeFifo, depth: int, p: Any, q: Any) -> int:
        """Return the longest wait for a slot, of beats that are written at ``p``, read at ``q``."""
        frames, place = np.divmod(np.arange(len(p)) - depth, len(q))
        return int((q[place] + frames * self.period - p).max()) + self.unit

    def _settle(self, relaxation: Any) -> None:
        while not relaxation.settle(SWEEPS):
            pass

    def _new_events(self, graph: Graph) -> Any:
        return EventGraph(graph, None, thin=True)

    def _latest_times(self) -> Any:
        return LatestTimes(self.events)

    def _feasible(self, trial: Any, rules: dict[int, Any]) -> bool:
        return is_feasible(trial, rules)

    def _held(self, f: EdgeFifo, p: Any, q: Any) -> int:
        """Return the slots that let a FIFO be written at ``p`` and read at ``q``.

        ``p[k] >= q[k - slots] + 1`` for every beat.
        """
        frames, rest = np.divmod(p - self.unit - q[0], self.period)
        read = frames * len(q) + np.searchsorted(q - q[0], rest, "right") - 1  # the last in time
        return int((np.arange(len(p)) - read).max())


def sides(graph: Graph) -> dict[str, Hashable]:
    """Return the operators on both sides of each edge, as far as times depend on them."""
    beside: dict[str, tuple[Hashable, ...]] = dict.fromkeys(graph.edges, ())
    for n in graph.nodes:
        key = n.kind, n.impl, *(t.shape for t in (*n.operands, *n.results))
        for edge in {*n.inputs, *n.outputs}:
            beside[edge] = *beside[edge], key
    return dict(beside)
