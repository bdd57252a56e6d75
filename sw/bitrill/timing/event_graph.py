"""All that a folded graph's events wait for, as one max-plus system.

Streams are those of every operator's schedule, in the order in which data passes them, and the
sink's. A FIFO of D slots between streams p (written) and q (read): ``q[k] >= p[k] + 1`` and
``p[k] >= q[k - D] + 1``. The source writes the first FIFO, the sink reads the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import StageError
from ..ir.graph import INPUT, Graph, Stage
from ..ir.operator import Operator
from ..ir.schedule import Schedule, Stream, port
from .maxplus import Event, System
from .relaxation import NEVER, Relaxation

_UNLIMITED = 1_000_000
"""Frames that an unlimited FIFO holds."""


@dataclass(frozen=True)
class Fifo:
    """Between stream ``p``, written, and ``q``, read; ``rule``: the one that its slots make."""

    edge: str
    p: int
    q: int
    rule: int


class Network:
    """The system of a graph; ``fifos`` in the order of streams, of ``depths`` slots or unlimited.

    ``interval``: that of the slowest operator alone, which no depths can beat; ``anchor``: an
    event of that operator that takes all of it to come round.
    """

    def __init__(self, graph: Graph, depths: Mapping[str, int] | None):
        if graph.stage is not Stage.FOLDED:
            raise StageError(
                f"{graph.name}: time is known for folded graphs, not {graph.stage.value} ones"
            )
        self.system = System(graph.name)
        self.fifos: list[Fifo] = []
        self._depths = depths
        self.source = self.system.stream(graph.reader(INPUT).beats_in)
        self.interval, self.anchor = Fraction(self.system.sizes[0]), Event(0, 0)
        self._written = {INPUT: self.source}
        for node in graph.nodes:
            self._add(node)
        self.sink = self.system.stream(graph.producer(graph.output).beats_out)
        self._join(graph.output, self.sink)

    def set_depth(self, fifo: Fifo, depth: int) -> None:
        """Other slots of one FIFO."""
        self.system.replace(fifo.rule, np.arange(self.system.sizes[fifo.p]) - depth)

    def earliest(self) -> Relaxation:
        """Towards the earliest times, the anchor at 0."""
        start = [np.full(n, NEVER) for n in self.system.sizes]
        start[self.anchor.stream][self.anchor.k] = 0
        unit, period = self.interval.denominator, self.interval.numerator
        return Relaxation(self.system, start, unit=unit, period=period)

    def _add(self, node: Operator) -> None:
        schedule = node.schedule()
        first = len(self.system.sizes)
        ids = _streams(self.system, schedule)
        for k, edge in enumerate(node.inputs):
            self._join(edge, ids[port("in", k)])
        for r in schedule.rules:
            self.system.rule(ids[r.dst], ids[r.src], r.index, r.delay)
        self._written |= {edge: ids[port("out", k)] for k, edge in enumerate(node.outputs)}
        interval, event = _alone(node.name, schedule)
        if interval > self.interval:
            self.interval, self.anchor = interval, Event(first + event.stream, event.k)

    def _join(self, edge: str, q: int) -> None:
        p = self._written[edge]
        k = np.arange(self.system.sizes[p])
        self.system.rule(q, p, k, 1)
        slots = _UNLIMITED * len(k) if self._depths is None else self._depths[edge]
        rule = self.system.rule(p, q, k - slots, 1)
        self.fifos.append(Fifo(edge, p, q, rule))


def _streams(system: System, schedule: Schedule) -> dict[Stream, int]:
    """Numbers of new streams: what goes in, steps, what comes out."""
    kinds = ("in", "step", "out")
    names = sorted(schedule.sizes, key=lambda s: kinds.index(s.rstrip("0123456789")))
    return {name: system.stream(schedule.sizes[name]) for name in names if schedule.sizes[name]}


def _alone(name: str, schedule: Schedule) -> tuple[Fraction, Event]:
    """The interval of an operator that never waits for others, and an event that it rests on."""
    system = System(name)
    ids = _streams(system, schedule)
    for r in schedule.rules:
        system.rule(ids[r.dst], ids[r.src], r.index, r.delay)
    interval, event, _ = system.critical()
    return interval, event
