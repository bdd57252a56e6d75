"""Predicted timing and depths of random small networks, compared with events walked one by one.

The walk knows nothing of intervals: frames follow one another, each event happens as soon as all
that it waits for has happened, and what comes out shows latency, rate, or that it stands still.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.folding.fold import fold
from bitrill.ir import BIPOLAR, INPUT, Graph, IntType, Operator, Sink, Source, Stage, Tensor
from bitrill.ir.schedule import port
from bitrill.ops import Add, Concat, Depthwise, MatVec, MaxPool, Pad, Window
from bitrill.passes.forks import insert_forks
from bitrill.timing.fifo_depths import FLOOR, fifo_depths
from bitrill.timing.predict import Timing, predict
from branching import NETWORKS, steps

FRAMES, MOST = 16, 400
AMPLE = 300
U = IntType(0, 3)
SEEDS = range(14)


def walked(graph: Graph, depths: dict[str, int], frames: int = FRAMES) -> Timing | None:
    """Return the timing by walking events one by one; None for a deadlock."""
    waits: dict[tuple[str, str], list] = {}
    sizes = {("source", ""): graph.reader(INPUT).beats_in}
    written = {INPUT: ("source", "")}

    def fifo(edge: str, q: tuple[str, str]) -> None:
        p = written[edge]
        sizes.setdefault(q, sizes[p])
        k = range(sizes[p])
        waits.setdefault(q, []).append((p, list(k), 1))
        waits.setdefault(p, []).append((q, [i - depths[edge] for i in k], 1))

    for node in graph.nodes:
        schedule = node.schedule()
        sizes |= {(node.name, s): n for s, n in schedule.sizes.items()}
        for r in schedule.rules:
            rule = ((node.name, r.src), r.index.tolist(), r.delay)
            waits.setdefault((node.name, r.dst), []).append(rule)
        for k, edge in enumerate(node.inputs):
            fifo(edge, (node.name, port("in", k)))
        written |= {e: (node.name, port("out", k)) for k, e in enumerate(node.outputs)}
    fifo(graph.output, ("sink", ""))
    times: dict[tuple[str, str], list[int]] = {s: [] for s in sizes}

    def happens(s: tuple[str, str]) -> bool:
        """The time of a stream's next event, if all that it waits for is known."""
        done = times[s]
        frame, k = divmod(len(done), sizes[s])
        if frame == frames:
            return False
        at = done[-1] + 1 if done else (0 if s[0] == "source" else -(10**9))
        for src, index, delay in waits[s]:
            i = frame * sizes[src] + index[k]
            if i >= len(times[src]):
                return False
            if i >= 0:
                at = max(at, times[src][i] + delay)
        done.append(at)
        return True

    moved = True
    while moved:
        moved = False
        for s in sizes:
            while sizes[s] and happens(s):
                moved = True
    out = times["sink", ""][sizes["sink", ""] - 1 :: sizes["sink", ""]]
    if len(out) < frames:
        return None
    gaps = np.diff(out)[frames // 2 :]
    period = next((p for p in range(1, 6) if (gaps[p:] == gaps[:-p]).all()), 0)
    if not period:
        assert frames < MOST
        return walked(graph, depths, 4 * frames)
    return Timing(Fraction(int(gaps[:period].sum()), period), out[0] - times["source", ""][0])


def predicted(graph: Graph, depths: dict[str, int]) -> Timing | None:
    try:
        return predict(graph.replace(depths=depths))
    except StageError:
        return None


class Drawn:
    """A random image, one or two random layers over it, and maybe a way around them."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        height, width = (int(n) for n in self.rng.integers(2, 5, 2))
        self.tensors = {INPUT: Tensor((height, width, int(self.rng.choice([2, 4]))), U)}
        self.nodes: list[Operator] = []

    def node(self, kind, *edges: str, **given) -> str:
        operands = tuple(self.tensors[e] for e in edges)
        return self.add(kind(name=f"n{len(self.nodes)}", inputs=edges, operands=operands, **given))

    def add(self, node: Operator) -> str:
        self.nodes.append(node)
        self.tensors[node.name] = node.y
        return node.name

    def layer(self, edge: str) -> str:
        """A layer of the same size as its input; or on one place."""
        channels = self.tensors[edge].channels
        if self.rng.random() < 0.7:
            edge = self.node(Pad, edge, pads=(1, 1, 1, 1), value=0)
            if self.rng.random() < 0.3:
                return self.node(MaxPool, edge, kernel=(3, 3), stride=(1, 1))
            edge = self.node(Window, edge, kernel=(3, 3), stride=(1, 1))
            if self.rng.random() < 0.3:
                weights = self.rng.choice([-1, 1], (channels, 9))
                return self.steps(self.node(Depthwise, edge, weights=weights, weight_type=BIPOLAR))
        weights = self.rng.choice([-1, 1], (channels, self.tensors[edge].channels))
        return self.steps(self.node(MatVec, edge, weights=weights, weight_type=BIPOLAR))

    def steps(self, edge: str) -> str:
        return self.add(steps(self.nodes[-1], f"n{len(self.nodes)}", U))

    def graph(self) -> Graph:
        edge = INPUT
        for _ in range(int(self.rng.integers(1, 3))):
            before, edge = edge, self.layer(edge)
            way = self.rng.random()
            if way < 0.4:
                edge = self.steps(self.node(Add, edge, before, gains=(1, 1)))
            elif way < 0.6:
                edge = self.node(Concat, edge, before, gains=(1, 1))
        x, y = self.tensors[INPUT], self.tensors[edge]
        graph = Graph(
            name="drawn",
            stage=Stage.INTEGER,
            source=Source(shape=(x.channels, *x.shape[:2]), tensor=x, raw_scale="1"),
            nodes=tuple(self.nodes),
            sink=Sink(shape=(y.channels, *y.shape[:2]), edge=edge, tensor=y),
        )
        forked = insert_forks(graph)
        return fold(forked, {n.name: self.lanes(n) for n in forked.nodes if isinstance(n, MatVec)})

    def lanes(self, node: MatVec) -> dict[str, int]:
        pe, simd = (
            int(self.rng.choice([d for d in range(1, n + 1) if n % d == 0]))
            for n in (node.rows, node.cols)
        )
        return {"pe": pe, "simd": simd}


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_at_random_depths(seed: int) -> None:
    drawn = Drawn(seed)
    graph = drawn.graph()
    for high in (4, 12):
        depths = {e: int(drawn.rng.integers(2, high)) for e in graph.edges}
        assert predicted(graph, depths) == walked(graph, depths)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_slot_of_random_networks_can_be_spared(seed: int) -> None:
    graph = Drawn(seed).graph()
    ample = walked(graph, dict.fromkeys(graph.edges, AMPLE))
    assert ample is not None
    depths = fifo_depths(graph)
    found = walked(graph, depths)
    assert found == predicted(graph, depths)
    assert found is not None
    assert found.ii == ample.ii
    for edge, slots in depths.items():
        if slots > FLOOR:
            short = walked(graph, depths | {edge: slots - 1})
            assert short is None or short.ii > ample.ii, edge


@pytest.mark.parametrize("seed", SEEDS)
def test_expected_depths_change_nothing(seed: int) -> None:
    drawn = Drawn(seed)
    graph = drawn.graph()
    expected = {edge: int(drawn.rng.integers(1, 20)) for edge in graph.edges}
    assert fifo_depths(graph, expected) == fifo_depths(graph)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_branch(name: str) -> None:
    graph = NETWORKS[name]()
    for depths in (fifo_depths(graph), dict.fromkeys(graph.edges, FLOOR)):
        assert predicted(graph, depths) == walked(graph, depths)


def test_the_random_networks_are_worth_it() -> None:
    """Joins, windows, deeper FIFOs, deadlocks and rates below the best are among them."""
    graphs = [Drawn(seed).graph() for seed in SEEDS]
    kinds = {n.kind for g in graphs for n in g.nodes}
    assert kinds >= {"add", "concat", "depthwise", "fork", "matvec", "maxpool", "pad", "window"}
    assert sum(max(fifo_depths(g).values()) > FLOOR for g in graphs) >= 5
    floors = [predicted(g, dict.fromkeys(g.edges, FLOOR)) for g in graphs]
    assert sum(f is None for f in floors) >= 2
    best = [predict(g.replace(depths=fifo_depths(g))).ii for g in graphs]
    assert sum(f is not None and f.ii > b for f, b in zip(floors, best, strict=True)) >= 2
