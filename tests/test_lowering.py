"""The whole pipeline of passes, and the runner, which stops at a broken pass."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import SpecError, StageError
from bitrill.exact import sqrt
from bitrill.ir import BIPOLAR, Graph, IntType, Sink, Stage, serialisation, verify
from bitrill.ir.activation import Quantizer
from bitrill.lowering import decisions, difference, probe, run_passes, to_folded, to_integer
from bitrill.ops import Threshold
from bitrill.passes.drop_channels import drop_channels
from bitrill.passes.head import add_argmax
from bitrill.passes.thresholding import to_thresholds
from bitrill.real import Affine
from networks import UINT4, batch_norm, inputs, mlp

F = Fraction

NETWORKS = {
    "binary": mlp((40, 12, 12, 5)),
    "two bits": mlp((40, 12, 5), quantizer=Quantizer(IntType(0, 3), (F(1, 2),)), relu=True),
    "signed": mlp((40, 12, 5), quantizer=Quantizer(IntType(-3, 3), (F(1, 4),))),
    "ternary": mlp((40, 12, 5), weights=IntType(-1, 1), x=UINT4),
    "int4": mlp(
        (20, 9, 7, 5),
        weights=IntType(-8, 7),
        x=IntType(-8, 7),
        quantizer=Quantizer(UINT4, (F(3, 10),)),
        relu=True,
    ),
    "integer weights of one bit": mlp((16, 6, 5), weights=BIPOLAR, x=IntType(-2, 1)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_integers_mean_what_the_real_network_means(name):
    imported = NETWORKS[name]
    graph = to_integer(imported)
    verify(graph, Stage.INTEGER)
    x = inputs(imported, 50)
    assert difference(imported, imported.run(x), graph, graph.run(x)) == ""


@pytest.mark.parametrize("name", NETWORKS)
def test_folded_graphs_compute_the_same(name):
    graph = to_integer(NETWORKS[name], top=2)
    folded = to_folded(graph)
    verify(folded, Stage.FOLDED)
    assert set(folded.depths) == set(folded.edges)
    assert min(folded.depths.values()) >= 2
    x = inputs(graph, 50)
    assert np.array_equal(folded.run(x), graph.run(x))


def test_no_threshold_of_a_binary_network_is_inverted():
    before, after = to_thresholds(NETWORKS["binary"]), to_integer(NETWORKS["binary"])
    assert before["act0"].inverted.any()
    assert not any(n.inverted.any() for n in after if isinstance(n, Threshold))


def test_decisions_are_those_of_the_real_scores():
    norm = batch_norm(np.random.default_rng(9), 5)
    imported = mlp((30, 8, 5), scale=norm.scale, offset=norm.offset)
    x = inputs(imported, 60)
    want = [decisions(row, norm, 3) for row in imported.run(x)]
    assert to_integer(imported, top=3).run(x).tolist() == want


def test_the_same_graph_each_time():
    first, second = (to_folded(to_integer(mlp((20, 8, 5)), top=1)) for _ in range(2))
    assert serialisation.digest(first) == serialisation.digest(second)


def test_checkpoints_are_readable_and_in_order(tmp_path):
    integer = to_integer(NETWORKS["binary"], top=1, drop=drop_channels, checkpoints=tmp_path)
    graph = to_folded(integer, checkpoints=tmp_path)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == [
        "00_imported",
        "01_to_thresholds",
        "02_drop_channels",
        "03_turn_polarity",
        "04_narrow_widths",
        "06_add_argmax",
        "07_insert_forks",
        "08_fold",
        "09_set_depths",
    ]
    last = tmp_path / names[-1]
    assert serialisation.digest(serialisation.load(last)) == serialisation.digest(graph)
    assert (last / "graph.txt").read_text() == f"{graph}\n"
    imported = serialisation.load(tmp_path / names[0])
    assert serialisation.digest(imported) == serialisation.digest(NETWORKS["binary"])
    assert "activation" in (tmp_path / names[0] / "graph.txt").read_text()


def test_without_decisions_their_number_stays_free(tmp_path):
    to_folded(to_integer(mlp((8, 4, 3)), checkpoints=tmp_path), checkpoints=tmp_path)
    assert [p.name[:2] for p in sorted(tmp_path.iterdir())] == [
        "00",
        "01",
        "02",
        "03",
        "07",
        "08",
        "09",
    ]


def test_stages_are_not_skipped_or_repeated():
    imported = mlp((8, 4, 3))
    integer = to_integer(imported)
    with pytest.raises(StageError, match="mlp: the graph is imported, not integer"):
        to_folded(imported)
    with pytest.raises(StageError, match="mlp: the graph is integer, not imported"):
        to_integer(integer)
    with pytest.raises(StageError, match="the graph is folded, not integer"):
        to_folded(to_folded(integer))


def test_a_bad_folding_is_refused():
    with pytest.raises(SpecError, match="fc0: PE must divide 4 rows, not 3"):
        to_folded(to_integer(mlp((8, 4, 3))), folding={"fc0": {"pe": 3}})


def test_the_probe_holds_both_corners():
    graph = mlp((8, 4, 3), x=IntType(-2, 5))
    x = probe(graph)
    assert x.shape == (18, 8)
    assert (x[0] == -2).all()
    assert (x[1] == 5).all()
    assert set(np.unique(x[2:])) == set(range(-2, 6))
    assert set(np.unique(probe(mlp((8, 4, 3))))) == {-1, 1}


# Broken passes: each must be caught, and named.


def spoil_threshold(graph: Graph) -> Graph:
    act = graph["act0"]
    t = np.minimum(act.thresholds + 1, act.x.type.hi + 1)
    return graph.replace(nodes=tuple(act.replace(thresholds=t) if n is act else n for n in graph))


def spoil_weight(graph: Graph) -> Graph:
    fc = graph["fc1"]
    w = fc.weights.copy()
    w[0, 0] *= -1
    return graph.replace(nodes=tuple(fc.replace(weights=w) if n is fc else n for n in graph))


def sink_of(graph: Graph, **changes) -> Graph:
    s = graph.sink
    fields = {
        "shape": s.shape,
        "edge": s.edge,
        "tensor": s.tensor,
        "scale": s.scale,
        "offset": s.offset,
    }
    return graph.replace(sink=Sink(**fields | changes))


def spoil_scale(graph: Graph) -> Graph:
    return sink_of(graph, scale=(F(1, 3) + F(1, 10**30),))


def spoil_scale_by_a_root(graph: Graph) -> Graph:
    return sink_of(graph, offset=(graph.sink.offset[0] + sqrt(F(2)) / 10**30,))


def spoil_shape(graph: Graph) -> Graph:
    return sink_of(graph, shape=(1, *graph.sink.shape))


def spoil_meaning(graph: Graph) -> Graph:
    return sink_of(graph, scale=(), offset=())


def spoil_decision(graph: Graph) -> Graph:
    after = add_argmax(graph, 1)
    last = after.nodes[-1]
    return after.replace(nodes=(*after.nodes[:-1], last.replace(gain=-last.gain)))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (spoil_threshold, r"pass spoil_threshold changed the function: output \[\d\] of probe \d+"),
        (spoil_weight, "mlp: pass spoil_weight changed the function: output"),
        (spoil_scale, "pass spoil_scale changed the function: output .* is .*, not"),
        (spoil_scale_by_a_root, "pass spoil_scale_by_a_root changed the function: .*sqrt"),
        (
            spoil_shape,
            r"pass spoil_shape changed .*: outputs have shape \[18, 1, 5\], not \[18, 5\]",
        ),
        (spoil_meaning, "pass spoil_meaning changed the function"),
        (spoil_decision, "pass spoil_decision changed the function: output .0. of probe"),
    ],
)
def test_a_broken_pass_is_named(broken, message):
    graph = to_integer(mlp((40, 12, 5)))
    with pytest.raises(StageError, match=message):
        run_passes(graph, (broken,))


def test_a_pass_that_breaks_the_stage_is_caught():
    def cut(graph: Graph) -> Graph:
        return graph.replace(nodes=graph.nodes[1:])

    with pytest.raises(StageError, match="act0 reads fc0, which no earlier node gives"):
        run_passes(to_integer(mlp((8, 4, 3))), (cut,))


def test_equal_reals_in_other_integers_pass():
    graph = to_integer(mlp((8, 4, 3)))
    fc = graph["fc1"]
    turned = fc.replace(weights=-fc.weights)  # a popcount y becomes 4 - y
    scale, offset = graph.sink.scale[0], graph.sink.offset[0]

    def turn(g: Graph) -> Graph:
        nodes = tuple(turned if n is fc else n for n in g)
        return sink_of(g.replace(nodes=nodes), scale=(-scale,), offset=(offset + 4 * scale,))

    assert run_passes(graph, (turn,))["fc1"] is turned


def test_decisions_break_ties_by_index():
    assert decisions(np.array([3, 7, 7, 1]), Affine(), 3) == [1, 2, 0]
    assert decisions(np.array([3, 7, 7, 1]), Affine((F(-1),)), 2) == [3, 0]
