"""FIFO depths of a folded graph are those that its timing needs."""

from __future__ import annotations

from bitrill.folding.fold import fold, set_depths
from bitrill.timing.fifo_depths import fifo_depths
from support import integer_mlp


def test_the_plan_sets_every_edge():
    graph = fold(integer_mlp(24, 12, 6, 4), {})
    assert set(graph.depths.values()) == {2}
    after = set_depths(graph)
    assert after.depths == dict(sorted(fifo_depths(graph).items()))
    assert set(after.depths) == set(graph.edges)
