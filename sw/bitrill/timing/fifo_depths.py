"""FIFO depths: the fewest slots that keep the rate which unlimited FIFOs would have.

With unlimited FIFOs no operator waits for one behind it, so the interval is that of the slowest
operator alone. A schedule of that interval tells how many beats the FIFOs would hold: so depths
are known that certainly keep it, wherever branches of unequal length meet. From there depths are
lowered, many edges to the floor at once where that holds, the others one at a time. Depths that
keep the interval cannot deadlock: a deadlock is a cycle of rules that no interval satisfies (see
`bitrill.timing.maxplus`).

One event is the anchor: all times are the earliest that it allows, were it to happen at 0. Fewer
slots make events later. If that comes round to the anchor, no times keep the rules: it would have
to wait for itself. Else the later times are the earliest again, and the next step starts from them.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, isqrt

import numpy as np

from ..ir.graph import INPUT, Graph
from .event_graph import Fifo, Network
from .feasibility import settled
from .maxplus import SWEEPS
from .relaxation import Relaxation

FLOOR = 2
"""Slots that every FIFO has: fewer could not cut the ready path at full rate."""

_GUESSES = 6
"""Guesses of a depth before the rest is halved."""


def fifo_depths(graph: Graph) -> dict[str, int]:
    """Slots of each edge, by name, of a graph whose nodes are folded.

    No FIFO above the floor can lose one slot alone without lowering the rate: depths are lowered
    one edge at a time, widest edges first, and the rate is monotone in all of them.
    """
    lanes = {e: n.lanes_in for n in graph.nodes for e in n.inputs}
    lanes |= {e: n.lanes_out for n in graph.nodes for e in n.outputs}
    search = _Search(graph)
    search.floor(
        sorted(search.network.fifos, key=lambda f: -lanes[f.edge] * graph.edges[f.edge].type.bits)
    )
    return {edge: search.depths[edge] for edge in graph.edges}


def fifo_bits(graph: Graph) -> int:
    """Bits that all FIFOs of a FOLDED graph hold."""
    lanes = {INPUT: graph.reader(INPUT).lanes_in}
    lanes |= {e: n.lanes_out for n in graph.nodes for e in n.outputs}
    return sum(lanes[e] * t.type.bits * graph.depths[e] for e, t in graph.edges.items())


class _Search:
    """Depths so far, all enough, and the earliest times at them."""

    def __init__(self, graph: Graph):
        self.network = network = Network(graph, None)
        self.system, self.anchor = network.system, network.anchor
        interval = network.interval
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
        # all edges together hold so many frames: let any of them hold it all, the narrowest will
        held = {f: self._held(f, free.times) for f in network.fifos}
        frames = sum(Fraction(n, sizes[f.p]) for f, n in held.items())
        self.depths = {f.edge: FLOOR + ceil(frames * sizes[f.p]) for f in network.fifos}
        for f in network.fifos:
            network.set_depth(f, self.depths[f.edge])
        earliest = network.earliest()
        while not earliest.settle(SWEEPS):
            pass
        self.times = earliest.times

    def floor(self, fifos: list[Fifo]) -> None:
        """Lower these, in this order, as far as each goes."""
        fails, excess = self._try(dict.fromkeys(fifos, FLOOR))
        if not fails:
            return
        if len(fifos) == 1:
            self._lower(fifos[0], excess)
            return
        half = len(fifos) // 2
        self.floor(fifos[:half])
        self.floor(fifos[half:])

    def _lower(self, f: Fifo, excess: int) -> None:
        """Lower one that the floor is too little for: the anchor would be too late by so much."""
        low, high, fails, step = FLOOR + 1, self.depths[f.edge], 0, 1
        trial = self._guess(f, FLOOR, excess)
        while low < high:
            hint = excess and fails < _GUESSES
            trial = min(max(trial, low), high - 1) if hint else isqrt(low * high)
            failed, late = self._try({f: trial})
            if failed:
                low, fails, step, excess = trial + 1, fails + 1, 1, late
                trial = self._guess(f, trial, excess)
            else:  # most guesses are the least that will do: the next one is one below
                high, trial, step = trial, trial - step, 2 * step

    def _try(self, depths: dict[Fifo, int]) -> tuple[bool, int]:
        """Whether these depths fail, and if so, by how much the anchor would be too late."""
        rules = {f.rule: self.system.rules[f.rule] for f in depths}
        for f, depth in depths.items():
            self.network.set_depth(f, depth)
        trial = Relaxation(self.system, self.times, unit=self.unit, period=self.period, rules=rules)
        if settled(trial, rules, self.anchor):
            self.times = trial.times
            self.depths |= {f.edge: depth for f, depth in depths.items()}
            return False, 0
        for number, rule in rules.items():
            self.system.rules[number] = rule
        return True, trial.excess(self.anchor)

    def _guess(self, f: Fifo, failed: int, excess: int) -> int:
        """The fewest slots with which beats would wait that much less than with those that failed.

        A guess, since the beats that wait most need not be those that the excess comes from.
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

    def _wait(self, f: Fifo, depth: int) -> int:
        """The most that a beat written at the times now would have to wait for its slot."""
        p, q = self.times[f.p], self.times[f.q]
        frames, place = np.divmod(np.arange(len(p)) - depth, len(q))
        return int((q[place] + frames * self.period - p).max()) + self.unit

    def _held(self, f: Fifo, times: list[np.ndarray]) -> int:
        """Slots with which a schedule can be kept: ``p[k] >= q[k - slots] + 1`` for every beat."""
        p, q = times[f.p], times[f.q]
        frames, rest = np.divmod(p - self.unit - q[0], self.period)
        read = frames * len(q) + np.searchsorted(q - q[0], rest, "right") - 1  # last one in time
        return int((np.arange(len(p)) - read).max())
