"""FIFO depths: the fewest slots that keep the rate which unlimited FIFOs would have.

With unlimited FIFOs no operator waits for one behind it, so the interval is that of the slowest
operator alone. A schedule of that interval tells how many beats the FIFOs would hold: so depths
are known that certainly keep it, wherever branches of unequal length meet. From there depths are
lowered one edge at a time. Depths that keep the interval cannot deadlock: a deadlock is a cycle
of rules that no interval satisfies (see `bitrill.plan.maxplus`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np

from ..ir.graph import INPUT, Graph
from ..ir.schedule import port
from .maxplus import System

FLOOR = 2
"""Slots that every FIFO has: fewer could not cut the ready path at full rate."""


@dataclass(frozen=True)
class _Fifo:
    """Between stream ``p``, written, and ``q``, read; ``rule``: the one that its slots make."""

    edge: str
    p: int
    q: int
    rule: int


def fifo_depths(graph: Graph) -> dict[str, int]:
    """Slots of each edge, by name, of a graph whose nodes are folded.

    No FIFO above the floor can lose one slot alone without lowering the rate: depths are lowered
    one edge at a time, widest edges first, and the rate is monotone in all of them.
    """
    system, fifos = _system(graph)
    interval, times = system.least_interval()
    # all edges together hold so many frames: let any of them hold it all, the narrowest ones will
    frames = sum(Fraction(_held(f, system, interval, times), system.sizes[f.p]) for f in fifos)
    depths = {f.edge: FLOOR + ceil(frames * system.sizes[f.p]) for f in fifos}
    for f in fifos:
        _set(system, f, depths[f.edge])
    lanes = {e: n.lanes_in for n in graph.nodes for e in n.inputs}
    lanes |= {e: n.lanes_out for n in graph.nodes for e in n.outputs}
    for f in sorted(fifos, key=lambda f: -lanes[f.edge] * graph.edges[f.edge].type.bits):
        low, high, trial = FLOOR, depths[f.edge], FLOOR  # most edges need no more than the floor
        while low < high:
            _set(system, f, trial)
            found = system.schedule(interval, times)
            if isinstance(found, list):
                times = found
                high = max(low, min(trial, _held(f, system, interval, times)))
            else:  # it would be slower, or stand still
                low = trial + 1
            trial = (low + high) // 2
        depths[f.edge] = high
        _set(system, f, high)
    return {edge: depths[edge] for edge in graph.edges}


def _system(graph: Graph) -> tuple[System, list[_Fifo]]:
    """All rules of a graph but those that FIFOs of few slots make, which are empty as yet."""
    system = System(graph.name)
    schedules = {n.name: n.schedule() for n in graph.nodes}
    written = {INPUT: system.stream(schedules[graph.reader(INPUT).name].n_in)}
    fifos: list[_Fifo] = []

    def join(edge: str, q: int) -> None:
        p = written[edge]
        k = np.arange(system.sizes[p])
        system.rule(q, p, k, 1)
        # as many slots as beats in a million frames: for all that matters here, unlimited
        fifos.append(_Fifo(edge, p, q, system.rule(p, q, k - _UNLIMITED * len(k), 1)))

    for node in graph.nodes:
        s = schedules[node.name]
        ids = {name: system.stream(n) for name, n in s.sizes.items() if n}
        for k, edge in enumerate(node.inputs):
            join(edge, ids[port("in", k)])
        for r in s.rules:
            system.rule(ids[r.dst], ids[r.src], r.index, r.delay)
        written |= {edge: ids[port("out", k)] for k, edge in enumerate(node.outputs)}
    join(graph.output, system.stream(graph.producer(graph.output).beats_out))
    return system, fifos


_UNLIMITED = 1_000_000
"""Frames that an unlimited FIFO holds."""


def _set(system: System, f: _Fifo, depth: int) -> None:
    system.replace(f.rule, np.arange(system.sizes[f.p]) - depth)


def _held(f: _Fifo, system: System, interval: Fraction, times: list[np.ndarray]) -> int:
    """Slots with which a schedule can be kept: ``p[k] >= q[k - slots] + 1`` for every beat."""
    unit, period = interval.denominator, interval.numerator
    p, q = times[f.p], times[f.q]
    frames, rest = np.divmod(p - unit - q[0], period)
    read = frames * len(q) + np.searchsorted(q - q[0], rest, "right") - 1  # the last one in time
    return int((np.arange(len(p)) - read).max())
