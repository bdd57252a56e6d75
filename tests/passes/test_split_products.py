"""Product-quantized matrices become products with few vectors and sums of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.arith.products import lane_cost
from bitrill.flow.import_and_fold import fold, fold_for, integers, usual_goals
from bitrill.folding.fold import folding_of
from bitrill.ir import Graph, IntType
from bitrill.ir.activation import Quantizer
from bitrill.lowering import PROBES, difference, probe
from bitrill.ops import MatVec
from bitrill.parts.devices import part_of
from bitrill.passes.rebuild import rebuild
from bitrill.passes.split_products import SUFFIX, ProductTable
from bitrill_hw.design.verilog import verilog
from bitrill_sim import verify
from networks import inputs, mlp


def quantized(rows: int, cols: int, size: int, vectors: int, bits: int = 4) -> np.ndarray:
    """Weights of which each ``size`` of a row are one of so many vectors of their place."""
    rng = np.random.default_rng(rows)
    top = (1 << bits - 1) - 1
    book = rng.integers(-top, top + 1, (cols // size, vectors, size))
    index = rng.integers(0, vectors, (rows, cols // size))
    return book[np.arange(cols // size), index].reshape(rows, cols)


def network(size: int = 8, vectors: int = 8, rows: int = 64) -> Graph:
    """32-64-4 whose first layer is product-quantized, IMPORTED."""
    imported = mlp(
        (32, rows, 4),
        weights=IntType(-7, 7),
        quantizer=Quantizer(IntType(0, 15)),
        x=IntType(0, 15),
        relu=True,
        seed=3,
    )
    fc: Any = imported["fc0"]
    return rebuild(imported, fc.replace(weights=quantized(rows, 32, size, vectors)))


@pytest.mark.parametrize(("rows", "cols", "size", "vectors"), [(5, 6, 3, 2), (64, 32, 4, 16)])
def test_products_and_their_sums_are_the_matrix(
    rows: int, cols: int, size: int, vectors: int
) -> None:
    weights = quantized(rows, cols, size, vectors)
    table = ProductTable.of(weights, size)
    assert table is not None
    assert (table.chosen @ table.products == weights).all()
    assert (table.chosen.sum(1) == cols // size).all()
    assert table.vectors.shape == (cols // size, vectors, size)


def test_a_layer_is_split_where_that_saves_and_named() -> None:
    whole = integers(network())
    assert [n.name for n in whole.nodes if isinstance(n, MatVec)] == [f"fc0{SUFFIX}", "fc0", "fc1"]
    products, added = whole[f"fc0{SUFFIX}"], whole["fc0"]
    assert isinstance(products, MatVec)
    assert isinstance(added, MatVec)
    assert products.weights.shape == (4 * 8, 32)
    assert added.weights.shape == (64, 4 * 8)
    assert set(np.unique(added.weights)) == {0, 1}
    assert lane_cost(added.weight_type, added.x.type) < 12


def test_sums_keep_their_range_and_the_network_its_function() -> None:
    imported = network()
    apart, before = integers(imported), integers(imported, style="unrolled")
    assert len(apart.nodes) == len(before.nodes) + 1
    assert apart["fc0"].y.type.bits == before["fc0"].y.type.bits
    x = probe(before)
    assert len(x) > PROBES
    assert difference(before, before.run(x), apart, apart.run(x)) == ""


@pytest.mark.parametrize(
    ("graph", "given"),
    [
        (network(8, 40), {}),
        (network(2, 16, 8), {}),
        (network(), {"style": "unrolled"}),
        (network(), {"style": "runtime"}),
        (network(), {"folding": {"fc0": {"style": "streamed"}}}),
    ],
    ids=["many vectors", "few rows", "unrolled", "writable", "streamed"],
)
def test_other_layers_stay_whole(graph: Graph, given: dict[str, Any]) -> None:
    assert len(integers(graph, **given).nodes) == len(graph.nodes)


def test_a_network_like_an_earlier_one_has_its_layers() -> None:
    imported = network()
    for style, matrices in (("folded", 3), ("unrolled", 2)):
        whole = integers(imported, style=style)  # pyright: ignore
        earlier = fold(whole)
        again = integers(imported, like=earlier)
        assert [n.name for n in again.nodes] == [n.name for n in whole.nodes]
        assert sum(isinstance(n, MatVec) for n in again.nodes) == matrices
        assert folding_of(fold(again, like=earlier)) == folding_of(earlier)


@pytest.mark.nightly
@pytest.mark.parametrize("stall", [0, 0.5])
def test_a_thousand_frames_of_a_split_network(stall: float, work: Path) -> None:
    part = part_of("xc7z020clg400-1")
    graph = integers(network())
    folded = fold_for(graph, 100, usual_goals(graph, part))[0]
    path = work / "split.v"
    path.write_text(verilog(folded))
    report = verify(folded, path, inputs(folded, 1000), stall=stall, work=work)
    report.check()
    assert report.cycles_exact
