"""Default lanes of operators with as many elements in an output beat as in an input beat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.folding.fold import fold
from bitrill.ir import Graph, IntType, Sink, Source, Stage, Tensor, verify
from bitrill.ops import Add, Concat, Lookup, Rearrange, Shuffle, Split, Upsample
from bitrill.passes.forks import insert_forks

U = IntType(0, 15)


def plan(node: Any, *given: int) -> tuple[int, str]:
    impl = node.default_impl(given, style="folded")
    node.replace(impl=impl)
    return impl.pe, impl.memory


def pixels(*shape: int) -> dict[str, Any]:
    return {"inputs": ("x",), "operands": (Tensor(shape, U),)}


def test_lanes_of_the_widest_operand_else_the_next_wider() -> None:
    add = Add(name="a", inputs=("x", "y"), operands=(Tensor((4, 4, 12), U),) * 2)
    assert plan(add, 2, 4) == (4, "distributed")
    assert plan(add, 5, 1) == (6, "distributed")
    assert plan(add, 24) == (24, "distributed")  # two pixels a beat
    cat = Concat(name="c", inputs=("x", "y"), operands=(Tensor((8,), U), Tensor((12,), U)))
    assert plan(cat, 2, 2)[0] == 2
    assert plan(cat, 3)[0] == 4
    assert plan(cat, 12)[0] == 4  # the widest there is
    assert plan(Split(name="s", sizes=(3, 6), **pixels(9)), 2)[0] == 3


def test_the_fewest_lanes_in_time_at_the_input() -> None:
    assert plan(Shuffle(name="s", order=np.arange(6), **pixels(4, 4, 6)))[0] == 2
    assert plan(Shuffle(name="s", order=np.arange(6), **pixels(6)))[0] == 1


def test_much_goes_to_block_memory() -> None:
    up = Upsample(name="u", factors=(2, 2), **pixels(8, 64, 32))
    assert plan(up, 4) == (4, "block")
    assert plan(up.replace(factors=(1, 2)), 4) == (4, "distributed")
    blocks = Rearrange(name="r", block=2, direction="to_space", **pixels(8, 64, 32))
    assert plan(blocks, 4) == (4, "block")
    table = Lookup(name="l", table=np.zeros((256, 16), int), out=U, **pixels(256))
    assert plan(table, 4) == (4, "block")
    assert plan(table.replace(table=np.zeros((1, 16), int)), 4) == (4, "distributed")


def branches() -> Graph:
    """Channels split, a part shuffled, joined again, and the input added."""
    x = Tensor((2, 2, 6), U)
    apart = Split(name="apart", inputs=("input",), operands=(x,), sizes=(2, 4))
    mix = Shuffle(
        name="mix", inputs=("apart_1",), operands=(apart.results[1],), order=np.array([2, 3, 0, 1])
    )
    cat = Concat(name="cat", inputs=("apart", "mix"), operands=(apart.results[0], mix.y))
    total = Add(name="total", inputs=("cat", "input"), operands=(cat.y, x), gains=(1, -2))
    return Graph(
        name="branches",
        stage=Stage.INTEGER,
        source=Source(shape=(6, 2, 2), tensor=x, raw_scale="1"),
        nodes=(apart, mix, cat, total),
        sink=Sink(shape=(6, 2, 2), edge="total", tensor=total.y),
    )


def test_operands_of_different_lanes_get_converters() -> None:
    graph = insert_forks(branches())
    x = np.random.default_rng(0).integers(0, 16, (5, 6, 2, 2))
    folded = fold(graph, {"input_fork": {"pe": 3}, "mix": {"pe": 4}, "total": {"pe": 6}})
    verify(folded, Stage.FOLDED)
    assert (folded.run(x) == graph.run(x)).all()
    found = [n.name for n in folded.nodes if n.kind == "convert"]
    assert found == [
        "input_fork_to_apart",
        "apart_1_to_mix",
        "mix_to_cat",
        "cat_to_total",
        "input_fork_1_to_total",
    ]


def test_a_folding_sets_both_lane_counts_by_pe() -> None:
    folded = fold(insert_forks(branches()), {"mix": {"pe": 4}})
    assert (folded["mix"].folded.pe, folded["mix"].folded.simd) == (4, 4)
    with pytest.raises(SpecError, match="mix: PE must divide 4 channels, not 3"):
        fold(insert_forks(branches()), {"mix": {"pe": 3}})
