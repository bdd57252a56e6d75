"""The register map alone suffices to find each bit of weights and thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, Graph, IntType
from bitrill.lowering import to_folded
from bitrill.ops import Depthwise, MatVec, Threshold
from bitrill.runtime.register_map import register_map, streamed, to_json, writes
from folding.test_writable import layered
from support import integer_mlp


def words_of(graph: Graph, node: str) -> dict[str, np.ndarray]:
    """The tables of a node, assembled from its writes by ``registers.json``."""
    described = to_json(graph)
    (entry,) = (n for n in described["nodes"] if n["node"] == node)
    (window,) = (w for w in register_map(graph) if w.node == node)
    memory = dict(writes(graph[node], window))
    found = {}
    for t in entry["tables"]:
        base = entry["offset"] + t["offset"]
        rows = []
        for word in range(t["words"]):
            value = 0
            for k in range(t["registers"]):
                value |= memory.pop(base + word * t["stride"] + 4 * k) << 32 * k
            assert value >> t["bits"] == 0
            rows.append([value >> i & 1 for i in range(t["bits"])])
        axes = list(t["axes"].values())
        found[t["table"]] = np.array(rows).reshape(-1, *axes)
    assert not memory
    return found


def number(bits: np.ndarray, *, signed: bool) -> np.ndarray:
    """Numbers of bits, low first, along the last axis."""
    weights = 1 << np.arange(bits.shape[-1])
    if signed:
        weights[-1] *= -1
    return bits @ weights


CASES = {
    "popcount": (BIPOLAR, BIPOLAR, {"pe": 2, "simd": 3}),
    "one pass": (BIPOLAR, BIPOLAR, {"pe": 4, "simd": 2}),
    "signs of integers": (BIPOLAR, IntType(-2, 1), {"pe": 2, "simd": 6}),
    "ternary": (IntType(-1, 1), IntType(0, 3), {"pe": 1, "simd": 2}),
    "integers": (IntType(-8, 7), IntType(-4, 3), {"pe": 2, "simd": 6}),
}


@pytest.mark.parametrize("case", CASES)
def test_weights_are_found_again(case: str) -> None:
    weight_type, x, told = CASES[case]
    told = {**told, "coding": "integer"} if weight_type == IntType(-8, 7) else told
    graph = to_folded(layered(weight_type, x), folding={"fc": told}, style="runtime")
    fc = graph["fc"]
    assert isinstance(fc, MatVec)
    found = words_of(graph, "fc")
    shape = (fc.neuron_fold, fc.synapse_fold, *found["weights"].shape[1:])
    bits = found["weights"].reshape(shape).copy()
    (described,) = (
        t
        for n in to_json(graph)["nodes"]
        if n["node"] == "fc"
        for t in n["tables"]
        if t["table"] == "weights"
    )
    if described["parities"]:
        for lane in range(2, fc.folded.simd, 3):
            bits[:, :, lane] ^= bits[:, :, lane - 1] ^ bits[:, :, lane - 2]
    codes = bits.transpose(0, 4, 1, 2, 3).reshape(fc.rows, fc.cols, -1)  # row, column, plane
    if weight_type == BIPOLAR:
        assert (2 * codes[..., 0] - 1 == fc.weights).all()
    else:
        assert (number(codes, signed=True) == fc.weights).all()
    assert ("starts" in found) is (x != BIPOLAR or weight_type != BIPOLAR)


@pytest.mark.parametrize("case", CASES)
def test_thresholds_are_found_again(case: str) -> None:
    weight_type, x, told = CASES[case]
    graph = to_folded(layered(weight_type, x), folding={"fc": told}, style="runtime")
    act = graph["act"]
    assert isinstance(act, Threshold)
    (entry,) = (n for n in to_json(graph)["nodes"] if n["node"] == "act")
    limit = entry["tables"][0]["limit"]
    fields = words_of(graph, "act")["thresholds"].reshape(act.x.channels, -1)
    assert (fields[:, -1] == act.inverted).all()
    planes = fields[:, :-1].reshape(act.x.channels, act.levels, limit["bits"])
    assert (number(planes, signed=limit["lo"] < 0) == act.thresholds).all()
    assert (limit["lo"], limit["hi"]) == (act.x.type.lo, act.x.type.hi + 1)


def test_streams_have_the_starts_in_every_word_of_a_pass() -> None:
    graph = to_folded(
        layered(BIPOLAR, IntType(0, 3)), folding={"fc": {"pe": 2, "simd": 3}}, style="streamed"
    )
    (fc,) = streamed(graph)
    words = fc.stream_words()
    assert words.shape == (4, 2 * 3 + 2 * fc.y.type.bits)
    planes = words[:, 6:].reshape(2, 2, fc.y.type.bits, 2).transpose(0, 1, 3, 2)
    starts = number(planes, signed=False) % (1 << fc.y.type.bits)
    negative = (fc.weights < 0).sum(1).reshape(2, 2)
    assert (starts[:, 0] == starts[:, 1]).all()
    # the complement of two bits is 3 more than what is taken away
    assert (starts[:, 0] == -3 * negative % (1 << fc.y.type.bits)).all()


def test_depthwise_words() -> None:
    from ops.test_depthwise import depthwise

    op: Any = depthwise(4, 9, 2, IntType(-8, 7), IntType(-8, 7))
    op = op.replace(impl=None, free=True).replace(
        impl=op.folded.__class__(pe=2, simd=2, style="runtime")
    )
    assert isinstance(op, Depthwise)
    bits = op.tables()["weights"].bits.reshape(9, 2, 4, 2)  # tap, group, plane, row
    assert (number(bits.transpose(1, 3, 0, 2).reshape(4, 9, 4), signed=True) == op.weights).all()


def test_a_graph_without_runtime_nodes_has_no_map() -> None:
    assert register_map(to_folded(integer_mlp(16, 8, 3))) == ()
