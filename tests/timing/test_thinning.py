"""Events without the steps that no rule needs: the same times and depths as with all of them."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.ir import INPUT, Graph, Rule, Schedule, Tensor
from bitrill.ops import MatVec
from bitrill.timing import predict as timing
from bitrill.timing.depth_search import DepthSearch
from bitrill.timing.event_graph import EventGraph
from bitrill.timing.row_depths import RowSearch
from bitrill.timing.thinning import thinned
from branching import U
from support import nightly
from timing.test_exactness import Drawn


class Slow(Drawn):
    """A random network whose matrices take many steps."""

    def __init__(self, seed: int):
        super().__init__(seed)
        height, width = (int(n) for n in self.rng.integers(2, 5, 2))
        self.tensors = {INPUT: Tensor((height, width, int(self.rng.choice([4, 8]))), U)}

    def lanes(self, node: MatVec) -> dict[str, int]:
        return {"pe": int(self.rng.choice([1, 2, 4])), "simd": int(self.rng.choice([1, 2, 4]))}


class WholeSearch(DepthSearch):
    def _new_events(self, graph: Graph) -> EventGraph:
        return EventGraph(graph, None)


def timed(graph: Graph, *, thin: bool) -> object:
    events = EventGraph(graph, graph.depths, thin=thin)
    try:
        return timing._interval(events), timing._latency(events)
    except StageError:
        return None


@pytest.mark.parametrize("seed", [*range(6), *nightly(*range(6, 60))])
def test_random_networks(seed: int) -> None:
    graph = Slow(seed).graph()
    depths = WholeSearch(graph).depths_of_edges()
    assert DepthSearch(graph).depths_of_edges() == depths
    assert RowSearch(graph).depths_of_edges() == depths
    for slots in (depths, {e: max(2, n - 1) for e, n in depths.items()}):
        folded = graph.replace(depths=slots)
        assert timed(folded, thin=True) == timed(folded, thin=False)


def test_many_steps_are_left_out() -> None:
    systems = [EventGraph(Slow(seed).graph(), None, thin=True).system for seed in range(6)]
    steps = [
        (len(p), n)
        for s in systems
        for p, n in zip(s.places, s.spans, strict=True)
        if p is not None
    ]
    kept, all_of_them = map(sum, zip(*steps, strict=True))
    assert kept < 0.6 * all_of_them


def test_kept_steps() -> None:
    """Two passes of four steps over each vector; a result a pass; input is freed in the second."""
    s, i = np.arange(8), np.arange(4)
    rules = (
        Rule("step", "in", s % 4, 1),
        Rule("in", "step", i - 4, 1),
        Rule("out", "step", np.array([3, 7]), 3),
        Rule("step", "out", (s - 2) // 4 - 1, 0),
        Rule("step", "step", s - 1, 1),
    )
    kept = thinned(Schedule(4, 8, 2, rules), 1)
    assert kept.places.tolist() == [0, 1, 2, 3, 4, 6, 7]
    assert [r.index.tolist() for r in kept.rules] == [
        [0, 1, 2, 3, 0, 2, 3],
        [-3, -3, -2, -1],
        [3, 6],
        [-2, -2, -1, -1, -1, 0, 0],
    ]
