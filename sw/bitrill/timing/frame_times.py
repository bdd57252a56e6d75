"""Times of one frame alone in a network: when each operator works, and what it waits for.

The network is idle before, and input and output never stall, as for the predicted latency.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..ir import Graph
from .event_graph import EventGraph, OperatorEvents
from .maxplus import System
from .relaxation import NEVER, SWEEPS, Relaxation
from .row_graph import is_large

HOPS = 4
"""Rules inside an operator that are followed back to what an event waits for."""

DETAILED = 10_000_000
"""Events of a frame up to which the times of all steps are computed."""


class Wait(IntEnum):
    """What the cycles before an event were spent on."""

    WORK = 0
    """The operator's own pace."""
    INPUT = 1
    """The input FIFO was empty."""
    OUTPUT = 2
    """The output FIFO was full."""


@dataclass(frozen=True, eq=False)
class OperatorTimes:
    """One operator and one frame, in cycles from the frame's first input beat.

    ``first``, ``last``: its first event and its last one; ``events``: times of its most frequent
    stream; ``waits``: for each of them the `Wait` that the cycles before it were spent on.
    """

    first: int
    last: int
    events: np.ndarray
    waits: np.ndarray

    @property
    def waited(self) -> dict[Wait, int]:
        """Cycles between its first event and its last one that were spent waiting, by reason."""
        gaps = np.diff(self.events, prepend=self.events[0] - 1) - 1
        return {w: int(gaps[self.waits == w].sum()) for w in (Wait.INPUT, Wait.OUTPUT)}


def frame_times(graph: Graph) -> dict[str, OperatorTimes] | None:
    """Return the times of one frame alone by node of a FOLDED graph; None for too many events."""
    events = sum(n.beats_in + n.beats_out + n.interval for n in graph.nodes)
    if is_large(graph) or events > DETAILED:
        return None
    network = EventGraph(graph, graph.depths)
    times = alone(network)
    start = int(times[network.source][0])
    return {
        name: _operator(network, part, times, start) for name, part in network.operators.items()
    }


def alone(network: EventGraph) -> list[np.ndarray]:
    """Return the times of all events of one frame alone, by stream."""
    system = network.system
    times = [np.full(n, NEVER) for n in system.sizes]
    times[network.source] = np.arange(system.sizes[network.source])
    frame = Relaxation(system, times, period=None)
    while not frame.settle(SWEEPS):
        pass  # it comes to rest: an interval exists, so no rules within a frame form a cycle
    return frame.times


def _operator(
    network: EventGraph, part: OperatorEvents, times: list[np.ndarray], start: int
) -> OperatorTimes:
    own = {s: times[s] for s in part.streams}
    busiest = max(own, key=lambda s: len(own[s]))
    first = min(int(t[0]) for t in own.values())
    last = max(int(t[-1]) for t in own.values())
    waits = _waits(network, part, times, busiest)
    return OperatorTimes(first - start, last - start, times[busiest] - start, waits)


def _waits(
    network: EventGraph, part: OperatorEvents, times: list[np.ndarray], stream: int
) -> np.ndarray:
    """Return the reason for the gap before each event of a stream."""
    empty = {rule for f in network.fifos for rule in network.system.into[f.q] if rule != f.rule}
    full = {f.rule for f in network.fifos}
    t = times[stream]
    waits = np.full(len(t), Wait.WORK)
    late = np.flatnonzero(np.diff(t, prepend=t[0] - 1) > 1)
    at = [(stream, late, late)]
    for _ in range(HOPS):
        onward = []
        for s, events, origin in at:
            for number in network.system.into[s]:
                source, hit = _tight(network.system, number, times, events)
                if number in full:
                    waits[origin[hit]] = Wait.OUTPUT
                elif number in empty and network.system.rules[number].src not in part.streams:
                    waits[origin[hit]] = Wait.INPUT
                elif len(hit):
                    rule = network.system.rules[number]
                    onward.append((rule.src, source[hit], origin[hit]))
        at = onward
    return waits


def _tight(
    system: System, number: int, times: list[np.ndarray], events: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the source event of a rule for each event, and the places of those it holds back."""
    rule, index = system.rules[number], system.index(number)
    source = index[events]
    inside = source >= 0
    due = np.full(len(events), NEVER)
    due[inside] = times[rule.src][source[inside]] + rule.delay
    return source, np.flatnonzero(inside & (due == times[rule.dst][events]))
