"""The search takes DSP slices where they save enough LUTs, and no more than the part has."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from bitrill.errors import FitError
from bitrill.folding.fold import fold
from bitrill.folding.options import Choices
from bitrill.folding.search import Prices
from bitrill.folding.solve import Solution, solve
from bitrill.ir import Graph, IntType
from bitrill.ir.activation import Quantizer
from bitrill.lowering import to_integer, to_target
from bitrill.ops import MatVec
from bitrill.parts.devices import Part, part_of
from bitrill.resources.estimate import Resources, network_resources
from bitrill.timing.predict import predict
from networks import mlp

CLOCK = 100_000_000
ZYNQ = part_of("xc7z020")


def network(bits: int = 8, sizes: tuple[int, ...] = (24, 16, 10), x: int = 8) -> Graph:
    weights, acts = IntType(-(1 << bits - 1), (1 << bits - 1) - 1), IntType(0, (1 << x) - 1)
    return to_integer(
        mlp(sizes, weights=weights, quantizer=Quantizer(acts), relu=True, x=acts, seed=3)
    )


def solved(graph: Graph, part: Part | None, interval: int = 32, **told: Any) -> Solution:
    return solve(graph, clock_hz=CLOCK, interval=interval, part=part, **told)


def ways(found: Solution, graph: Graph) -> list[str]:
    """How each matrix multiplies."""
    return [found.folding[n.name]["multiply"] for n in graph.nodes if isinstance(n, MatVec)]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_cheapest_of_all_ways(bits: int) -> None:
    """One layer, at every PE, SIMD, memory and way to multiply."""
    graph = network(bits, (6, 4))
    prices, every = Prices.usual(ZYNQ), []
    (node,) = graph.nodes
    for o in Choices(node, {"primitives": "xc7"}).options:
        impl = {k: getattr(o.impl, k) for k in ("pe", "simd", "style", "memory", "multiply")}
        used = network_resources(fold(graph, {node.name: impl}, part=ZYNQ)).values()
        every.append((o.cycles, sum(used, Resources())))
    assert {bool(r.dsp) for _, r in every} == {True, False}
    for interval in {i for i, _ in every}:
        least = min(prices.of(r) for i, r in every if i <= interval)
        assert prices.of(solved(graph, ZYNQ, interval).resources) == least


def test_wide_products_go_to_slices_and_narrow_ones_stay_in_luts() -> None:
    for bits, way in ((8, "dsp"), (2, "lut")):
        graph = network(bits, x=bits)
        found = solved(graph, ZYNQ)
        assert ways(found, graph) == [way, way]
        bare = solved(graph, dataclasses.replace(ZYNQ, dsp=0))
        assert bare.resources.dsp == 0
        saved = bare.resources.lcs - found.resources.lcs
        assert saved >= found.resources.dsp * Prices.usual(ZYNQ).dsp
        assert (saved > 0) is (way == "dsp")


def test_a_slice_costs_an_eighth_of_its_share() -> None:
    assert Prices.usual(ZYNQ).dsp == 53_200 / 220 / 8
    assert Prices.usual(ZYNQ.without_limits()) == Prices.usual(ZYNQ)
    assert Prices.usual(dataclasses.replace(ZYNQ, dsp=0)).dsp == ZYNQ.lcs
    assert Prices.usual(None).dsp < 1


@pytest.mark.parametrize("part", [None, part_of("lfe5u-85"), part_of("gw2a-18")])
def test_other_cells_have_no_slices(part: Part | None) -> None:
    graph = network()
    found = solved(graph, part)
    assert (ways(found, graph), found.resources.dsp) == (["lut", "lut"], 0)


def test_other_values_are_not_tried() -> None:
    """Bipolar weights, and what a folding says."""
    graph = to_integer(mlp((24, 16, 10), seed=1))
    assert ways(solved(graph, ZYNQ), graph) == ["lut", "lut"]
    graph = network()
    found = solved(graph, ZYNQ, folding={"fc0": {"multiply": "lut"}})
    assert ways(found, graph) == ["lut", "dsp"]


def test_scarce_slices_go_where_they_save_most() -> None:
    graph = network()
    free = solved(graph, ZYNQ).resources
    luts = [free.lcs]
    for dsp in range(free.dsp - 1, -1, -1):
        found = solved(graph, dataclasses.replace(ZYNQ, dsp=dsp)).resources
        assert found.dsp <= dsp
        luts.append(found.lcs)
    assert luts[0] < luts[1]
    assert luts == sorted(luts)


def test_where_luts_are_scarce_slices_cost_nothing() -> None:
    graph = network(4, x=4)
    usual = solved(graph, ZYNQ).resources
    part = dataclasses.replace(ZYNQ, lcs=usual.lcs - 1, dsp=3)
    found = solved(graph, part).resources
    assert not part.excess(found)
    assert 3 >= found.dsp > usual.dsp


def test_more_than_the_part_has_is_refused() -> None:
    told = {"fc0": {"multiply": "dsp", "pe": 16, "simd": 24}}
    with pytest.raises(FitError, match=r"dsp 19\d of 66"):
        solved(network(), part_of("xc7z007s"), folding=told)


def test_the_folded_network_has_them() -> None:
    graph = network()
    folded, found = to_target(graph, clock_hz=CLOCK, fps=CLOCK / 32, part=ZYNQ)
    assert [n.folded.multiply for n in folded.nodes if isinstance(n, MatVec)] == ["dsp", "dsp"]
    assert predict(folded).ii <= 32
    used = sum(network_resources(folded).values(), Resources())
    assert used.dsp == found.resources.dsp > 0
    assert f"{found.resources.dsp} DSPs" in repr(found)


def test_slices_of_the_next_faster_folding_are_told() -> None:
    found = solved(network(), ZYNQ)
    assert found.faster is not None
    slices = found.faster[1].dsp - found.resources.dsp
    assert str(found).endswith(f" LUTs, {slices:+} DSPs")
