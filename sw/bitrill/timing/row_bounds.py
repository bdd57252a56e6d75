"""Earliest and latest times around operators that have no cycle to spare, and bounds from them.

In a network of many layers many operators need the whole interval of the slowest one. Each of them
has an anchor like that of `DepthSearch`: an event that would have to wait for itself if it were
later. Its own earliest and latest times tell how many slots a FIFO needs at the least, where those
of the network's one anchor do not. Only the streams up to the next such operators are looked at: a
bound from fewer rules may be lower, but holds.
"""

from collections.abc import Collection, Iterator, Mapping

from .event_graph import EdgeFifo
from .maxplus import Event
from .relaxation import NEVER, SWEEPS
from .row_graph import RowEventGraph
from .row_relaxation import RowRelaxation, RowSystem
from .rows import Rows


class TimesAround:
    """Earliest times of the events of a system from one event on.

    ``streams``: those that are looked at; None: all. Others have times long before. ``pending``:
    rules of FIFOs that have fewer slots than when times were computed.
    """

    def __init__(
        self, system: RowSystem, anchor: Event, events: RowEventGraph, streams: range | None = None
    ):
        self._system, self._streams = system, streams
        self._period, self._unit = events.slowest.interval.as_integer_ratio()
        self.times = system.never()
        self.times[anchor.stream] = system.event(anchor.stream, anchor.k, NEVER)
        self.pending: set[int] = set()
        self._settle(None)

    def renew(self) -> None:
        """Raise times until they keep the pending rules."""
        if self.pending:
            self._settle(self.pending)
            self.pending = set()

    def _settle(self, rules: Collection[int] | None) -> None:
        relaxation = RowRelaxation(
            self._system,
            self.times,
            unit=self._unit,
            period=self._period,
            rules=rules,
            within=self._streams,
        )
        while not relaxation.settle(SWEEPS):
            pass
        self.times[:] = relaxation.times


class Backwards(Mapping[int, Rows]):
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


class SpareBounds:
    """Times beside FIFOs, around each operator that has no cycle to spare."""

    def __init__(self, events: RowEventGraph):
        self._events, self._anchors = events, events.without_spare()
        self._around: dict[int, _Around] = {}

    def beside(self, f: EdgeFifo) -> Iterator[tuple[Rows, Rows]]:
        """Return when a FIFO is written at the latest and read at the earliest, by anchor."""
        for i, (anchor, _) in enumerate(self._anchors):
            streams = self._streams(i)
            if f.p in streams and f.q in streams:
                if i not in self._around:
                    self._around[i] = _Around(self._events, Event(anchor, 0), streams)
                times = self._around[i].beside(f)
                if times is not None:
                    yield times

    def changed(self, f: EdgeFifo) -> None:
        """Note that a FIFO has fewer slots now."""
        for around in self._around.values():
            around.changed(f)

    def renew(self) -> None:
        """Bring all times up to date; only the latest ones are so before."""
        for around in self._around.values():
            around.earliest.renew()

    def _streams(self, i: int) -> range:
        """Return the streams from the anchor before to the one behind, these included."""
        before, behind = self._anchors[:i], self._anchors[i + 1 :]
        first = before[-1][1].start if before else 0
        return range(first, behind[0][1].stop if behind else self._events.sink + 1)


class _Around:
    """Earliest and latest times around an anchor."""

    def __init__(self, events: RowEventGraph, anchor: Event, streams: range):
        self._streams = streams
        self.earliest = TimesAround(events.system, anchor, events, streams)
        back = events.mirrored(anchor)
        self._mirrored = TimesAround(events.the_mirror, back, events, streams)
        self._latest = Backwards(self._mirrored.times)

    def changed(self, f: EdgeFifo) -> None:
        """Note that a FIFO has fewer slots now."""
        if f.p in self._streams and f.q in self._streams:
            self.earliest.pending.add(f.rule)
            self._mirrored.pending.add(f.rule)

    def beside(self, f: EdgeFifo) -> tuple[Rows, Rows] | None:
        """Return when a FIFO is written at the latest and read at the earliest, if it is known."""
        self._mirrored.renew()
        written, read = self._latest[f.p], self.earliest.times[f.q]
        known = written.last.max() < -NEVER // 2 and read.start.min() > NEVER // 2
        return (written, read) if known else None
