"""Exact time: when every beat of a folded network moves, from the operators' schedules alone.

All streams of events (see `bitrill.ir.schedule`) and the FIFOs between operators form one max-plus
system (see `bitrill.timing.event_graph`). Nothing is simulated: no data, no cycles, only events.
Interval and latency are found by whole streams. Stalls come as they please, so events are replayed
one by one: each frame repeats the same dependencies, which are put in order once. The source offers
a beat no sooner than told; the sink takes one at the first ready cycle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import StageError
from ..ir.graph import INPUT, Graph, Stage
from ..ir.schedule import port
from .event_graph import Network
from .feasibility import settled
from .maxplus import SWEEPS
from .relaxation import NEVER, Relaxation


@dataclass(frozen=True)
class Timing:
    """``ii``: cycles a frame in the periodic regime, frames back to back, no stalls; ``latency``:
    cycles from the edge that accepts the first input beat to the one that takes the last output
    beat, the network idle before."""

    ii: Fraction
    latency: int


@dataclass(frozen=True, eq=False)
class Replay:
    """Cycle of each input beat's acceptance and of each output beat's transfer, int64."""

    accepted: np.ndarray
    taken: np.ndarray


def predict(graph: Graph) -> Timing:
    """Initiation interval and latency of a FOLDED graph, exactly."""
    network = Network(graph, graph.depths)
    return Timing(_interval(network), _latency(network))


def _interval(network: Network) -> Fraction:
    """That of the slowest operator alone, or where FIFOs are too short for it, a longer one."""
    rules = [f.rule for f in network.fifos]
    if settled(network.earliest(), rules, network.anchor):
        return network.interval
    try:
        return network.system.least_interval(network.interval)[0]
    except StageError as error:
        raise StageError(
            f"{network.system.name}: deadlock: a FIFO is too short for the paths around it"
        ) from error


def _latency(network: Network) -> int:
    """The least times of one frame alone: where a rule asks for earlier frames, there are none."""
    system = network.system
    if any(p.frames > 0 for r in system.rules for p in r.pieces):
        raise StageError(f"{system.name}: deadlock: a frame waits for the next one")
    times = [np.full(n, NEVER) for n in system.sizes]
    times[network.source] = np.arange(system.sizes[network.source])
    frame = Relaxation(system, times, period=None)
    while not frame.settle(SWEEPS):
        pass  # it comes to rest: no rules within a frame wait for themselves, an interval exists
    return int(frame.times[network.sink][-1] - frame.times[network.source][0])


def replay(
    graph: Graph,
    offered: np.ndarray,
    ready: np.ndarray,
    words: Mapping[str, np.ndarray] | None = None,
) -> Replay:
    """The beats' cycles under stalls.

    ``offered[k]``: the first cycle at which the source shows input beat ``k`` as valid;
    ``ready[t]``: whether the sink is ready in cycle ``t`` (after the trace it always is);
    ``words``: of streamed nodes, by name, as ``offered``; without, they are always there.
    Whole frames only: ``len(offered)`` is a multiple of the frame's beats.
    """
    network = _Walk(graph, ready, tuple(words or ()))
    frames = np.asarray(offered, np.int64).reshape(-1, network.n_in).tolist()
    more = [
        np.asarray(cycles, np.int64)[: len(frames) * n].reshape(-1, n).tolist()
        for cycles, n in zip((words or {}).values(), network.n_words, strict=True)
    ]
    accepted, taken = [], []
    for k, beats in enumerate(frames):
        a, t = network.frame(beats, [stream[k] for stream in more])
        accepted += a
        taken += t
    return Replay(np.array(accepted, np.int64), np.array(taken, np.int64))


@dataclass(frozen=True)
class _Edge:
    """``dst[k] >= src[index[k]] + delay``, indices within the frame."""

    dst: int
    src: int
    index: list[int]
    delay: int


class _Walk:
    """The events of one frame in an order that respects all rules, and the times so far."""

    def __init__(self, graph: Graph, ready: np.ndarray | None = None, words: tuple[str, ...] = ()):
        if graph.stage is not Stage.FOLDED:
            raise StageError(
                f"{graph.name}: time is known for folded graphs, not {graph.stage.value} ones"
            )
        self._sizes: list[int] = []
        self._edges: list[_Edge] = []
        self._words = dict.fromkeys(words, 0)  # streams of words, by node
        self._build(graph)
        self._next_ready = None if ready is None else _next_ready(np.asarray(ready, bool))
        pads = [1] * len(self._sizes)
        for e in self._edges:
            pads[e.src] = max(pads[e.src], -min(e.index))
        self._times = [[NEVER] * p for p in pads]
        self._pads = pads
        self._offered = {0: [0] * self.n_in}
        self._offered |= {s: [0] * self._sizes[s] for s in self._words.values()}
        self._program = self._link(self._order(graph.name))

    @property
    def n_in(self) -> int:
        """Input beats a frame."""
        return self._sizes[0]

    @property
    def n_words(self) -> list[int]:
        """Words a frame, of each stream of them."""
        return [self._sizes[s] for s in self._words.values()]

    def _stream(self, size: int) -> int:
        self._sizes.append(size)
        return len(self._sizes) - 1

    def _build(self, graph: Graph) -> None:
        """Streams: 0 is the source, 1 the sink, then in/step/out of each operator."""
        nodes = {n.name: n.schedule() for n in graph.nodes}
        self._stream(nodes[graph.reader(INPUT).name].n_in)
        self._stream(graph.producer(graph.output).beats_out)
        written = {INPUT: 0}
        for node in graph.nodes:
            s = nodes[node.name]
            ids = {name: self._stream(n) for name, n in s.sizes.items()}
            if node.name in self._words:
                self._words[node.name] = ids["in1"]
            self._edges += [
                _Edge(ids[r.dst], ids[r.src], r.index.tolist(), r.delay) for r in s.rules
            ]
            for k, edge in enumerate(node.inputs):
                self._fifo(written[edge], ids[port("in", k)], graph.depths[edge])
            written |= {edge: ids[port("out", k)] for k, edge in enumerate(node.outputs)}
        self._fifo(written[graph.output], 1, graph.depths[graph.output])

    def _fifo(self, p: int, q: int, depth: int) -> None:
        beats = np.arange(self._sizes[p])
        self._edges += [_Edge(q, p, beats.tolist(), 1), _Edge(p, q, (beats - depth).tolist(), 1)]

    def _order(self, name: str) -> list[tuple[int, int]]:
        """Events ``(stream, k)`` such that each comes after all it waits for."""
        rules: list[list[_Edge]] = [[] for _ in self._sizes]
        for e in self._edges:
            rules[e.dst].append(e)
        done = [0] * len(self._sizes)
        order: list[tuple[int, int]] = []
        moved = True
        while moved:
            moved = False
            for s, size in enumerate(self._sizes):
                k = done[s]
                while k < size and all(e.index[k] < done[e.src] for e in rules[s]):
                    order.append((s, k))
                    done[s] = k = k + 1
                    moved = True
        if len(order) != sum(self._sizes):
            raise StageError(f"{name}: deadlock: a FIFO is too short for the paths around it")
        return order

    def _link(self, order: list[tuple[int, int]]) -> list[tuple]:
        """The order, look-ups resolved: ``(times, ((times, position, delay), ...), ready)``."""
        waits: dict[tuple[int, int], list[tuple]] = {event: [] for event in order}
        for e in self._edges:
            for k, j in enumerate(e.index):
                waits[e.dst, k].append((self._times[e.src], self._pads[e.src] + j, e.delay))
        for s, offered in self._offered.items():
            for k in range(len(offered)):
                waits[s, k].append((offered, k, 0))
        return [
            (self._times[s], tuple(waits[s, k]), self._next_ready if s == 1 else None)
            for s, k in order
        ]

    def frame(
        self, offered: list[int], words: Sequence[list[int]] = ()
    ) -> tuple[list[int], list[int]]:
        """One more frame; cycles of its beats at the source and at the sink."""
        for stream, cycles in zip(self._offered.values(), (offered, *words), strict=True):
            stream[:] = cycles
        for times, waits, ready in self._program:
            t = times[-1] + 1
            for source, position, delay in waits:
                v = source[position] + delay
                if v > t:
                    t = v
            if ready is not None and t < len(ready):
                t = ready[t]
            times.append(t)
        accepted, taken = (self._times[s][self._pads[s] :] for s in (0, 1))
        for times, size in zip(self._times, self._sizes, strict=True):
            del times[:size]
        return accepted, taken


def _next_ready(ready: np.ndarray) -> list[int]:
    """For each cycle, the first cycle from it on at which the sink is ready."""
    cycles = np.where(ready, np.arange(len(ready)), len(ready))
    return np.minimum.accumulate(cycles[::-1])[::-1].tolist()
