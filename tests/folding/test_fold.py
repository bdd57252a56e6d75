"""The default folding, the user's folding, and every error in the latter."""

from __future__ import annotations

import json
from fractions import Fraction
from math import prod

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.folding.fold import KEYS, fold, folding_of
from bitrill.ir import Impl, IntType, Stage, Tensor, verify
from bitrill.ir.activation import Quantizer
from bitrill.ir.even_lanes import divisors
from bitrill.lowering import to_integer
from bitrill.parts.devices import part_of
from networks import mlp
from support import integer_mlp

TFC = (784, 64, 64, 64, 10)


def lanes(graph) -> list[tuple[int, int]]:
    return [(n.folded.pe, n.folded.simd) for n in graph if n.kind == "matvec"]


def intervals(graph) -> list[int]:
    return [n.cost().cycles for n in graph if n.kind == "matvec"]


def test_tfc():
    graph = fold(integer_mlp(*TFC), {})
    verify(graph, Stage.FOLDED)
    assert lanes(graph) == [(16, 49), (8, 8), (8, 8), (10, 8)]
    assert intervals(graph) == [64, 64, 64, 8]
    assert [n.name for n in graph if n.kind == "convert"] == ["act0_to_fc1"]
    assert [n.folded.memory for n in graph if n.kind == "matvec"] == [
        "distributed",
        "distributed",
        "distributed",
        "distributed",
    ]


@pytest.mark.parametrize(
    ("sizes", "want"),
    [
        ((784, 256, 256, 256, 10), [(64, 49), (32, 32), (32, 32), (10, 32)]),
        ((784, 1024, 1024, 1024, 10), [(128, 98), (128, 128), (128, 128), (10, 128)]),
        ((64, 64, 64, 64, 10), [(8, 8), (8, 8), (8, 8), (10, 8)]),
        ((7, 5), [(1, 1)]),
        ((64, 67, 67, 10), [(67, 1), (1, 67), (1, 67)]),  # 67 x 67: 67 cycles, not 1
        ((2, 400), [(8, 2)]),
    ],
)
def test_other_networks(sizes, want):
    graph = fold(integer_mlp(*sizes), {})
    verify(graph, Stage.FOLDED)
    assert lanes(graph) == want


@pytest.mark.parametrize("rows", [12, 17, 24, 64, 97, 100])
@pytest.mark.parametrize("cols", [1, 30, 64, 101])
def test_no_fewer_lanes_would_do(rows, cols):
    graph = fold(integer_mlp(cols, rows), {})
    (chosen,), (interval,) = lanes(graph), intervals(graph)
    pairs = [(p, s) for p in divisors(rows) for s in divisors(cols)]
    fast = [o for o in pairs if rows * cols // prod(o) <= 64]
    assert chosen in pairs
    if interval <= 64:
        assert prod(chosen) == min(map(prod, fast))
    else:
        assert min(map(prod, fast)) > 8 * -(-rows * cols // 64)


def test_thresholds_follow_their_layer():
    graph = fold(integer_mlp(64, 32, 10, levels=15), {})
    assert graph["act0"].folded.pe == graph["act0"].folded.simd == graph["fc0"].folded.pe
    assert fold(integer_mlp(64, 32, 10, levels=1), {})["act0"].folded.style == "parallel"


def test_thresholds_at_the_input_take_a_frame_in_time():
    graph = integer_mlp(784, 64, 10)
    act = graph["act0"]
    x = Tensor((784,), IntType(0, 255))
    first = act.replace(
        name="first",
        inputs=("input",),
        operands=(x,),
        thresholds=np.full((784, 1), 128),
        inverted=np.zeros(784, bool),
    )
    fc = graph["fc0"].replace(inputs=("first",))
    source = type(graph.source)(shape=(784,), tensor=x, raw_scale="1/255")
    folded = fold(graph.replace(source=source, nodes=(first, fc, *graph.nodes[1:])), {})
    verify(folded, Stage.FOLDED)
    assert folded["first"].folded.pe == 14
    assert folded["first_to_fc0"].folded == Impl(pe=49, simd=14)


def test_argmax_takes_one_lane():
    graph = fold(to_integer(mlp((16, 8, 10)), top=2), {})
    verify(graph, Stage.FOLDED)
    assert graph["argmax"].folded == Impl()
    assert graph["fc1_to_argmax"].folded == Impl(pe=1, simd=10)


@pytest.mark.parametrize(
    ("cols", "told", "memory"),
    [
        (512, {"pe": 8, "simd": 8}, "block"),  # 64 bits, 512 deep: 691 LUTs, two halves
        (256, {"pe": 8, "simd": 8}, "distributed"),  # 256 deep: 256 LUTs, two halves
        (784, {}, "distributed"),  # 64 deep: half a block gives 36 bits, as do 36 LUTs
        (512, {"pe": 64, "simd": 512}, "distributed"),  # every word is the same one
        (128, {"primitives": "ice40"}, "block"),
        (126, {"primitives": "ice40"}, "distributed"),
        (784, {"memory": "block"}, "block"),
    ],
)
def test_memory_where_it_takes_least(cols, told, memory):
    graph = fold(integer_mlp(cols, 64), {"fc0": told})
    assert graph["fc0"].folded.memory == memory


def test_the_users_folding_over_the_default():
    told = {"fc1": {"pe": 4, "memory": "block"}, "act1": {"pe": 2}, "act2": {"style": "search"}}
    graph = fold(integer_mlp(*TFC), told)
    verify(graph, Stage.FOLDED)
    assert graph["fc1"].folded == Impl(pe=4, simd=8, memory="block")
    assert graph["act1"].folded == Impl(pe=2, simd=2, style="parallel")
    assert graph["act2"].folded.style == "search"
    assert [n.name for n in graph if n.kind == "convert"] == [
        "act0_to_fc1",
        "fc1_to_act1",
        "act1_to_fc2",
    ]


@pytest.mark.parametrize(
    ("part", "clock_mhz", "primitives", "levels"),
    [
        (None, None, "portable", 2),
        ("xc7z020", 100.0, "xc7", 3),
        ("lfe5u-85", 150.0, "ecp5", 2),
        ("ice40-hx8k", 200.0, "ice40", 1),
        ("gw1nr-9", 50.0, "gowin", 3),
    ],
)
def test_the_part_and_the_clock_set_primitives_and_levels(part, clock_mhz, primitives, levels):
    mlp = integer_mlp(*TFC)
    graph = fold(mlp, {}, part=part and part_of(part), clock_mhz=clock_mhz)
    nodes = [n for n in graph if n.kind != "convert"]
    assert {(n.folded.primitives, n.folded.levels) for n in nodes} == {(primitives, levels)}
    again = fold(mlp, folding_of(graph))
    assert [n.folded for n in again] == [n.folded for n in graph]


def test_thresholds_follow_a_layer_that_the_user_set():
    graph = fold(integer_mlp(*TFC), {"fc1": {"pe": 32}})
    assert graph["act1"].folded.pe == 32


def test_its_json_gives_it_again():
    graph = fold(integer_mlp(*TFC), {"fc0": {"pe": 4}, "act0": {"pe": 2}})
    told = json.loads(json.dumps(folding_of(graph)))
    assert set(told["fc0"]) == set(KEYS)
    assert not any("_to_" in name for name in told)
    assert folding_of(fold(integer_mlp(*TFC), told)) == told


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"fc9": {}}, r"folding: node 'fc9' does not exist \(did you mean fc3\?\)"),
        ({"xyz": {}}, r"node 'xyz' does not exist \(nodes: fc0, act0, fc1,"),
        ({"fc0": {"PE": 4}}, "fc0: key must be one of pe, simd, .*, not 'PE'"),
        ({"fc0": 4}, "fc0 must be given an object, not 4"),
        ({"fc0": {"pe": "4"}}, "fc0: pe must be an integer of at least 1, not '4'"),
        ({"fc0": {"pe": True}}, "fc0: pe must be an integer of at least 1, not True"),
        ({"fc0": {"simd": 0}}, "fc0: simd must be an integer of at least 1, not 0"),
        ({"fc0": {"simd": 1.5}}, r"fc0: simd must be an integer of at least 1, not 1\.5"),
        ({"fc0": {"memory": "x"}}, "fc0: memory must be 'distributed' or 'block', not 'x'"),
        ({"fc0": {"style": []}}, r"fc0: style must be 'folded' or .*, not \[\]"),
        (
            {"fc0": {"style": "search"}},
            "the style of a matvec must be 'folded' or 'indexed' or 'hashed' or 'prefix' or"
            " 'runtime' or 'streamed' or 'sparse' or 'unrolled', not 'search'",
        ),
        ({"fc0": {"pe": 5}}, r"fc0: PE must divide 64 rows, not 5 \(nearest: 4 or 8\)"),
        ({"fc0": {"simd": 50}}, "fc0: SIMD must divide 784 columns, not 50"),
        ({"act0": {"pe": 5}}, "act0: PE must divide 64 channels, not 5"),
        ({"act0": {"simd": 4}}, r"act0: SIMD must equal PE \(16\), not 4"),
    ],
)
def test_what_is_wrong_is_named(told, message):
    with pytest.raises(SpecError, match=message):
        fold(integer_mlp(*TFC), told)


def test_all_that_is_wrong_is_named_at_once():
    told = {
        "fc0": {"pe": 5, "simd": 50},
        "fcx": {"pe": 1},
        "act0": {"memory": "flash", "style": "tree"},
        "fc2": {"lanes": 3, "pe": 7},
    }
    with pytest.raises(SpecError, match="folding: 7 problems: ") as caught:
        fold(integer_mlp(*TFC), told)
    problems = caught.value.details["problems"]
    assert len(problems) == 7
    for part in ("'fcx'", "not 'lanes'", "not 5 ", "not 50 ", "'flash'", "'tree'", "not 7 "):
        assert sum(part in p for p in problems) == 1


def test_argmax_cannot_be_widened():
    graph = to_integer(mlp((16, 8, 10)), top=1)
    with pytest.raises(SpecError, match="PE and SIMD of argmax must be 1, not 2 and 1"):
        fold(graph, {"argmax": {"pe": 2}})


def test_wide_activations_and_weights():
    quantizer = Quantizer(IntType(0, 15), (Fraction(1, 4),))
    graph = to_integer(mlp((20, 12, 10), weights=IntType(-8, 7), quantizer=quantizer))
    verify(fold(graph, {}), Stage.FOLDED)
