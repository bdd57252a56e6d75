"""FIFO depths by rows: `DepthSearch`, with all times in rows (`bitrill.timing.rows`)."""

from typing import Any

import numpy as np

from ..errors import StageError
from ..ir import Graph
from .depth_search import DepthSearch
from .event_graph import EdgeFifo
from .row_bounds import Backwards, SpareBounds, TimesAround
from .row_graph import RowEventGraph, is_feasible
from .row_relaxation import RowRelaxation
from .rows import Pairs, Rows, slots_rule

_NEAR = 4, 12
"""Operators on each side of a FIFO among which it is first looked for a cycle."""


class RowLatestTimes:
    """`LatestTimes` in rows; ``depths``: slots of each edge at the start."""

    def __init__(self, events: RowEventGraph, depths: dict[str, int]):
        self._system = system = events.the_mirror
        for f in events.fifos:
            system.set_slots(f.rule, depths[f.edge])
        self._around = TimesAround(system, events.mirrored(events.slowest.anchor), events)
        self.times = Backwards(self._around.times)
        self.bounds = SpareBounds(events)

    def set_depths(self, depths: dict[EdgeFifo, int]) -> None:
        """Give FIFOs fewer slots, with which some times keep all rules."""
        for f, depth in depths.items():
            self._system.set_slots(f.rule, depth)
            self._around.pending.add(f.rule)
            self.bounds.changed(f)

    def renew(self) -> None:
        """Bring times up to date, which they are not before: older bounds are lower, but hold."""
        self._around.renew()
        self.bounds.renew()


class RowSearch(DepthSearch):
    """`DepthSearch` in rows."""

    def _settle(self, relaxation: RowRelaxation) -> None:
        # times are wanted, not a proof: rows may be raised one after the other, at little cost
        if not is_feasible(relaxation, share=1):
            name = self.graph.name
            raise StageError(f"{name}: an operator takes more cycles a frame than it says")

    def _new_events(self, graph: Graph) -> RowEventGraph:
        return RowEventGraph(graph, None, mirrored=True)

    def _latest_times(self) -> RowLatestTimes:
        return RowLatestTimes(self.events, self.depths)

    def _least(self, f: EdgeFifo) -> int:
        least = super()._least(f)
        for p, q in self.latest.bounds.beside(f):
            least = max(least, self._held(f, p, q))
        return least

    def _renewed(self, f: EdgeFifo) -> int:
        self.latest.renew()
        return self._least(f)

    def _feasible(self, trial: RowRelaxation, rules: dict[int, Any]) -> bool:
        if len(rules) == 1:  # most cycles that forbid a depth are short
            fifo = next(f for f in self.events.fifos if f.rule in rules)
            for each in _NEAR:
                trial.look_at(self.events.near(fifo, each))
                if not is_feasible(trial):
                    return False
            trial.look_at(range(len(trial.times)))
        return is_feasible(trial)

    def _held(self, f: EdgeFifo, p: Rows, q: Rows) -> int:
        low, high = 0, 1
        while self._waits(f, high, p, q) > 0:
            low, high = high, 2 * high
        while low + 1 < high:
            middle = (low + high) // 2
            if self._waits(f, middle, p, q) > 0:
                low = middle
            else:
                high = middle
        return high

    def _waits(self, f: EdgeFifo, depth: int, p: Rows, q: Rows) -> int:
        if len(p.start) != len(q.start):
            return super()._waits(f, depth, p.dense(), q.dense())
        rows = np.arange(len(p.start))
        rule = slots_rule(f.p, f.q, depth, 1, len(rows), p.shapes.shape[1])
        pairs = Pairs(rule, q, p, rows, self.period, None)
        return int((pairs.there - pairs.here).max()) + self.unit
