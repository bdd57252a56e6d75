"""FIFO depths by rows: `DepthSearch`, with all times in rows (`bitrill.timing.rows`)."""

from collections.abc import Iterator, Mapping

import numpy as np

from ..errors import StageError
from ..ir import Graph
from .depth_search import DepthSearch
from .event_graph import EdgeFifo
from .relaxation import NEVER, SWEEPS
from .row_graph import RowEventGraph, is_feasible
from .row_relaxation import RowRelaxation
from .rows import Pairs, Rows, slots_rule


class RowLatestTimes:
    """`LatestTimes` in rows; ``depths``: slots of each edge at the start."""

    def __init__(self, events: RowEventGraph, depths: dict[str, int]):
        if events.mirror is None:
            raise ValueError("latest times need a mirrored event graph")
        self._system = system = events.mirror
        self._events = events
        for f in events.fifos:
            system.set_slots(f.rule, depths[f.edge])
        stream, k = events.slowest.anchor
        self._mirrored = system.never()
        self._mirrored[stream] = system.event(stream, system.sizes[stream] - 1 - k, NEVER)
        self.times = _Backwards(self._mirrored)
        self._settle(None)

    def set_depths(self, depths: dict[EdgeFifo, int]) -> None:
        """Give FIFOs fewer slots, with which some times keep all rules."""
        for f, depth in depths.items():
            self._system.set_slots(f.rule, depth)
        self._settle([f.rule for f in depths])

    def _settle(self, rules: list[int] | None) -> None:
        interval = self._events.slowest.interval
        unit, period = interval.denominator, interval.numerator
        relaxation = RowRelaxation(
            self._system, self._mirrored, unit=unit, period=period, rules=rules
        )
        while not relaxation.settle(SWEEPS):
            pass
        self._mirrored[:] = relaxation.times


class _Backwards(Mapping[int, Rows]):
    """Times of streams backwards, turned round when they are asked for."""

    def __init__(self, times: list[Rows]):
        self._times = times
        self._turned: dict[int, tuple[Rows, Rows]] = {}

    def __getitem__(self, s: int) -> Rows:
        times = self._times[s]
        if s not in self._turned or self._turned[s][0] is not times:
            self._turned[s] = times, times.backwards()
        return self._turned[s][1]

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._times)))

    def __len__(self) -> int:
        return len(self._times)

    def __contains__(self, s: object) -> bool:
        return True


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

    def _feasible(self, trial: RowRelaxation, rules: object) -> bool:
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
