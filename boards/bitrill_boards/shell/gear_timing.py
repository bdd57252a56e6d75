"""Chooses the smallest gearboxes around a network that keep its interval.

A gearbox moves bits evenly and holds one word. A network that accepts or sends beats in bursts
waits for it, even if the gearbox moves a frame within the interval. So gearboxes are added to the
network's event graph:

- before the network, word k is complete with chunk ``j(k)``: ``word[k] >= chunk[j(k)] + 1``, and
  the next chunk moves no sooner than that word leaves;
- after it, a word of several chunks goes to a register: ``chunk[first of k] >= word[k] + 1`` and
  ``word[k + 1] >= chunk[last of k]``.

Memory is assumed never to wait.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from bitrill.ir.graph import INPUT, Graph
from bitrill.timing.event_graph import EventGraph
from bitrill.timing.intervals import least_interval, schedule
from bitrill.timing.maxplus import System
from bitrill.timing.predict import frame_alone

from .gears import Gear, gear


@lru_cache(maxsize=16)
def keeping(graph: Graph, interval: Fraction, width: int) -> tuple[Gear, Gear, Fraction]:
    """Return the smallest gearboxes to and from words of ``width`` bits, and a frame's cycles.

    The cycles are ``interval``, the network's own, or those of the widest gearboxes if no gearbox
    keeps it. An interval that the network alone cannot reach is returned as it is.
    """
    first, last = graph.reader(INPUT), graph.producer(graph.output)
    bits_in, bits_out = first.lanes_in * first.x.type.bits, last.lanes_out * last.y.type.bits
    ends = (width, bits_in, bits_in * first.beats_in), (bits_out, width, bits_out * last.beats_out)
    into, out = (gear(a, b, frame_bits=n, interval=interval) for a, b, n in ends)
    alone = EventGraph(graph, graph.depths).system
    if _fits(_between(graph, into, out).system, interval) or not _fits(alone, interval):
        return into, out, interval
    wide_in, wide_out = (gear(a, b, frame_bits=n) for a, b, n in ends)
    broad = _between(graph, wide_in, wide_out).system
    if not _fits(broad, interval):
        interval = least_interval(broad, interval).interval
    while not _fits(_between(graph, into, wide_out).system, interval):
        into = replace(into, chunk=2 * into.chunk)
    while not _fits(_between(graph, into, out).system, interval):
        out = replace(out, chunk=2 * out.chunk)
    return into, out, interval


def latency_between(graph: Graph, into: Gear, out: Gear) -> int:
    """Return the cycles from a frame's first word into ``into`` to its last word out of ``out``.

    The network is idle before. A word of several chunks is held for a cycle before the first one
    moves; a word out is complete in a register, and leaves a cycle later. Behind words of a single
    chunk, an empty chunk that ends the frame has no event of its own.
    """
    events = EventGraph(graph, graph.depths)
    first, last = _join_first(events, into), _join_last(events, out)
    times = frame_alone(events.system, first)
    held, flushed = len(into.slices) > 1, out.flush and len(out.slices) == 1
    return int(times[last][-1] - times[first][0]) + held + flushed + 1


def _fits(system: System, interval: Fraction) -> bool:
    """Return whether a frame every ``interval`` cycles is possible."""
    return max(system.sizes) <= interval and isinstance(schedule(system, interval), list)


def _between(graph: Graph, into: Gear, out: Gear) -> EventGraph:
    """Return the event graph of a network between two gearboxes."""
    events = EventGraph(graph, graph.depths)
    _join_first(events, into)
    _join_last(events, out)
    return events


def _join_first(events: EventGraph, g: Gear) -> int:
    """Add the gearbox before the network; return the stream of its chunks."""
    ends = np.cumsum(np.tile(g.slices, g.words_in))
    words = np.searchsorted(ends, g.width_out * np.arange(1, g.words_out + 1))
    completed = np.minimum(words, g.cycles - 1)
    chunks = events.system.stream(g.cycles)
    events.system.rule(events.source, chunks, completed, 1)
    before = np.searchsorted(completed, np.arange(g.cycles)) - 1
    events.system.rule(chunks, events.source, before, 0)
    return chunks


def _join_last(events: EventGraph, g: Gear) -> int:
    """Add the gearbox after the network; return the stream of its chunks."""
    count, k = len(g.slices), np.arange(g.words_in)
    if count > 1:
        chunks = events.system.stream(g.cycles)
        word = np.minimum(np.arange(g.cycles) // count, g.words_in - 1)
        events.system.rule(chunks, events.sink, word, 1)
        events.system.rule(events.sink, chunks, np.where(k, k * count, k - g.flush) - 1, 0)
        return chunks
    if g.flush:  # an empty chunk between two frames
        events.system.rule(events.sink, events.sink, np.where(k, k - len(k), -1), 2)
    return events.sink
