"""Weights that may change: widths from the coding, thresholds and sums of the same function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.folding.fold import fold, folding_of
from bitrill.ir import BIPOLAR, INPUT, Graph, IntType, Operator, Sink, Source, Stage, Tensor
from bitrill.lowering import probe, to_folded
from bitrill.ops import Lookup, MatVec, Threshold
from bitrill.ops.units.writable_tables import free_type
from support import integer_mlp

INT4 = IntType(-8, 7)


def layered(weight_type: IntType, x: IntType, *, act: bool = True) -> Graph:
    """A matrix of few small weights, and thresholds that they reach."""
    rng = np.random.default_rng(1)
    operand = Tensor((6,), x)
    values = weight_type.values()
    small = values[np.abs(values) <= 2]
    fc = MatVec(
        name="fc",
        inputs=(INPUT,),
        operands=(operand,),
        weight_type=weight_type,
        weights=rng.choice(small, (4, 6)),
    )
    nodes: list[Operator] = [fc]
    if act:
        t = fc.y.type
        limits = np.sort(rng.integers(t.lo, t.hi + 2, (4, 3)), axis=1)
        limits[0] = t.lo, t.hi, t.hi + 1
        nodes.append(
            Threshold(
                name="act",
                inputs=("fc",),
                operands=(fc.y,),
                thresholds=limits,
                inverted=np.array([True, False, False, True]),
                out=IntType(0, 3),
            )
        )
    last = nodes[-1]
    return Graph(
        name="layered",
        stage=Stage.INTEGER,
        nodes=tuple(nodes),
        source=Source(shape=(6,), tensor=operand, raw_scale="1"),
        sink=Sink(shape=(4,), edge=last.name, tensor=last.y),
    )


@pytest.mark.parametrize("style", ["runtime", "streamed"])
@pytest.mark.parametrize(
    ("weights", "x", "y"),
    [
        (BIPOLAR, BIPOLAR, IntType(0, 6)),
        (BIPOLAR, IntType(0, 3), IntType(-18, 18)),
        (IntType(-1, 1), IntType(-2, 1), IntType(-12, 12)),
        (IntType(-1, 1), BIPOLAR, IntType(-6, 6)),
        (IntType(-5, 3), IntType(0, 3), IntType(-8 * 3 * 6, 7 * 3 * 6)),
        (IntType(-5, 3), IntType(-4, 3), IntType(-7 * 4 * 6, 8 * 4 * 6)),
        (IntType(0, 5), IntType(0, 3), IntType(0, 7 * 3 * 6)),
        (IntType(-4, 4, "pot"), IntType(0, 3), IntType(-4 * 3 * 6, 4 * 3 * 6)),
    ],
    ids=str,
)
def test_results_have_the_range_of_all_weights(
    weights: IntType, x: IntType, y: IntType, style: Any
) -> None:
    graph = layered(weights, x)
    told = {"fc": {"coding": "integer"}} if weights.coding.binary else {}
    folded = to_folded(graph, style=style, folding=told)
    fc = folded["fc"]
    assert isinstance(fc, MatVec)
    assert (fc.free, fc.y.type, fc.folded.style) == (True, y, style)
    assert folded["act"].x.type == y
    assert (folded["act"].folded.style == "runtime") is (style == "runtime")
    x_ = probe(graph)
    assert (folded.run(x_) == graph.run(x_)).all()


@pytest.mark.parametrize(
    ("t", "wide"),
    [
        (IntType(-5, 3), INT4),
        (INT4, INT4),
        (IntType(-1, 1), IntType(-1, 1)),
        (IntType(-1, 0), IntType(-1, 0)),
        (IntType(0, 5), IntType(0, 7)),
        (BIPOLAR, BIPOLAR),
        (IntType(-3, -3), IntType(-4, 3)),
        (IntType(-4, 4, "pot"), IntType(-4, 4, "pot")),
    ],
    ids=str,
)
def test_integers_are_all_of_their_bits(t: IntType, wide: IntType) -> None:
    assert free_type(t) == wide
    assert free_type(t).bits == t.bits


def test_a_folding_goes_round() -> None:
    graph = integer_mlp(16, 8, 3)
    folded = to_folded(graph, style="runtime")
    again = to_folded(graph, folding=folding_of(folded))
    assert str(again) == str(folded)
    one = to_folded(graph, folding={"fc0": {"style": "runtime"}})
    assert [n.folded.style for n in one if isinstance(n, MatVec)] == ["runtime", "folded"]


def test_both_styles_in_one_graph_are_refused() -> None:
    told = {"fc0": {"style": "runtime"}, "fc1": {"style": "streamed"}}
    with pytest.raises(
        SpecError,
        match="mlp: a graph must have nodes of style 'runtime' or 'streamed', not both:"
        " fc0 is runtime, fc1 is streamed",
    ):
        fold(integer_mlp(16, 8, 3), told)


def test_a_lookup_behind_free_weights_is_refused() -> None:
    graph = layered(IntType(-2, 1), IntType(0, 3), act=False)
    y = graph["fc"].y
    table = np.tile(np.arange(y.type.n_values) % 4, (4, 1))
    node = Lookup(name="table", inputs=("fc",), operands=(y,), table=table, out=IntType(0, 3))
    graph = graph.replace(
        nodes=(*graph.nodes, node), sink=Sink(shape=(4,), edge="table", tensor=node.y)
    )
    with pytest.raises(
        SpecError,
        match="table: a lookup must stand behind constant weights, and fc has style 'runtime'",
    ):
        fold(graph, {}, "runtime")


def test_a_sum_past_48_bits_is_refused() -> None:
    """The weights that are there stay within; those that may come do not."""
    graph = layered(IntType(-(1 << 23), 1 << 22), IntType(0, (1 << 23) - 1))
    fold(graph, {"fc": {"coding": "integer"}})
    with pytest.raises(SpecError, match="fc: accumulators and results must fit 48 bits, not int50"):
        fold(graph, {"fc": {"coding": "integer"}}, "runtime")


@pytest.mark.parametrize("style", ["runtime", "streamed"])
def test_constants_cannot_have_these_styles(style: Any) -> None:
    node = to_folded(integer_mlp(16, 8, 3), style="runtime")["fc0"]
    with pytest.raises(
        SpecError, match=f"fc0: the weights of style '{style}' must be free, not constants"
    ):
        node.replace(free=False, impl=node.folded.__class__(pe=1, simd=1, style=style))


def test_free_weights_cannot_be_unrolled() -> None:
    node = to_folded(integer_mlp(16, 8, 3), style="runtime")["fc0"]
    with pytest.raises(SpecError, match="fc0: the weights of style 'unrolled' must be constants"):
        node.replace(impl=node.folded.__class__(pe=8, simd=16, style="unrolled"))


def test_weights_behind_a_border_are_constants() -> None:
    from ops.test_matvec import bordered

    op = bordered((3, 2), (2, 3), 2, 6, 3, 2)
    with pytest.raises(
        SpecError,
        match="fc: a matvec behind a border must have constant weights, not style 'runtime'",
    ):
        op.replace(impl=op.folded.__class__(pe=3, simd=2, style="runtime"))
    with pytest.raises(SpecError, match="fc: weights behind a border must be constants, not free"):
        op.replace(free=True)
