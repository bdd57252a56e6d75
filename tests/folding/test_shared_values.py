"""The folding search takes numbers of values or prefix codes where they save block memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from bitrill.folding.fold import fold, folding_of
from bitrill.folding.solve import solve
from bitrill.ir import Graph, IntType
from bitrill.ir.activation import Quantizer
from bitrill.lowering import to_integer
from bitrill.passes.rebuild import rebuild
from bitrill.resources.estimate import network_resources
from networks import mlp


def network(values: int, spread: float) -> Graph:
    """512-64-4 with 8-bit weights; those of the first layer have so many values, by their distance
    from 0.
    """
    imported = mlp(
        (512, 64, 4),
        weights=IntType(-127, 127),
        quantizer=Quantizer(IntType(0, 15)),
        x=IntType(0, 15),
        relu=True,
        seed=3,
    )
    fc: Any = imported["fc0"]
    rng = np.random.default_rng(2)
    book = np.round(np.linspace(-127, 127, values)).astype(np.int64)
    share = np.exp(-np.abs(book) / spread)
    weights = rng.choice(book, fc.weights.shape, p=share / share.sum())
    return to_integer(rebuild(imported, fc.replace(weights=weights)))


def solved(graph: Graph) -> Graph:
    return fold(graph, solve(graph, clock_hz=10**8, interval=1 << 15).folding)


def test_the_search_chooses_by_the_model() -> None:
    """Few values near 0: prefix codes; evenly drawn ones: their numbers; too many: neither."""
    graphs = [solved(network(*n)) for n in ((64, 5), (16, 1e6), (255, 1e6))]
    assert [g["fc0"].folded.style for g in graphs] == ["prefix", "indexed", "folded"]
    halves = [network_resources(g)["fc0"].bram18 for g in graphs]
    assert halves[0] < halves[2] / 2
    again = fold(network(64, 5), folding_of(graphs[0]))
    assert folding_of(again) == folding_of(graphs[0])
