"""FIFO depths where paths of unequal length meet: enough, minimal, found without simulation."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.ir import INPUT, Graph, Tensor
from bitrill.timing.event_graph import EventGraph
from bitrill.timing.feasibility import is_feasible
from bitrill.timing.fifo_depths import FLOOR, fifo_bits, fifo_depths
from bitrill.timing.predict import predict
from branching import NETWORKS, U, collected, dense, network

AMPLE = 400


def interval(graph: Graph, depths: dict[str, int]):
    """The interval of a graph; None if it deadlocks."""
    try:
        return predict(graph.replace(depths=depths)).ii
    except StageError:
        return None


def test_depths_are_minimal_by_brute_force() -> None:
    graph = collected()
    edges = list(graph.edges)
    events = EventGraph(graph, dict.fromkeys(edges, FLOOR))
    rules = [f.rule for f in events.fifos]

    def enough(slots: tuple[int, ...]) -> bool:
        """Return whether depths keep the best interval, as `predict` does, on one event graph."""
        for f in events.fifos:
            events.set_depth(f, slots[edges.index(f.edge)])
        return is_feasible(events.earliest(), rules)

    assert enough((AMPLE,) * len(edges))
    best = interval(graph, dict.fromkeys(edges, AMPLE))
    kept = {d for d in product(range(2, 6), repeat=len(edges)) if enough(d)}
    assert (FLOOR,) * len(edges) not in kept, "a case where the floor is too little"
    chosen = tuple(fifo_depths(graph)[e] for e in edges)
    assert interval(graph, dict(zip(edges, chosen, strict=True))) == best
    assert chosen in kept
    fewest = min(map(sum, kept))
    assert sum(chosen) == fewest
    for d in sorted(kept)[:4]:
        assert interval(graph, dict(zip(edges, d, strict=True))) == best
    short = tuple(max(FLOOR, n - 1) for n in chosen)
    assert short not in kept
    assert interval(graph, dict(zip(edges, short, strict=True))) != best


@pytest.mark.parametrize("name", NETWORKS)
def test_no_slot_can_be_spared(name: str) -> None:
    graph = NETWORKS[name]()
    best = interval(graph, dict.fromkeys(graph.edges, AMPLE))
    depths = fifo_depths(graph)
    assert interval(graph, depths) == best
    for edge, slots in depths.items():
        if slots > FLOOR:
            assert interval(graph, depths | {edge: slots - 1}) != best, edge


def test_a_bypass_of_more_than_a_frame() -> None:
    """Two dense layers in a row: one frame in each, and one on its way."""
    graph = NETWORKS["around dense layers"]()
    held = {
        e: Fraction(d, graph.producer(e).beats_out)
        for e, d in fifo_depths(graph).items()
        if e != INPUT
    }
    assert max(held.values()) > 1


def test_at_the_floor_some_stand_still() -> None:
    graph = NETWORKS["around dense layers"]()
    with pytest.raises(StageError, match="deadlock: a FIFO is too short for the paths around it"):
        predict(graph.replace(depths=dict.fromkeys(graph.edges, FLOOR)))


def test_depths_do_not_depend_on_those_that_were_there() -> None:
    graph = collected()
    ample = graph.replace(depths=dict.fromkeys(graph.edges, 9))
    assert fifo_depths(ample) == fifo_depths(graph)
    assert list(fifo_depths(graph)) == list(graph.edges)
    assert np.all([d >= FLOOR for d in fifo_depths(graph).values()])


def test_bits_of_fifos() -> None:
    first = dense("first", "input", Tensor((4,), U), 6)
    graph = network(first, x=first.x, folding={"first": {"pe": 3, "simd": 2}})
    deep = graph.replace(depths={"input": 2, "first": 5})
    assert fifo_bits(deep) == 2 * 2 * 2 + 5 * 3 * first.y.type.bits
