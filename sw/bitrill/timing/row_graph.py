"""The event graph of a network with its streams cut into rows of the image."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

from ..errors import StageError
from ..ir import Graph, Operator, Stream
from .event_graph import EdgeFifo, NetworkEvents, OperatorEvents, add_operator
from .intervals import LeastInterval, least_interval
from .maxplus import Event, System
from .relaxation import NEVER, SWEEPS
from .row_relaxation import RowRelaxation, RowSystem, raised_by
from .row_schedules import KnownRows
from .rows import RowRule, Rows

_SWEEPS, _FIRST, _MOST = 4, 4, 64
"""Sweeps before a proof is looked for that they never end, then between proofs."""


MANY = 20_000_000
"""Events of a frame above which a network is worth rows."""


def is_large(graph: Graph) -> bool:
    """Return whether a FOLDED graph has so many events a frame that rows are less work."""
    return sum(n.beats_in + n.beats_out + n.interval for n in graph.nodes) > MANY


class RowEventGraph(NetworkEvents[RowSystem]):
    """`EventGraph` in rows, with the same methods; ``mirrored``: one more backwards."""

    def __init__(self, graph: Graph, depths: Mapping[str, int] | None, *, mirrored: bool = False):
        self.mirror = RowSystem(graph.name) if mirrored else None
        self._rows = KnownRows()
        super().__init__(graph, depths, RowSystem(graph.name, self.mirror), thin=True)

    def earliest(self) -> RowRelaxation:
        """Start a relaxation to the earliest times at the slowest operator's interval."""
        stream, k = self.slowest.anchor
        start = self.system.never()
        start[stream] = self.system.event(stream, k, NEVER)
        latest = self.system.event(stream, k, -NEVER)
        return self.relaxation(start, latest={stream: latest})

    def relaxation(self, start: list[Rows] | None = None, **options: Any) -> RowRelaxation:
        """Start a relaxation at the slowest operator's interval; parameters as of `EventGraph`."""
        interval = self.slowest.interval
        unit, period = interval.denominator, interval.numerator
        start = start or self.system.even(unit)
        return RowRelaxation(self.system, start, unit=unit, period=period, **options)

    @property
    def the_mirror(self) -> RowSystem:
        """The system backwards, which must be there."""
        if self.mirror is None:
            raise ValueError("latest times need a mirrored event graph")
        return self.mirror

    def mirrored(self, event: Event) -> Event:
        """Return the number of an event in the system backwards."""
        return Event(event.stream, self.system.sizes[event.stream] - 1 - event.k)

    def without_spare(self) -> list[tuple[int, range]]:
        """Return the operators but the slowest that take all of the interval, in order.

        Of each, a stream that takes it, and all its streams.
        """
        interval, slowest = self.slowest.interval, self.slowest.anchor.stream
        full_operators = []
        for part in self._operators.values():
            full = [s for s in part.streams if self.system.spans[s] == interval]
            if full and slowest not in part.streams:
                full_operators.append((full[0], part.streams))
        return full_operators

    def near(self, fifo: EdgeFifo, each: int) -> range:
        """Return the streams of so many operators on each side of a FIFO, and of those between."""
        parts = list(self._operators.values())
        sides = [i for i, p in enumerate(parts) if {fifo.p, fifo.q} & {*p.streams}]
        first, last = max(min(sides) - each, 0), min(max(sides) + each, len(parts) - 1)
        return range(parts[first].streams.start, parts[last].streams.stop)

    def _least(self, part: OperatorEvents, at_least: Fraction) -> LeastInterval:
        if part.node.interval <= at_least:  # if that is wrong, no times keep the rules
            return LeastInterval(at_least, Event(0, 0), [])
        dense = System(part.node.name)
        add_operator(dense, part.node, thin=True)
        return least_interval(dense, at_least)

    def _add_operator(self, node: Operator) -> dict[Stream, int]:
        alone, numbers = self._rows.of(node)
        first = len(self.system.sizes)
        for span, rows, places in zip(alone.spans, alone.counts, alone.places, strict=True):
            self.system.stream_of_rows(span, rows, places)
        for rule in alone.rules:
            self.system.put(_moved(rule, first))
        if self.mirror is not None:
            for rule in cast(RowSystem, alone.mirror).rules:
                self.mirror.put(_moved(rule, first))
        return {name: number + first for name, number in numbers.items()}


def _moved(rule: RowRule, first: int) -> RowRule:
    return replace(rule, dst=rule.dst + first, src=rule.src + first)


WAITS_AHEAD = "{}: deadlock: a frame waits for the next one"


def latency_by_rows(events: RowEventGraph) -> int:
    """Return the latency of one frame alone, as `bitrill.timing.predict` does."""
    system = events.system
    for rule in system.rules:
        length, count = system.sizes[rule.src] // system.counts[rule.src], system.counts[rule.src]
        if rule.reach(length, system.sizes[rule.dst] // system.counts[rule.dst]) >= count * length:
            raise StageError(WAITS_AHEAD.format(system.name))
    times = system.never()
    times[events.source] = system.even(1)[events.source]
    frame = RowRelaxation(system, times, period=None)
    while not frame.settle(SWEEPS):
        pass  # it comes to rest: an interval exists, so no rules within a frame form a cycle
    return int(frame.times[events.sink].last[-1] - frame.times[events.source].start[0])


def is_feasible(relaxation: RowRelaxation, share: int | None = None) -> bool:
    """Return whether some times keep all rules; if so, ``relaxation`` holds them.

    ``share``: most work on proofs that sweeps never end, as a multiple of the work of sweeps.
    """
    kept, sweeps, proofs = relaxation.settle(_SWEEPS), _FIRST, 0
    while kept is False:
        before = list(relaxation.times)
        kept = relaxation.settle(sweeps)
        most = None if share is None else share * relaxation.work
        if kept is False and (most is None or proofs <= most):
            proven, work = never_settles(relaxation, before, sweeps, most)
            if proven:
                return False
            proofs += work
        sweeps = min(2 * sweeps, _MOST)
    return bool(kept)


def never_settles(
    relaxation: RowRelaxation, before: list[Rows], sweeps: int, most: int | None = None
) -> tuple[bool, int]:
    """Return whether it is proven that a relaxation goes on for ever, and the work of the proof.

    ``before``: its times ``sweeps`` sweeps ago. Events that raise one another, each of them by a
    cycle or more, will do so again: relaxation is linear over max and plus. So the events that
    were raised are relaxed anew, without any other; those that are not raised again are left out.
    A proof that takes more work than ``most`` is given up.
    """
    kept = [raised_by(a, b, 1, b) for a, b in zip(before, relaxation.times, strict=True)]
    work = 0
    while any(count for _, count in kept) and (most is None or work <= most):
        start = [times for times, _ in kept]
        again = RowRelaxation(
            relaxation.system,
            start,
            unit=relaxation.unit,
            period=relaxation.period,
            streams=[s for s, (_, count) in enumerate(kept) if count],
            within=sorted(relaxation.within),
        )
        again.settle(sweeps)
        work += again.work
        raised = [
            raised_by(a, b, 1, a) if count else (a, 0)
            for a, b, (_, count) in zip(start, again.times, kept, strict=True)
        ]
        if [n for _, n in raised] == [n for _, n in kept]:
            return True, work
        kept = raised
    return False, work
