"""Forks behind edges with several readers."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, Graph, Sink, Source, Stage, Tensor, verify
from bitrill.lowering import to_folded
from bitrill.ops import Add, Fork
from bitrill.passes.forks import insert_forks
from support import integer_mlp

X = Tensor((4,), BIPOLAR)


def sums(*nodes: tuple[str, str, str], output: str) -> Graph:
    """Each node adds two edges."""
    tensors, made = {"input": X}, []
    for name, a, b in nodes:
        made.append(Add(name=name, inputs=(a, b), operands=(tensors[a], tensors[b])))
        tensors[name] = made[-1].y
    return Graph(
        name="sums",
        stage=Stage.INTEGER,
        source=Source(shape=X.shape, tensor=X, raw_scale="1"),
        nodes=tuple(made),
        sink=Sink(shape=X.shape, edge=output, tensor=tensors[output]),
    )


def reads(graph: Graph) -> dict[str, tuple[str, ...]]:
    return {n.name: n.inputs for n in graph.nodes}


def test_an_edge_read_twice_by_one_node() -> None:
    assert reads(insert_forks(sums(("a", "input", "input"), output="a"))) == {
        "input_fork": ("input",),
        "a": ("input_fork", "input_fork_1"),
    }


def test_the_sink_is_a_reader_and_comes_last() -> None:
    graph = insert_forks(sums(("a", "input", "input"), ("b", "a", "input"), output="a"))
    assert reads(graph)["b"] == ("a_fork", "input_fork_2")
    assert graph.output == "a_fork_1"
    fork = graph["a_fork"]
    assert isinstance(fork, Fork)
    assert fork.copies == 2


def test_the_function_stays_and_every_edge_has_one_reader() -> None:
    graph = sums(("a", "input", "input"), ("b", "a", "input"), ("c", "a", "b"), output="c")
    x = np.random.default_rng(0).choice([-1, 1], (9, 4))
    after = insert_forks(graph)
    verify(after, Stage.INTEGER)
    assert (after.run(x) == graph.run(x)).all()
    folded = to_folded(graph)
    assert (folded.run(x) == graph.run(x)).all()
    assert [n.name for n in folded.nodes] == ["input_fork", "a", "a_fork", "b", "c"]


def test_a_chain_stays_as_it_is() -> None:
    graph = integer_mlp(12, 8, 4)
    after = insert_forks(graph)
    assert after.nodes == graph.nodes or reads(after) == reads(graph)
    assert after.output == graph.output


@pytest.mark.parametrize("name", ["input_fork", "input_fork_1"])
def test_a_name_that_a_node_has_gets_a_number(name: str) -> None:
    graph = insert_forks(sums((name, "input", "input"), output=name))
    assert reads(graph)[name] == ("input_fork2", "input_fork2_1")
    verify(graph, Stage.INTEGER)
