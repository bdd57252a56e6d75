"""The folding search takes sparse matrices where blocks of weights are 0, and only there."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from bitrill.errors import FitError, SpecError
from bitrill.folding.fold import fold, folding_of
from bitrill.folding.solve import solve
from bitrill.ir import Graph, IntType
from bitrill.ir.activation import Quantizer
from bitrill.lowering import to_integer
from bitrill.parts.devices import part_of
from bitrill.passes.rebuild import rebuild
from bitrill.resources.estimate import network_resources
from bitrill.timing.predict import predict
from networks import mlp

GROUP, BEAT = 4, 4


def network(kept: float, n_of_four: int = 4, bits: int = 4) -> Graph:
    """16-32-32-4; ``fc1`` has this share of its blocks of 4 rows and 4 columns, ``n`` of 4 columns.

    Weights and activations have ``bits``.
    """
    top = (1 << bits - 1) - 1
    imported = mlp(
        (16, 32, 32, 4),
        weights=IntType(-top, top),
        quantizer=Quantizer(IntType(0, (1 << bits) - 1)),
        x=IntType(0, 15),
        relu=True,
        seed=3,
    )
    fc: Any = imported["fc1"]
    rng = np.random.default_rng(2)
    beats = fc.cols // BEAT
    blocks = np.argsort(rng.random((fc.rows // GROUP, beats))) < kept * beats
    rank = np.argsort(rng.random((fc.rows, beats, 4))).reshape(fc.weights.shape)
    weights = (fc.weights + (fc.weights == 0)) * (rank < n_of_four)
    weights = weights * blocks.repeat(GROUP, 0).repeat(BEAT, 1)
    return to_integer(rebuild(imported, fc.replace(weights=weights)))


def solved(graph: Graph, interval: int) -> tuple[Any, Graph]:
    solution = solve(graph, clock_hz=10**8, interval=interval)
    return solution, fold(graph, solution.folding)


def test_half_of_the_blocks_are_found_by_themselves_and_cost_less() -> None:
    """At a rate that a dense matrix needs 32 products a cycle for, 16 do."""
    pruned, dense = solved(network(0.5), 32), solved(network(1), 32)
    assert pruned[1]["fc1"].folded.style == "sparse"
    assert dense[1]["fc1"].folded.style == "folded"
    assert [n.folded.style for n in pruned[1].nodes if n.kind == "matvec"].count("sparse") == 1
    lanes = [g["fc1"].folded.pe * g["fc1"].folded.simd for _, g in (pruned, dense)]
    assert lanes == [16, 32]
    luts = [network_resources(g)["fc1"].lcs for _, g in (pruned, dense)]
    assert luts[0] < 0.75 * luts[1]
    assert max(n.interval for n in pruned[1].nodes) == 32
    assert predict(pruned[1]).ii == 32


def test_two_of_four_a_row_are_found_by_themselves() -> None:
    solution, graph = solved(network(1, 2), 32)
    assert graph["fc1"].folded.multiply == "select"
    assert folding_of(fold(network(1, 2), folding_of(graph))) == folding_of(graph)
    dense = network_resources(solved(network(1), 32)[1])["fc1"].lcs
    assert network_resources(graph)["fc1"].lcs < 0.8 * dense
    assert solution.zeros == {}


def test_two_of_four_of_two_bits_stay_dense_and_it_is_said() -> None:
    graph = network(1, 2, bits=2)
    part = dataclasses.replace(part_of("xc7z020"), dsp=0)
    solution = solve(graph, clock_hz=10**8, interval=64, part=part)
    assert solution.folding["fc1"]["multiply"] == "lut"
    assert solution.zeros["fc1"] > 0
    assert "\nfc1: its N:M zeros are multiplied, as leaving them out takes +" in str(solution)


def test_its_json_gives_it_again() -> None:
    graph = network(0.5)
    folded = fold(graph, {"fc1": {"style": "sparse", "pe": 4, "simd": 4}})
    told = json.loads(json.dumps(folding_of(folded)))
    assert told["fc1"]["style"] == "sparse"
    assert folding_of(fold(graph, told)) == told
    assert folded["fc1"].steps == 32


def test_a_style_that_is_settled_is_kept() -> None:
    for style in ("folded", "sparse"):
        settled = {"fc1": {"style": style}}
        solution = solve(network(0.5), clock_hz=10**8, interval=512, folding=settled)
        assert solution.folding["fc1"]["style"] == style
    with pytest.raises(SpecError, match="fc1: no legal folding has"):
        solve(network(1), clock_hz=10**8, interval=512, folding={"fc1": {"style": "sparse"}})


def test_the_structure_of_an_earlier_build_has_its_steps() -> None:
    """Other weights in the same blocks keep it; with other blocks the network is refused."""
    graph = network(0.5)
    earlier = fold(graph, {"fc1": {"style": "sparse", "pe": GROUP, "simd": BEAT}})
    fc: Any = graph["fc1"]
    turned = rebuild(graph, fc.replace(weights=-fc.weights))
    assert fold(turned, folding_of(earlier), like=earlier)["fc1"].steps == 32
    full = rebuild(graph, fc.replace(weights=fc.weights + (fc.weights == 0)))
    with pytest.raises(FitError, match="fc1 has 64 steps over weights other than 0, not 32"):
        fold(full, folding_of(earlier), like=earlier)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"pe": 32}, "fc1: PE of style 'sparse' must be below all 32 rows"),
        ({"pe": 7}, r"fc1: PE must divide 32 rows, not 7 \(nearest: 4 or 8\)"),
        ({"multiply": "dsp"}, "fc1: multiply of style 'sparse' must be 'lut', not 'dsp'"),
    ],
)
def test_foldings_that_do_not_fit_are_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        fold(network(0.5), {"fc1": {"style": "sparse", **chosen}})
