"""The event graph of a folded network: all schedules and FIFOs as one max-plus system.

Streams are those of every operator's schedule, in the order in which data passes them, then the
sink's. A FIFO of D slots between streams p (written) and q (read): ``q[k] >= p[k] + 1`` and
``p[k] >= q[k - D] + 1``. The source writes the first FIFO, the sink reads the last. Prediction,
FIFO depths and replay under stalls all read this one graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..errors import StageError
from ..ir import INPUT, Graph, Operator, Schedule, Stage, Stream, port
from .intervals import least_interval
from .maxplus import Event, System
from .relaxation import NEVER, Relaxation

UNLIMITED = 1_000_000
"""Frames that an unlimited FIFO holds."""


@dataclass(frozen=True)
class EdgeFifo:
    """The FIFO of an edge: ``p`` and ``q`` number its written and its read stream.

    ``rule``: number of the rule that its slots make.
    """

    edge: str
    p: int
    q: int
    rule: int


@dataclass(frozen=True)
class SlowestOperator:
    """The slowest operator alone: its interval in cycles, which no FIFO depths can beat.

    ``anchor``: an event of it that takes all of the interval to come round.
    """

    interval: Fraction
    anchor: Event


class EventGraph:
    """The max-plus system of a FOLDED graph.

    ``fifos``: in the order of streams, of ``depths`` slots each, unlimited where that is None;
    ``streams``: number of a stream by node and name; ``source``, ``sink``: numbers of the network's
    first and last stream.
    """

    def __init__(self, graph: Graph, depths: Mapping[str, int] | None):
        if graph.stage is not Stage.FOLDED:
            raise StageError(
                f"{graph.name}: time is known for folded graphs, not {graph.stage.value} ones"
            )
        self.system = System(graph.name)
        self.fifos: list[EdgeFifo] = []
        self.streams: dict[tuple[str, Stream], int] = {}
        self._depths = depths
        self._operators: dict[str, tuple[range, range]] = {}  # streams and rules of each
        self.source = self.system.stream(graph.reader(INPUT).beats_in)
        self._written = {INPUT: self.source}
        for node in graph.nodes:
            self._add(node)
        self.sink = self.system.stream(graph.producer(graph.output).beats_out)
        self._join(graph.output, self.sink)

    @cached_property
    def slowest(self) -> SlowestOperator:
        """The operator that sets the interval where every FIFO is deep enough."""
        longest = max(self.system.sizes)
        stream = self.system.sizes.index(longest)
        slowest = SlowestOperator(Fraction(longest), Event(stream, 0))
        for name, (streams, rules) in self._operators.items():
            alone = self.system.part(name, streams, rules)
            least = least_interval(alone, slowest.interval)
            if least.interval > slowest.interval:
                event = Event(streams[least.event.stream], least.event.k)
                slowest = SlowestOperator(least.interval, event)
        return slowest

    def set_depth(self, fifo: EdgeFifo, depth: int) -> None:
        """Give one FIFO another number of slots."""
        self.system.replace(fifo.rule, np.arange(self.system.sizes[fifo.p]) - depth)

    def earliest(self) -> Relaxation:
        """Start a relaxation to the earliest times at the slowest operator's interval.

        The anchor is at 0, which is its latest time, too: raised, it would wait for itself.
        """
        interval, (stream, k) = self.slowest.interval, self.slowest.anchor
        start = [np.full(n, NEVER) for n in self.system.sizes]
        start[stream][k] = 0
        latest = np.full(self.system.sizes[stream], -NEVER)
        latest[k] = 0
        unit, period = interval.denominator, interval.numerator
        return Relaxation(self.system, start, unit=unit, period=period, latest={stream: latest})

    def _add(self, node: Operator) -> None:
        schedule, system = node.schedule(), self.system
        streams, rules = len(system.sizes), len(system.rules)
        numbers = _add_streams(system, schedule)
        _add_rules(system, schedule, numbers)
        ends = len(system.sizes), len(system.rules)
        self._operators[node.name] = range(streams, ends[0]), range(rules, ends[1])
        self.streams |= {(node.name, stream): number for stream, number in numbers.items()}
        for k, edge in enumerate(node.inputs):
            self._join(edge, numbers[port("in", k)])
        self._written |= {edge: numbers[port("out", k)] for k, edge in enumerate(node.outputs)}

    def _join(self, edge: str, q: int) -> None:
        p = self._written[edge]
        k = np.arange(self.system.sizes[p])
        self.system.rule(q, p, k, 1)
        slots = UNLIMITED * len(k) if self._depths is None else self._depths[edge]
        rule = self.system.rule(p, q, k - slots, 1)
        self.fifos.append(EdgeFifo(edge, p, q, rule))


def _add_streams(system: System, schedule: Schedule) -> dict[Stream, int]:
    """Add an operator's streams, inputs first, outputs last; return their numbers."""
    kinds = ("in", "step", "out")
    names = sorted(schedule.sizes, key=lambda s: kinds.index(s.rstrip("0123456789")))
    return {name: system.stream(schedule.sizes[name]) for name in names if schedule.sizes[name]}


def _add_rules(system: System, schedule: Schedule, numbers: Mapping[Stream, int]) -> None:
    for r in schedule.rules:
        system.rule(numbers[r.dst], numbers[r.src], r.index, r.delay)
