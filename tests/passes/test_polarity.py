"""Rows in front of falling thresholds are negated; the function stays."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, Graph, IntType, Sink, Source, Stage, Tensor, verify
from bitrill.ops import MatVec, Threshold
from bitrill.passes.polarity import turn_polarity

F = Fraction


def graph(w, wt: IntType, x: IntType, t, inverted, out: IntType = BIPOLAR) -> Graph:
    """A graph of one layer and its thresholds."""
    w = np.array(w)
    operand = Tensor((w.shape[1],), x)
    fc = MatVec(name="fc", inputs=("input",), operands=(operand,), weights=w, weight_type=wt)
    act = Threshold(
        name="act",
        inputs=("fc",),
        operands=(fc.y,),
        thresholds=np.array(t),
        inverted=np.array(inverted),
        out=out,
    )
    return Graph(
        name="g",
        stage=Stage.INTEGER,
        source=Source(shape=operand.shape, tensor=operand, raw_scale="1"),
        nodes=(fc, act),
        sink=Sink(shape=act.y.shape, edge="act", tensor=act.y, scale=(F(1),), offset=(F(0),)),
    )


def every(g: Graph) -> np.ndarray:
    """All inputs of a graph."""
    values = g.source.tensor.type.values()
    grid = np.meshgrid(*[values] * g.source.tensor.size, indexing="ij")
    return np.stack([a.ravel() for a in grid], axis=1)


def turned(g: Graph) -> Graph:
    after = turn_polarity(g)
    verify(after, Stage.INTEGER)
    assert np.array_equal(after.run(every(g)), g.run(every(g)))
    return after


def test_popcount_by_hand():
    """Three places agree or not: not (y >= 2) is 3 - y >= 2."""
    g = graph([[1, -1, 1], [1, 1, 1]], BIPOLAR, BIPOLAR, [[2], [1]], [True, False])
    after = turned(g)
    assert after["fc"].weights.tolist() == [[-1, 1, -1], [1, 1, 1]]
    assert after["act"].thresholds.tolist() == [[2], [1]]
    assert after["act"].inverted.tolist() == [False, False]


def test_bits_times_integers_by_hand():
    """y = 3 b0 - 2 b1 in -2..3: not (y >= 1) is -y >= 0."""
    after = turned(graph([[3, -2]], IntType(-4, 3), BIPOLAR, [[1]], [True]))
    assert after["fc"].weights.tolist() == [[-3, 2]]
    assert after["act"].thresholds.tolist() == [[0]]
    assert after["fc"].y.type == IntType(-3, 2)


@pytest.mark.parametrize("x", [BIPOLAR, IntType(0, 3), IntType(-2, 1)])
@pytest.mark.parametrize("wt", [BIPOLAR, IntType(-1, 1), IntType(-3, 3)])
@pytest.mark.parametrize("out", [BIPOLAR, IntType(0, 3), IntType(-1, 1)])
def test_random_layers_on_every_input(x, wt, out):
    rng = np.random.default_rng(5)
    w = wt.values()[rng.integers(0, wt.n_values, (6, 4))]
    w[0] = wt.hi
    operand = Tensor((4,), x)
    y = MatVec(name="fc", inputs=("input",), operands=(operand,), weights=w, weight_type=wt).y.type
    t = np.sort(rng.integers(y.lo, y.hi + 2, (6, out.n_values - 1)), axis=1)
    t[1], t[2] = y.lo, y.hi + 1
    after = turned(graph(w, wt, x, t, [True, True, True, True, False, False], out))
    grown = after["fc"].y.type.bits > y.bits
    assert not grown
    assert not after["act"].inverted.any() or after["fc"].weights.tolist() == w.tolist()


def test_a_row_that_the_type_cannot_negate_stays():
    after = turned(graph([[-4, 1], [3, -3]], IntType(-4, 3), BIPOLAR, [[0], [1]], [True, True]))
    assert after["fc"].weights.tolist() == [[-4, 1], [-3, 3]]
    assert after["act"].inverted.tolist() == [True, False]


def test_an_accumulator_that_would_grow_stays():
    g = graph([[1, 2], [3, 1]], IntType(-3, 3), IntType(0, 3), [[4], [4]], [True, False])
    assert turned(g) is g


def test_an_edge_with_two_readers_stays():
    g = graph([[1, -1]], BIPOLAR, BIPOLAR, [[1]], [True])
    shared = g.replace(
        sink=Sink(shape=(1,), edge="fc", tensor=g["fc"].y, scale=(F(1),), offset=(F(0),))
    )
    assert turn_polarity(shared)["act"].inverted.tolist() == [True]
