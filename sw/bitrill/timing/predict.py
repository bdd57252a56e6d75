"""Prediction of a folded network's initiation interval and latency, exact to the cycle.

Both follow from the operators' schedules and the FIFO depths alone (see
`bitrill.timing.event_graph`). Nothing is simulated: there is no data and no walk over cycles, only
times of events, whole streams at once. `bitrill.timing.replay` gives times under stalls.
"""

from dataclasses import dataclass
from fractions import Fraction
from weakref import WeakKeyDictionary

import numpy as np

from ..errors import StageError
from ..ir import Graph
from .event_graph import EventGraph
from .feasibility import is_feasible
from .intervals import least_interval
from .maxplus import System
from .relaxation import NEVER, SWEEPS, Relaxation
from .row_graph import WAITS_AHEAD, RowEventGraph, is_large, latency_by_rows
from .row_graph import is_feasible as is_settled


@dataclass(frozen=True)
class Timing:
    """Initiation interval ``ii`` and ``latency`` in cycles.

    ``ii``: cycles a frame in the periodic regime, frames back to back, no stalls. ``latency``: from
    the edge that accepts the first input beat to the one that takes the last output beat, the
    network idle before.
    """

    ii: Fraction
    latency: int


_KNOWN: WeakKeyDictionary[Graph, Timing] = WeakKeyDictionary()
"""Timing of graphs that still exist: a graph never changes, and several steps ask for it."""


def predict(graph: Graph) -> Timing:
    """Compute the timing of a FOLDED graph; raises `StageError` for one that deadlocks."""
    if graph not in _KNOWN:
        if is_large(graph):
            rows = RowEventGraph(graph, graph.depths)
            _KNOWN[graph] = Timing(_interval_by_rows(graph, rows), latency_by_rows(rows))
        else:
            events = EventGraph(graph, graph.depths, thin=True)
            _KNOWN[graph] = Timing(_interval(events), _latency(events))
    return _KNOWN[graph]


def _interval(events: EventGraph) -> Fraction:
    """Interval of the slowest operator alone, or a longer one where FIFOs are too short for it."""
    rules = [f.rule for f in events.fifos]
    slowest = events.slowest
    if is_feasible(events.earliest(), rules):
        return slowest.interval
    try:
        return least_interval(events.system, slowest.interval).interval
    except StageError as error:
        raise StageError(
            f"{events.system.name}: deadlock: a FIFO is too short for the paths around it"
        ) from error


def _interval_by_rows(graph: Graph, rows: RowEventGraph) -> Fraction:
    if is_settled(rows.earliest(), share=1):
        return rows.slowest.interval
    return _interval(EventGraph(graph, graph.depths, thin=True))


def frame_alone(system: System, source: int) -> list[np.ndarray]:
    """Return the times of one frame alone, by stream; stream ``source`` moves in every cycle.

    Rules that ask for an earlier frame do not apply to it.
    """
    if any(p.frames > 0 for r in system.rules for p in r.pieces):
        raise StageError(WAITS_AHEAD.format(system.name))
    times = [np.full(n, NEVER) for n in system.sizes]
    times[source] = np.arange(system.sizes[source])
    frame = Relaxation(system, times, period=None)
    while not frame.settle(SWEEPS):
        pass  # it comes to rest: an interval exists, so no rules within a frame form a cycle
    return frame.times


def _latency(events: EventGraph) -> int:
    times = frame_alone(events.system, events.source)
    return int(times[events.sink][-1] - times[events.source][0])
