"""The event graph of a folded network: all schedules and FIFOs as one max-plus system.

Streams are those of every operator's schedule, in the order in which data passes them, then the
sink's. A FIFO of D slots between streams p (written) and q (read): ``q[k] >= p[k] + 1`` and
``p[k] >= q[k - D] + 1``, without the 1 where D is 1. The source writes the first FIFO, the sink
reads the last. Prediction, FIFO depths and replay under stalls all read this one graph.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from ..errors import StageError
from ..ir import INPUT, Graph, Operator, Stage, Stream, Tensor, port
from .intervals import LeastInterval, least_interval
from .maxplus import Event, Streams, System
from .relaxation import NEVER, Relaxation
from .thinning import thinned

S = TypeVar("S", bound=Streams)

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


@dataclass(frozen=True, eq=False)
class OperatorEvents:
    """An operator, and the numbers of its streams and rules."""

    node: Operator
    streams: range
    rules: range


class NetworkEvents(ABC, Generic[S]):
    """The events of a FOLDED graph, written into ``system``.

    ``fifos``: in the order of streams, of ``depths`` slots each, unlimited where that is None;
    ``streams``: number of a stream by node and name; ``source``, ``sink``: numbers of the network's
    first and last stream; ``thin``: without steps that no rule needs (`bitrill.timing.thinning`).
    """

    def __init__(self, graph: Graph, depths: Mapping[str, int] | None, system: S, *, thin: bool):
        if graph.stage is not Stage.FOLDED:
            raise StageError(
                f"{graph.name}: time is known for folded graphs, not {graph.stage.value} ones"
            )
        self.system, self._thin = system, thin
        self.fifos: list[EdgeFifo] = []
        self.streams: dict[tuple[str, Stream], int] = {}
        self._depths = depths
        self._operators: dict[str, OperatorEvents] = {}
        image, result = graph.source.tensor, graph.edges[graph.output]
        self.source = system.stream(graph.reader(INPUT).beats_in, rows_of(image))
        self._written = {INPUT: self.source}
        for node in graph.nodes:
            self._add(node)
        self.sink = system.stream(graph.producer(graph.output).beats_out, rows_of(result))
        self._join(graph.output, self.sink)

    @property
    def operators(self) -> Mapping[str, OperatorEvents]:
        """The streams and rules of each operator, by the name of its node."""
        return self._operators

    @cached_property
    def slowest(self) -> SlowestOperator:
        """The operator that sets the interval where every FIFO is deep enough."""
        longest = max(self.system.spans)
        stream = self.system.spans.index(longest)
        slowest = SlowestOperator(Fraction(longest), Event(stream, 0))
        for part in self._operators.values():
            least = self._least(part, slowest.interval)
            if least.interval > slowest.interval:
                event = Event(part.streams[least.event.stream], least.event.k)
                slowest = SlowestOperator(least.interval, event)
        return slowest

    @abstractmethod
    def _least(self, part: OperatorEvents, at_least: Fraction) -> LeastInterval:
        """Return the interval of an operator alone, ``at_least`` where it is none longer."""

    def set_depth(self, fifo: EdgeFifo, depth: int) -> None:
        """Give one FIFO another number of slots."""
        self.system.set_slots(fifo.rule, depth)

    def _add(self, node: Operator) -> None:
        system, streams, rules = self.system, len(self.system.sizes), self.system.n_rules
        numbers = self._add_operator(node)
        streams, rules = range(streams, len(system.sizes)), range(rules, system.n_rules)
        self._operators[node.name] = OperatorEvents(node, streams, rules)
        self.streams |= {(node.name, stream): number for stream, number in numbers.items()}
        for k, edge in enumerate(node.inputs):
            self._join(edge, numbers[port("in", k)])
        self._written |= {edge: numbers[port("out", k)] for k, edge in enumerate(node.outputs)}

    def _join(self, edge: str, q: int) -> None:
        p = self._written[edge]
        self.system.slots(q, p, 0)
        slots = UNLIMITED * self.system.sizes[p] if self._depths is None else self._depths[edge]
        rule = self.system.slots(p, q, slots)
        self.fifos.append(EdgeFifo(edge, p, q, rule))

    def _add_operator(self, node: Operator) -> dict[Stream, int]:
        """Add the streams and rules of an operator; return the streams' numbers."""
        return add_operator(self.system, node, thin=self._thin)


class EventGraph(NetworkEvents[System]):
    """The max-plus system of a FOLDED graph, event by event."""

    def __init__(self, graph: Graph, depths: Mapping[str, int] | None, *, thin: bool = False):
        super().__init__(graph, depths, System(graph.name), thin=thin)

    def earliest(self) -> Relaxation:
        """Start a relaxation to the earliest times at the slowest operator's interval.

        The anchor is at 0, which is its latest time, too: raised, it would wait for itself.
        """
        stream, k = self.slowest.anchor
        start = [np.full(n, NEVER) for n in self.system.sizes]
        start[stream][k] = 0
        latest = np.full(self.system.sizes[stream], -NEVER)
        latest[k] = 0
        return self.relaxation(start, latest={stream: latest})

    def relaxation(self, start: list[np.ndarray] | None = None, **options: Any) -> Relaxation:
        """Start a relaxation at the slowest operator's interval.

        ``start``: times, those of events without a gap if None; ``options``: as for `Relaxation`.
        """
        interval = self.slowest.interval
        unit, period = interval.denominator, interval.numerator
        start = start or [self.system.steps(s, unit) for s in range(len(self.system.sizes))]
        return Relaxation(self.system, start, unit=unit, period=period, **options)

    def _least(self, part: OperatorEvents, at_least: Fraction) -> LeastInterval:
        """Return the interval of an operator alone, ``at_least`` where it is none longer."""
        alone = self.system.part(part.node.name, part.streams, part.rules)
        return least_interval(alone, at_least)


def rows_of(tensor: Tensor) -> int:
    """Return the rows of an image; 1 of anything else."""
    return tensor.shape[0] if len(tensor.shape) == 3 else 1


def add_operator(
    system: Streams, node: Operator, step: Stream = "out", *, thin: bool = False
) -> dict[Stream, int]:
    """Add the streams of an operator, inputs first, outputs last, and its rules.

    Returns the streams' numbers. ``step``: the stream whose rows the steps have; ``thin``: leave
    out steps that no rule needs.
    """
    schedule, kinds = node.schedule(), ("in", "step", "out")
    names = sorted(schedule.sizes, key=lambda s: kinds.index(s.rstrip("0123456789")))
    rows = {port("in", k): rows_of(t) for k, t in enumerate(node.operands)}
    rows |= {port("out", k): rows_of(t) for k, t in enumerate(node.results)}
    rules, places = schedule.rules, None
    if thin and schedule.n_step:
        kept = thinned(schedule, rows[step])
        rules, places = kept.rules, kept.places
    numbers = {
        name: system.stream(
            schedule.sizes[name], rows.get(name, rows[step]), places if name == "step" else None
        )
        for name in names
        if schedule.sizes[name]
    }
    for r in rules:
        system.rule(numbers[r.dst], numbers[r.src], r.index, r.delay)
    return numbers
