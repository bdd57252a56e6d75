"""Types shrink to the values that occur; outputs keep their meaning."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.exact import sqrt
from bitrill.ir import BIPOLAR, Graph, IntType, Sink, Source, Stage, Tensor, verify
from bitrill.lowering import difference
from bitrill.ops import MatVec, MaxPool, Pad, Threshold
from bitrill.passes.narrow import narrow_widths

F = Fraction


def graph(x: IntType, cols: int, *layers: tuple) -> Graph:
    """Layers ``(weights, weight type)`` or ``(thresholds, inverted, out)`` in a chain."""
    operand = t = Tensor((cols,), x)
    nodes, edge = [], "input"
    for i, layer in enumerate(layers):
        common = {"name": f"n{i}", "inputs": (edge,), "operands": (t,)}
        if len(layer) == 2:
            node = MatVec(**common, weights=np.array(layer[0]), weight_type=layer[1])
        else:
            node = Threshold(
                **common, thresholds=np.array(layer[0]), inverted=np.array(layer[1]), out=layer[2]
            )
        nodes.append(node)
        edge, t = node.name, node.y
    return Graph(
        name="g",
        stage=Stage.INTEGER,
        source=Source(shape=(cols,), tensor=operand, raw_scale="1"),
        nodes=tuple(nodes),
        sink=Sink(shape=t.shape, edge=edge, tensor=t, scale=(sqrt(F(2)),), offset=(F(1, 3),)),
    )


def narrowed(g: Graph) -> Graph:
    after = narrow_widths(g)
    verify(after, Stage.INTEGER)
    values = g.source.tensor.type.values()
    x = np.stack(
        [a.ravel() for a in np.meshgrid(*[values] * g.source.tensor.size, indexing="ij")], axis=1
    )
    assert difference(g, g.run(x), after, after.run(x)) == ""
    return after


INT4 = IntType(-8, 7)


def test_weights_take_their_range():
    after = narrowed(graph(IntType(0, 3), 3, ([[1, -2, 0], [0, 1, 1]], INT4)))
    assert after["n0"].weight_type == IntType(-2, 1)
    assert after["n0"].y.type == IntType(-6, 6)


def test_a_rows_common_factor_goes_to_its_thresholds():
    """6 b0 - 3 b1 >= 4 is 2 b0 - b1 >= 2; a row of zeros stays."""
    inverted = [False, True, False]
    thresholds = [[-2, 4], [0, 5], [-3, 9]]
    layer = (thresholds, inverted, IntType(0, 2))
    g = graph(IntType(0, 1), 2, ([[6, -3], [4, 4], [0, 0]], INT4), layer)
    after = narrowed(g)
    assert after["n0"].weights.tolist() == [[2, -1], [1, 1], [0, 0]]
    assert after["n0"].y.type == IntType(-1, 2)
    assert after["n1"].thresholds.tolist()[0] == [0, 2]


def test_a_common_factor_goes_to_the_output_if_all_rows_share_it():
    after = narrowed(graph(IntType(0, 1), 2, ([[6, -3], [3, 3]], INT4)))
    assert after["n0"].weights.tolist() == [[2, -1], [1, 1]]
    assert after.sink.scale == (3 * sqrt(F(2)),)
    after = narrowed(graph(IntType(0, 1), 2, ([[6, -3], [4, 4]], INT4)))
    assert after["n0"].weights.tolist() == [[6, -3], [4, 4]]


def test_no_factor_is_taken_where_rows_would_differ_more():
    """2, 4, 6 and 1, 2, 4: dividing the first row adds a 3."""
    layer = ([[1], [1]], [False, False], BIPOLAR)
    g = graph(IntType(0, 1), 3, ([[2, 4, 6], [1, 4, 6]], INT4), layer)
    assert narrowed(g)["n0"].weights.tolist() == [[2, 4, 6], [1, 4, 6]]


def test_scaled_signs_become_a_popcount():
    after = narrowed(graph(BIPOLAR, 2, ([[3, -3], [3, 3]], INT4)))
    assert after["n0"].popcount


def test_signs_by_powers_of_two():
    after = narrowed(graph(IntType(0, 4, "log2"), 2, ([[2, -2], [2, 2]], INT4)))
    assert after["n0"].weight_type == BIPOLAR
    assert not after["n0"].popcount


def test_ones_become_bipolar_for_integers():
    g = graph(IntType(0, 3), 3, ([[1, -1, 1]], INT4))
    after = narrowed(g)
    assert after["n0"].weight_type == BIPOLAR
    assert (after["n0"].y, after.sink.offset) == (g["n0"].y, g.sink.offset)


def test_ones_become_a_popcount_for_bits_and_thresholds_move():
    """b0 - b1 + b2 in -1..2 becomes the count of agreements, one more."""
    g = graph(BIPOLAR, 3, ([[1, -1, 1], [-1, -1, -1]], INT4), ([[1], [-1]], [False, True], BIPOLAR))
    after = narrowed(g)
    assert after["n0"].popcount
    assert after["n1"].thresholds.tolist() == [[2], [2]]
    assert after["n1"].inverted.tolist() == [False, True]


def test_ones_become_a_popcount_for_bits_and_the_output_moves():
    after = narrowed(graph(BIPOLAR, 3, ([[1, -1, 1], [-1, -1, -1]], INT4)))
    assert after["n0"].popcount
    assert after.sink.scale == (sqrt(F(2)),)
    assert after.sink.offset == (F(1, 3) - sqrt(F(2)), F(1, 3) - 3 * sqrt(F(2)))


def test_ones_in_front_of_another_reader_stay_integers():
    w = [[1, -1, 1]]
    after = narrowed(graph(BIPOLAR, 3, (w, INT4), ([[2]], INT4)))
    assert after["n0"].weight_type == IntType(-1, 1)


def test_ternary_and_zero_weights():
    after = narrowed(graph(BIPOLAR, 2, ([[1, 0], [-1, 1]], INT4)))
    assert after["n0"].weight_type == IntType(-1, 1)
    after = narrowed(graph(BIPOLAR, 2, ([[0, 0]], INT4)))
    assert after["n0"].y.type == IntType(0, 0)


def test_levels_at_both_ends_go_and_readers_narrow():
    x = IntType(0, 3)
    g = graph(
        x,
        2,
        ([[0, 0, 1, 2, 3, 4, 4], [0, 0, 0, 3, 4, 4, 4]], [False, False], IntType(-4, 3)),
        ([[1, 1]], IntType(-1, 1)),
    )
    after = narrowed(g)
    assert after["n0"].out == IntType(-2, 1)
    assert after["n0"].thresholds.tolist() == [[1, 2, 3], [0, 3, 4]]
    assert after["n1"].y.type == IntType(-4, 2)


def test_thresholds_beyond_a_narrowed_operand_stay_never():
    g = graph(
        IntType(0, 1),
        1,
        ([[0, 1, 2]], [False], IntType(0, 3)),  # 1 or 2
        ([[1]], IntType(-1, 1)),
        ([[0, 2, 3]], [False], IntType(0, 3)),
    )
    after = narrowed(g)
    assert after["n2"].x.type == IntType(1, 2)
    assert after["n2"].thresholds.tolist() == [[2]]
    never = graph(
        IntType(0, 1),
        1,
        ([[0, 1, 2]], [False], IntType(0, 3)),
        ([[1]], IntType(-1, 1)),
        ([[3]], [True], BIPOLAR),
    )
    assert narrowed(never)["n2"].thresholds.tolist() == [[3]]


def test_levels_of_falling_channels_count_from_the_other_end():
    x = IntType(0, 3)
    g = graph(x, 2, ([[0, 1, 2, 4], [0, 0, 1, 4]], [True, False], IntType(0, 4)))
    after = narrowed(g)
    assert after["n0"].out == IntType(1, 3)
    assert after["n0"].thresholds.tolist() == [[1, 2], [0, 1]]


@pytest.mark.parametrize("level", [0, 2, 5])
def test_a_constant_keeps_one_level(level):
    t = [[0] * level + [4] * (5 - level)]
    after = narrowed(graph(IntType(0, 3), 1, (t, [False], IntType(0, 5))))
    assert after["n0"].levels == 1
    assert after.run(np.arange(4)[:, None]).ravel().tolist() == [level] * 4


def test_bipolar_constants_stay():
    g = graph(IntType(0, 3), 1, ([[4]], [False], BIPOLAR))
    assert narrowed(g)["n0"].out == BIPOLAR


@pytest.mark.parametrize(("kernel", "raised"), [(2, False), (3, True)])
def test_a_border_below_all_data_is_raised_where_no_window_is_border_alone(
    kernel: int, raised: bool
) -> None:
    x = Tensor((2, 1), IntType(0, 3))
    pad = Pad(name="pad", inputs=("input",), operands=(x,), pads=(2, 2), value=-4)
    pool = MaxPool(
        name="pool", inputs=("pad",), operands=(pad.y,), kernel=(kernel,), stride=(kernel,)
    )
    g = Graph(
        name="g",
        stage=Stage.INTEGER,
        source=Source(shape=(1, 2), tensor=x, raw_scale="1"),
        nodes=(pad, pool),
        sink=Sink(shape=(1, *pool.y.shape[:-1]), edge="pool", tensor=pool.y),
    )
    after = narrow_widths(g)
    frames = np.array([[[0, 0]], [[3, 1]]])
    assert difference(g, g.run(frames), after, after.run(frames)) == ""
    assert (after["pad"].value == 0) is raised


def test_nothing_to_do_is_the_same_graph():
    g = graph(BIPOLAR, 2, ([[1, -1]], BIPOLAR))
    assert narrowed(g) is g


@pytest.mark.parametrize("seed", range(8))
def test_random_chains_on_every_input(seed):
    rng = np.random.default_rng(seed)
    x = [BIPOLAR, IntType(-2, 1)][seed % 2]
    levels = [1, 3, 7][seed % 3]
    w0 = rng.choice([-1, 1] if seed < 4 else [-2, 0, 3], (4, 4))
    y = graph(x, 4, (w0, INT4))["n0"].y.type
    t = np.sort(rng.integers(y.lo, y.hi + 2, (4, levels)), axis=1)
    w1 = rng.integers(-1, 2, (3, 4))
    out = IntType(-1, levels - 1)
    narrowed(graph(x, 4, (w0, INT4), (t, rng.random(4) < 0.5, out), (w1, INT4)))
