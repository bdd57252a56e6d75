"""Times of one frame alone: who waits, for what, and that all of it adds up to the latency."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.folding.fold import fold
from bitrill.ir import INPUT, Graph, Tensor
from bitrill.timing.frame_times import OperatorTimes, Wait, frame_times
from bitrill.timing.predict import predict
from branching import U, dense, network
from support import integer_mlp


def folded(first: int, second: int) -> Graph:
    """A network of two layers whose matrices take so many rows at once."""
    folding = {"fc0": {"pe": first, "simd": 4}, "fc1": {"pe": second, "simd": 4}}
    return fold(integer_mlp(16, 16, 16), folding)


def times(graph: Graph) -> dict[str, OperatorTimes]:
    found = frame_times(graph)
    assert found is not None
    return found


def test_a_fast_layer_behind_a_slow_one_waits_for_input() -> None:
    found = times(folded(1, 16))["fc1"]
    assert found.waited[Wait.INPUT] > 32
    assert found.waited[Wait.OUTPUT] == 0


def test_a_fast_layer_before_a_slow_one_waits_for_output() -> None:
    """All pixels of a frame pass both; the FIFO between them has two slots."""
    pixels = Tensor((6, 6, 4), U)
    first = dense("first", INPUT, pixels, 4)
    second = dense("second", "first", first.y, 4)
    lanes = {"first": {"pe": 4, "simd": 4}, "second": {"pe": 1, "simd": 1}}
    graph = network(first, second, x=pixels, folding=lanes)
    found = times(graph.replace(depths=dict.fromkeys(graph.depths, 2)))
    assert found["first"].waited[Wait.OUTPUT] > found["first"].waited[Wait.INPUT]
    assert found["second"].waited == {Wait.INPUT: 0, Wait.OUTPUT: 0}


@pytest.mark.parametrize(("first", "second"), [(1, 16), (16, 1), (4, 4)])
def test_work_and_waiting_fill_the_latency(first: int, second: int) -> None:
    graph = folded(first, second)
    found = times(graph)
    for node in graph.nodes:
        t = found[node.name]
        assert len(t.events) == len(t.waits) > 0
        assert t.first <= t.events[0] <= t.events[-1] <= t.last
        assert (np.diff(t.events) > 0).all()
        gaps = int((np.diff(t.events) - 1).sum())
        assert sum(t.waited.values()) <= gaps
    last = found[graph.nodes[-1].name].last
    assert last + 1 == predict(graph).latency
