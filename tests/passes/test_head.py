"""Integer scores rank as the real ones do, ties included, over every pair of values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import SpecError, UnsupportedError
from bitrill.exact import sign, sqrt
from bitrill.ir import BIPOLAR, IntType, Stage, verify
from bitrill.lowering import decisions, to_integer
from bitrill.passes import head
from bitrill.passes.head import add_argmax, integer_scores
from bitrill.real import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_norm, inputs, mlp

F = Fraction
UINT3 = IntType(0, 7)


def scores(scale, offset, x: IntType) -> tuple[list[int], list[int]]:
    """Gain and offset, after a check against the reals for every pair of channels and values."""
    gain, bias = integer_scores(scale, offset, x)
    pairs = [(c, int(v)) for c in range(len(scale)) for v in x.values()]
    reals = [scale[c] * v + offset[c] for c, v in pairs]
    integers = [int(gain[c]) * v + int(bias[c]) for c, v in pairs]
    for i in range(len(pairs)):
        for j in range(i):
            assert sign(reals[i] - reals[j]) == sign(integers[i] - integers[j]), (
                pairs[i],
                pairs[j],
            )
    return gain.tolist(), bias.tolist()


def test_one_positive_scale_needs_nothing():
    assert scores([F(1, 3)] * 3, [F(5)] * 3, UINT3) == ([1, 1, 1], [0, 0, 0])
    assert scores([sqrt(F(3))] * 2, [F(0)] * 2, UINT3) == ([1, 1], [0, 0])


def test_one_negative_scale_turns():
    assert scores([F(-1, 3)] * 2, [F(5)] * 2, UINT3) == ([-1, -1], [0, 0])


def test_scale_zero_ties_all():
    assert scores([F(0)] * 2, [F(5)] * 2, UINT3) == ([0, 0], [0, 0])
    assert scores([F(0)] * 2, [F(5), F(-3)], UINT3) == ([0, 0], [1, 0])


def test_the_value_0_alone():
    assert scores([F(25), F(1, 3), F(-8)], [F(-2, 5), F(1, 5), F(0)], IntType(0, 0))


def test_the_smallest_multiplier():
    assert scores([F(1, 10), F(2, 10)], [F(0)] * 2, UINT3) == ([1, 2], [0, 0])
    assert scores([F(1)] * 2, [F(0), F(3)], UINT3) == ([1, 1], [0, 3])
    # half a step: between the values, so two a step
    assert scores([F(1)] * 2, [F(0), F(1, 2)], UINT3) == ([2, 2], [0, 1])
    # a tenth of a step ranks as half a step does
    assert scores([F(1)] * 2, [F(0), F(1, 10)], UINT3) == ([2, 2], [0, 1])


def test_unlike_offsets_of_one_scale_need_a_gain_below_their_number():
    offsets = [F(k, 1000) + k for k in (0, 3, 1, 4, 5, 2)]
    assert scores([F(1)] * 6, offsets, UINT3)[0] == [6] * 6
    assert scores([sqrt(F(2))] * 3, [F(0), F(1, 3), F(2, 3)], UINT3)[0] == [3] * 3


def test_equal_channels_are_told_as_one():
    gain, bias = scores([F(1), F(1), F(2)], [F(0), F(0), F(1)], UINT3)
    assert (gain[0], bias[0]) == (gain[1], bias[1])


def test_ties_between_unlike_scales_are_kept():
    scores([F(1, 3), F(1, 7)], [F(0), F(1, 21)], IntType(-20, 20))


def test_roots():
    two, three = sqrt(F(2)), sqrt(F(3))
    scores([two, three, -two], [F(0), F(1), three], IntType(-9, 9))
    scores([two / 5, two / 7], [two / 35, F(0)], IntType(-9, 9))  # a common root: ties


def test_tiny_and_huge_scales():
    scores([F(1, 10**30), F(2, 10**30)], [F(0), F(1, 10**30)], UINT3)
    scores([F(10**30), F(-(10**30))], [F(0), F(10**30)], UINT3)


def test_bipolar_values():
    scores([F(1), F(3)], [F(0), F(1)], BIPOLAR)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.fractions(min_value=-2, max_value=2, max_denominator=9),
            st.sampled_from([1, 1, 2]),
            st.fractions(min_value=-3, max_value=3, max_denominator=9),
        ),
        min_size=2,
        max_size=4,
    ),
    st.sampled_from([BIPOLAR, UINT3, IntType(-6, 5)]),
)
def test_random_scores(channels, x):
    scores([s * sqrt(F(r)) for s, r, _ in channels], [o for *_, o in channels], x)


def test_ten_channels_of_batch_norm_over_a_thousand_values():
    norm = batch_norm(np.random.default_rng(3), 10)
    x = IntType(-500, 500)
    gain, bias = integer_scores(list(norm.scale), list(norm.offset), x)
    rng = np.random.default_rng(4)
    for _ in range(300):
        v = rng.integers(x.lo, x.hi + 1, 10)
        assert np.argsort(-(gain * v + bias), kind="stable").tolist() == decisions(v, norm, 10)


def test_the_common_denominator_where_the_search_gives_up(monkeypatch):
    monkeypatch.setattr(head, "MAX_PAIRS", 3)
    assert scores([F(1, 6), F(1, 10)], [F(0), F(1)], UINT3) == ([5, 3], [0, 30])
    assert scores([sqrt(F(2)), 3 * sqrt(F(2))], [F(0)] * 2, UINT3) == ([1, 3], [0, 0])


def test_scores_that_no_integers_keep(monkeypatch):
    monkeypatch.setattr(head, "MAX_PAIRS", 3)
    with pytest.raises(
        UnsupportedError,
        match=r"head: the scores of 2 different channels over uint3\[0..7\] must be ranked by"
        r" integers below 2\*\*47, and none were found \(scales 1.0 to 1.41.*, offsets 0.0 to",
    ):
        integer_scores([F(1), sqrt(F(2))], [F(0)] * 2, UINT3, "head")
    with pytest.raises(UnsupportedError, match=r"argmax: the scores of 2 different channels"):
        integer_scores([F(1), F(1, 3**40)], [F(0)] * 2, UINT3)


@pytest.mark.parametrize("k", [1, 3])
def test_the_graph_decides_as_its_real_scores_do(k):
    norm = batch_norm(np.random.default_rng(1), 5)
    scored = to_integer(mlp((20, 8, 5), scale=norm.scale, offset=norm.offset))
    graph = add_argmax(scored, k)
    verify(graph, Stage.INTEGER)
    assert graph.sink.shape == (k,)
    assert graph.sink.scale == ()
    x = inputs(graph, 200)
    want = [decisions(row, Affine(norm.scale, norm.offset), k) for row in scored.run(x)]
    assert graph.run(x).tolist() == want


def test_the_lowest_index_wins():
    graph = add_argmax(to_integer(mlp((6, 4, 5))), 5)
    (x,) = inputs(graph, 1)
    scored = to_integer(mlp((6, 4, 5))).run(x[None])[0]
    assert len(set(scored.tolist())) < 5
    assert graph.run(x[None])[0].tolist() == sorted(range(5), key=lambda c: (-scored[c], c))


def test_names_are_not_taken_twice():
    graph = to_integer(mlp((6, 4, 5)))
    renamed = graph.replace(
        nodes=(*graph.nodes[:-1], graph.nodes[-1].replace(name="argmax")),
        sink=type(graph.sink)(
            shape=(5,), edge="argmax", tensor=graph.sink.tensor, scale=(F(1),), offset=(F(0),)
        ),
    )
    assert add_argmax(renamed, 1).output == "argmax_0"


def test_bad_requests():
    graph = to_integer(mlp((6, 4, 5)))
    with pytest.raises(SpecError, match=r"argmax: top must be in 1\.\.5, not 6"):
        add_argmax(graph, 6)
    with pytest.raises(SpecError, match="top needs a network that gives scores; mlp do"):
        add_argmax(add_argmax(graph, 1), 1)
