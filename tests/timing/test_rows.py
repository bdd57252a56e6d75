"""Time and depths by rows: the same as event by event, whatever repeats and whatever does not."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import BitrillError, StageError
from bitrill.ir import BIPOLAR, Graph, Impl, Operator, Schedule, Tensor
from bitrill.ops import Convert, MatVec, Pad, Window
from bitrill.timing import predict as timing
from bitrill.timing import row_graph, row_schedules, rows
from bitrill.timing.depth_search import DepthSearch
from bitrill.timing.event_graph import SlowestOperator
from bitrill.timing.maxplus import Event
from bitrill.timing.row_depths import RowSearch
from bitrill.timing.row_graph import RowEventGraph, latency_by_rows
from branching import NETWORKS, U
from support import nightly
from timing.test_exactness import Drawn


class Tall(Drawn):
    """A random network on a high, narrow image; strides, and ways around them."""

    def __init__(self, seed: int):
        super().__init__(seed)
        height, width = int(self.rng.integers(18, 40)), int(self.rng.integers(2, 4))
        self.tensors = {"input": Tensor((height, width, 2), U)}

    def layer(self, edge: str) -> str:
        edge = super().layer(edge)
        if self.rng.random() < 0.4 and len(self.nodes) < 5:
            edge = self.node(Pad, edge, pads=(1, 1, 1, 1), value=0)
            edge = self.node(Window, edge, kernel=(3, 3), stride=(2, 1))
            weights = self.rng.choice([-1, 1], (2, self.tensors[edge].channels))
            edge = self.steps(self.node(MatVec, edge, weights=weights, weight_type=BIPOLAR))
        return edge

    def graph(self) -> Graph:
        while True:
            try:
                return super().graph()
            except BitrillError:  # a way around a stride does not fit: draw again
                self.nodes = []
                self.tensors = {"input": self.tensors["input"]}


def assert_same(graph: Graph) -> None:
    """Depths, interval and latency by rows are those of the whole computation."""
    depths = DepthSearch(graph).depths_of_edges()
    assert RowSearch(graph).depths_of_edges() == depths
    for slots in (depths, {e: max(2, n - 1) for e, n in depths.items()}):
        folded = graph.replace(depths=slots)
        events = RowEventGraph(folded, slots)
        want = timing.EventGraph(folded, slots)
        kept = timing.is_feasible(want.earliest(), [f.rule for f in want.fifos])
        assert row_graph.is_feasible(events.earliest()) == kept
        assert events.slowest.interval == want.slowest.interval
        if kept:
            assert latency_by_rows(events) == timing.predict(folded).latency


@pytest.mark.parametrize("seed", [*range(10), *nightly(*range(10, 310))])
def test_random_networks(seed: int) -> None:
    assert_same(Tall(seed).graph())


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_branch(name: str) -> None:
    assert_same(NETWORKS[name]())


def test_equal_hashes_of_unequal_rows_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "hashed", lambda values: np.zeros(len(values), np.int64))
    assert_same(Tall(1).graph())


def test_an_operator_that_is_slower_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    short = SlowestOperator(Fraction(7), Event(0, 0))
    monkeypatch.setattr(RowEventGraph, "slowest", short)
    with pytest.raises(StageError, match="an operator takes more cycles a frame than it says"):
        RowSearch(NETWORKS["residual"]())


def test_the_random_networks_are_worth_it() -> None:
    """Strides, ways around them, and FIFOs above the floor are among them; rules are stretched."""
    graphs = [Tall(seed).graph() for seed in range(10)]
    nodes = [n for g in graphs for n in g.nodes]
    assert any(isinstance(n, Window) and n.stride[0] == 2 for n in nodes)
    assert {"add", "fork", "maxpool", "depthwise"} <= {n.kind for n in nodes}
    assert any(max(RowSearch(g).depths.values()) > 2 for g in graphs)
    assert sum(bool(RowEventGraph(g, None).without_spare()) for g in graphs) > 2
    tall = [n for n in nodes if len(n.x.shape) == 3 and n.x.shape[0] > 20]
    assert sum(whole(n) is not None for n in tall) > len(tall) // 2


def whole(node: Operator) -> object:
    """Return the operator's rules stretched from a few rows, if one of the steps does."""
    height = node.x.shape[0]
    tries = [(6 + (height - 6) % step, step, height) for step in (1, 2)]
    made = (row_schedules.stretched(node, t, "out", mirrored=True) for t in tries)
    return next((m for m in made if m is not None), None)


@dataclass(frozen=True, kw_only=True, eq=False)
class Uneven(Convert, abstract=True):
    """A converter whose fourth row waits for the sixth, though it says that it goes by rows."""

    def schedule(self) -> Schedule:
        schedule = super().schedule()
        arrived, fits = schedule.rules
        index, row = arrived.index.copy(), len(arrived.index) // self.x.shape[0]
        index[3 * row : 4 * row] += 2 * schedule.n_in // self.x.shape[0]
        arrived = dataclasses.replace(arrived, index=index)
        return dataclasses.replace(schedule, rules=(arrived, fits))


@pytest.mark.parametrize("kind", [Convert, Uneven])
def test_what_does_not_repeat_is_not_stretched(kind: type[Convert]) -> None:
    x = Tensor((40, 4, 2), U)
    node = kind(name="n", inputs=("input",), operands=(x,), impl=Impl(simd=1, pe=2))
    assert (whole(node) is None) == (kind is Uneven)
    made, _ = row_schedules.operator_rows(node, mirrored=True)
    for rule, given in zip(made.rules, node.schedule().rules, strict=True):
        length, width = (made.sizes[s] // made.counts[s] for s in (rule.src, rule.dst))
        assert rule.index(length, width).tolist() == given.index.tolist()
