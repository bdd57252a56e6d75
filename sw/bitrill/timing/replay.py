"""Replay of a folded network under stalls: the cycle in which every beat moves.

Stalls have no period, so events are computed one by one on the event graph, without the steps that
no rule needs (`bitrill.timing.thinning`). Each frame repeats the same dependencies, which are put
in order once. Where the sink never pauses, whole frames are relaxed instead, one after the other,
which is far less work. A beat enters no sooner than the source offers it,
and leaves in the first cycle in which the sink is ready.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..errors import StageError
from ..ir import Graph
from .event_graph import EventGraph
from .maxplus import System
from .predict import predict
from .relaxation import NEVER, SWEEPS, Relaxation

_DEADLOCK = "{}: deadlock: a FIFO is too short for the paths around it"


@dataclass(frozen=True, eq=False)
class Replay:
    """Cycle of each input beat's acceptance and of each output beat's transfer, int64."""

    accepted: np.ndarray
    taken: np.ndarray


def replay(
    graph: Graph,
    offered: np.ndarray,
    ready: np.ndarray,
    words: Mapping[str, np.ndarray] | None = None,
) -> Replay:
    """Compute the cycles in which the beats of a FOLDED graph move under stalls.

    ``offered[k]``: the first cycle in which the source shows input beat ``k`` as valid;
    ``ready[t]``: whether the sink is ready in cycle ``t`` (after the trace it always is);
    ``words``: cycles in which the words of streamed nodes are offered, by node; a stream that is
    not there is always valid. Whole frames only: ``len(offered)`` is a multiple of a frame's beats.
    """
    words = words or {}
    events = EventGraph(graph, graph.depths, thin=True)
    frames: _Frames | _WholeFrames
    if np.all(ready):
        try:
            predict(graph)  # frames of a graph that deadlocks never come to rest
        except StageError as error:
            raise StageError(_DEADLOCK.format(graph.name)) from error
        frames = _WholeFrames(events, tuple(words))
    else:
        frames = _Frames(events, ready, tuple(words))
    n_in, *n_words = frames.n_offered
    by_frame = [np.asarray(offered, np.int64).reshape(-1, n_in)]
    for cycles, n in zip(words.values(), n_words, strict=True):
        by_frame.append(np.asarray(cycles, np.int64)[: len(by_frame[0]) * n].reshape(-1, n))
    accepted, taken = [], []
    for offers in zip(*(stream.tolist() for stream in by_frame), strict=True):
        a, t = frames.next(offers)
        accepted += a
        taken += t
    return Replay(np.array(accepted, np.int64), np.array(taken, np.int64))


_Wait: TypeAlias = tuple[list[int], int, int]
"""``(times, position, delay)``: an event comes no sooner than ``times[position] + delay``."""

_Step: TypeAlias = tuple[list[int], int, tuple[_Wait, ...], list[int] | None]
"""Times of the stream to extend, the least cycles from its last event to the next, what that one
waits for, and the sink's ready cycles."""


class _Frames:
    """The events of one frame in an order that respects all rules, and the times so far."""

    def __init__(self, events: EventGraph, ready: np.ndarray, words: tuple[str, ...]):
        system = self._system = events.system
        self._ends = events.source, events.sink
        self._index = [system.index(number).tolist() for number in range(len(system.rules))]
        # a stream keeps the times of as many earlier events as any rule looks back
        self._kept = [1] * len(system.sizes)
        for rule, index in zip(system.rules, self._index, strict=True):
            self._kept[rule.src] = max(self._kept[rule.src], -min(index))
        self._times = [[NEVER] * n for n in self._kept]
        streams = [events.source, *(events.streams[node, "in1"] for node in words)]
        self._offers = {s: [0] * system.sizes[s] for s in streams}
        self._steps = self._link(_order(system, self._index), _next_ready(ready))

    @property
    def n_offered(self) -> list[int]:
        """Input beats a frame, and words a frame of each stream of them."""
        return [len(cycles) for cycles in self._offers.values()]

    def next(self, offers: Sequence[list[int]]) -> tuple[list[int], list[int]]:
        """Compute one more frame; return the cycles of its beats at the source and at the sink.

        ``offers``: cycles in which its input beats, then its words are offered.
        """
        for stream, cycles in zip(self._offers.values(), offers, strict=True):
            stream[:] = cycles
        for times, apart, waits, ready in self._steps:
            t = times[-1] + apart
            for source, position, delay in waits:
                v = source[position] + delay
                if v > t:
                    t = v
            if ready is not None and t < len(ready):
                t = ready[t]
            times.append(t)
        accepted, taken = (self._times[s][self._kept[s] :] for s in self._ends)
        for times, size in zip(self._times, self._system.sizes, strict=True):
            del times[:size]
        return accepted, taken

    def _link(self, order: list[tuple[int, int]], next_ready: list[int]) -> list[_Step]:
        """Resolve the look-ups of all events, in order."""
        system, sink = self._system, self._ends[1]
        waits: list[list[tuple[_Wait, ...]]] = [[()] * n for n in system.sizes]
        for rule, index in zip(system.rules, self._index, strict=True):
            times, kept, of = self._times[rule.src], self._kept[rule.src], waits[rule.dst]
            for k, i in enumerate(index):
                of[k] = *of[k], (times, kept + i, rule.delay)
        for s, offered in self._offers.items():
            waits[s] = [(*of, (offered, k, 0)) for k, of in enumerate(waits[s])]
        apart = [self._apart(s) for s in range(len(system.sizes))]
        return [
            (self._times[s], apart[s][k], waits[s][k], next_ready if s == sink else None)
            for s, k in order
        ]

    def _apart(self, s: int) -> list[int]:
        """Return the least cycles from the event before to each of a stream."""
        return np.diff(self._system.steps(s, 1), prepend=-self._system.turn(s)).tolist()


class _WholeFrames:
    """The events of one frame after the other, with a sink that is always ready."""

    def __init__(self, events: EventGraph, words: tuple[str, ...]):
        self._system = system = events.system
        self._ends = events.source, events.sink
        self._offers = [events.source, *(events.streams[node, "in1"] for node in words)]
        pieces = [p for rule in system.rules for p in rule.pieces]
        # times of as many frames before as any rule looks back, the last one last
        self._past: deque[list[np.ndarray]] = deque(maxlen=max(1, *(-p.frames for p in pieces)))

    @property
    def n_offered(self) -> list[int]:
        """Input beats a frame, and words a frame of each stream of them."""
        return [self._system.sizes[s] for s in self._offers]

    def next(self, offers: Sequence[list[int]]) -> tuple[list[int], list[int]]:
        """Compute one more frame, as `_Frames.next` does."""
        times = self._from_past()
        for s, cycles in zip(self._offers, offers, strict=True):
            np.maximum(times[s], cycles, out=times[s])
        frame = Relaxation(self._system, times, period=None)
        while not frame.settle(SWEEPS):
            pass
        self._past.append(frame.times)
        accepted, taken = (frame.times[s].tolist() for s in self._ends)
        return accepted, taken

    def _from_past(self) -> list[np.ndarray]:
        """Return the times that the frames before allow."""
        system, past = self._system, self._past
        times = [np.full(n, NEVER) for n in system.sizes]
        for s, u in enumerate(times):
            if past:
                u[0] = past[-1][s][-1] + system.turn(s)
        for rule in system.rules:
            for piece in rule.pieces:
                if -len(past) <= piece.frames < 0:
                    wanted = np.empty(piece.last - piece.first, np.int64)
                    piece.plus(past[piece.frames][rule.src], rule.delay, wanted)
                    u = times[rule.dst][piece.first : piece.last]
                    np.maximum(u, wanted, out=u)
        return times


def _order(system: System, index: list[list[int]]) -> list[tuple[int, int]]:
    """Sort the events ``(stream, k)`` of a frame so that each comes after all it waits for."""
    done = [0] * len(system.sizes)
    order: list[tuple[int, int]] = []
    moved = True
    while moved:
        moved = False
        for s, size in enumerate(system.sizes):
            waits = [(index[number], system.rules[number].src) for number in system.into[s]]
            k = done[s]
            while k < size and all(i[k] < done[src] for i, src in waits):
                order.append((s, k))
                done[s] = k = k + 1
                moved = True
    if len(order) != sum(system.sizes):
        raise StageError(_DEADLOCK.format(system.name))
    return order


def _next_ready(ready: np.ndarray) -> list[int]:
    """For each cycle, the first cycle from it on in which the sink is ready."""
    ready = np.asarray(ready, bool)
    cycles = np.where(ready, np.arange(len(ready)), len(ready))
    return np.minimum.accumulate(cycles[::-1])[::-1].tolist()
