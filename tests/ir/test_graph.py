"""Graphs: run, trace, promises of a stage, printing."""

import numpy as np
import pytest
from bitrill.errors import SpecError, StageError
from bitrill.ir import BIPOLAR, Stage, Tensor, graph, verify
from support import integer_mlp

NET = integer_mlp(12, 6, 4, 3, levels=2, seed=3)


def inputs(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1, 1], (n, 1, 12))


def by_hand(x: np.ndarray) -> np.ndarray:
    """The network written out in Python integers, sample by sample."""
    rows = []
    for sample in x.reshape(len(x), -1).tolist():
        values = sample
        for node in NET:
            if node.kind == "matvec":
                w = node.weights.tolist()
                if node.popcount:
                    values = [sum(a == b for a, b in zip(r, values, strict=True)) for r in w]
                else:
                    values = [sum(a * b for a, b in zip(r, values, strict=True)) for r in w]
            else:
                counts = [
                    sum(v >= t for t in ts)
                    for v, ts in zip(values, node.thresholds.tolist(), strict=True)
                ]
                values = [
                    (len(ts) - n if inv else n) + node.out.lo
                    for n, inv, ts in zip(counts, node.inverted, node.thresholds, strict=True)
                ]
        rows.append(values)
    return np.array(rows)


def test_run_is_the_network() -> None:
    x = inputs(50)
    assert np.array_equal(NET.run(x), by_hand(x))
    assert NET.run(x).dtype == np.int64


def test_run_is_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = inputs(23)
    whole = NET.run(x)
    monkeypatch.setattr(graph, "CHUNK_ELEMENTS", 60)  # five frames at once
    assert np.array_equal(NET.run(x), whole)


def test_no_frames_give_no_outputs() -> None:
    assert NET.run(inputs(0)).shape == (0, 3)


def test_trace_holds_every_edge() -> None:
    x = inputs(5)
    trace = NET.trace(x)
    assert list(trace) == ["input", "fc0", "act0", "fc1", "act1", "fc2"]
    assert np.array_equal(trace["input"], x.reshape(5, 12))
    assert np.array_equal(trace["fc2"], NET.run(x))
    assert all(v.dtype == np.int64 for v in trace.values())
    assert all(NET.edges[name].type.holds(v) for name, v in trace.items())


def test_a_node_is_found_by_its_name() -> None:
    assert NET["act0"].kind == "threshold"
    with pytest.raises(SpecError, match=r"node must be one of fc0, act0, .*, not 'fc9'"):
        NET["fc9"]


def test_a_graph_prints_one_line_a_node() -> None:
    lines = str(NET).splitlines()
    assert lines[0] == "mlp (integer): input 1x12 as 12 bipolar, quantized from floats"
    assert lines[1].split() == ["fc0", "matvec", "input", "->", "6", "uint4[0..12]"]
    assert len(lines) == len(NET.nodes) + 2


def test_a_whole_graph_passes() -> None:
    verify(NET, Stage.INTEGER)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.replace(nodes=g.nodes[1:]), "act0 reads fc0, which no earlier node gives"),
        (
            lambda g: g.replace(nodes=(g.nodes[1], g.nodes[0], *g.nodes[2:])),
            "act0 reads fc0, which no earlier node gives",
        ),
        (
            lambda g: g.replace(nodes=(g.nodes[0], g.nodes[0], *g.nodes[1:])),
            "two nodes are named fc0",
        ),
        (lambda g: g.replace(stage=Stage.IMPORTED), "the graph is imported, not integer"),
        (lambda g: g.replace(nodes=g.nodes[:-1]), "the output edge fc2 does not exist"),
        (
            lambda g: g.replace(
                nodes=(
                    g.nodes[0].replace(
                        operands=(Tensor((12,), BIPOLAR),), weights=-g.nodes[0].weights[:5]
                    ),
                    *g.nodes[1:],
                )
            ),
            "act0 takes 6 uint4[0..12] from fc0, which is 5 uint4[0..12]",
        ),
    ],
)
def test_a_broken_promise_is_named(change, message: str) -> None:
    with pytest.raises(StageError) as caught:
        verify(change(NET), Stage.INTEGER)
    assert message in str(caught.value)


def test_hardware_wants_every_node_folded() -> None:
    with pytest.raises(StageError, match="fc0 must be folded") as caught:
        verify(NET.replace(stage=Stage.FOLDED), Stage.FOLDED)
    assert "FIFO depths must be given for" in str(caught.value)
    assert len(caught.value.details["faults"]) == len(NET.nodes) + 1


def test_streams_have_equal_beats_and_a_slot(folded) -> None:
    verify(folded, Stage.FOLDED)
    with pytest.raises(StageError, match="the FIFO of fc0 must have a slot or more, not 0"):
        verify(folded.replace(depths=dict(folded.depths) | {"fc0": 0}), Stage.FOLDED)
    wide = folded.nodes[0].replace(impl=folded.nodes[0].impl.__class__(pe=1, simd=1))
    with pytest.raises(StageError, match="act0 takes 2 elements a beat from fc0, which gives 1"):
        verify(folded.replace(nodes=(wide, *folded.nodes[1:])), Stage.FOLDED)


@pytest.fixture
def folded():
    from bitrill.lowering import to_folded

    folding = {"fc0": {"pe": 2, "simd": 3}, "act0": {"pe": 2}}
    return to_folded(integer_mlp(12, 6, 4), folding=folding)


def test_bits_packed_for_few_vectors_count_what_the_product_counts() -> None:
    wide = integer_mlp(800, 700, 5, seed=4)  # above what is packed; 800 is no multiple of 64
    x = np.random.default_rng(1).choice([-1, 1], (20, 1, 800))
    x[0], x[1] = 1, -1
    few = np.concatenate([wide.trace(row[None])["fc0"] for row in x])
    assert np.array_equal(few, wide.trace(x)["fc0"])
    assert np.array_equal(few, (x[:, 0] @ wide["fc0"].weights.T + 800) // 2)


def test_floats_are_quantized_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(2).random((23, 1, 12))
    whole = NET.run(NET.source.quantize(x))
    assert np.array_equal(NET.run_floats(x), whole)
    monkeypatch.setattr(graph, "CHUNK_ELEMENTS", 60)
    assert np.array_equal(NET.run_floats(x), whole)
