"""Converters stand exactly on the edges whose lanes differ."""

from __future__ import annotations

import numpy as np
from bitrill.folding.converters import insert_converts
from bitrill.ir import Impl
from networks import inputs
from support import integer_mlp


def folded(**impls: tuple[int, int]):
    """A chain fc0, act0, fc1 with the given lanes, without converters."""
    graph = integer_mlp(12, 6, 4)
    styles = {"matvec": "folded", "threshold": "parallel"}
    nodes = tuple(
        n.replace(impl=Impl(pe=impls[n.name][0], simd=impls[n.name][1], style=styles[n.kind]))
        for n in graph
    )
    return graph.replace(nodes=nodes)


def test_none_where_lanes_agree():
    graph = folded(fc0=(3, 4), act0=(3, 3), fc1=(2, 3))
    assert [n.name for n in insert_converts(graph)] == ["fc0", "act0", "fc1"]


def test_one_on_each_edge_that_differs():
    graph = folded(fc0=(3, 4), act0=(2, 2), fc1=(2, 6))
    after = insert_converts(graph)
    assert [n.name for n in after] == ["fc0", "fc0_to_act0", "act0", "act0_to_fc1", "fc1"]
    assert after["fc0_to_act0"].folded == Impl(pe=2, simd=3)
    assert after["act0_to_fc1"].folded == Impl(pe=6, simd=2)
    assert after["act0"].inputs == ("fc0_to_act0",)
    assert after["fc0_to_act0"].x == graph["fc0"].y
    x = inputs(graph, 20)
    assert np.array_equal(after.run(x), graph.run(x))


def test_a_name_that_a_node_has_gets_a_number():
    graph = folded(fc0=(3, 4), act0=(2, 2), fc1=(2, 2))
    last = graph["fc1"].replace(name="fc0_to_act0")
    clash = graph.replace(nodes=(graph["fc0"], graph["act0"], last))
    names = [n.name for n in insert_converts(clash)]
    assert names[:3] == ["fc0", "fc0_to_act02", "act0"]
    assert len(set(names)) == len(names)
