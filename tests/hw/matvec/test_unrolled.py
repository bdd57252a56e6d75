"""Unrolled matrices: planted faults are found; whole networks equal golden model and schedule."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from bitrill.errors import FitError, SpecError
from bitrill.ir import Impl, IntType, Operator
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import MatVec, Threshold
from bitrill.parts.devices import part_of
from bitrill.timing.predict import predict
from bitrill_hw.design.build import component
from bitrill_hw.design.verilog import verilog
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import synthesise_unit
from bitrill_sim import verify
from networks import inputs, mlp
from ops.faults import Faulty, drawn, is_found, sites
from ops.test_matvec import TERNARY, bordered, matvec, unrolled, with_zeros

SIGNS = unrolled(6, 40)
SIGNED = with_zeros(unrolled(5, 9, IntType(-8, 7), IntType(-3, 3)))
MIXED = with_zeros(unrolled(7, 13, TERNARY))


FAULTS = 6
"""Places of each unit that are broken, one at a time."""


@pytest.mark.parametrize("op", [SIGNS, SIGNED, MIXED], ids=["signs", "signed", "mixed"])
def test_planted_faults_are_found(op: Operator) -> None:
    """At least half of the faults are found; some places can be broken without effect."""
    rng, places = Random(1), list(sites(component(op)))
    drawn_sites = [drawn(places, rng) for _ in range(FAULTS)]
    missed = [site for site in drawn_sites if not is_found(op, Faulty(component(op), site))]
    assert len(missed) <= FAULTS // 2, missed
    assert not is_found(op, component(op))


@pytest.mark.parametrize("part", [None, "xc7z020clg400-1"])
def test_a_whole_network_takes_a_frame_a_cycle(part: str | None, tmp_path: Path) -> None:
    """This holds for plain cells and for the models of the 7 series' cells, in Verilator."""
    integer = to_integer(mlp((12, 6, 3), seed=3))
    graph = to_folded(integer, style="unrolled", part=part_of(part) if part else None)
    assert predict(graph).ii == 1
    for node in graph.nodes:
        if isinstance(node, MatVec):
            assert node.folded == Impl(
                pe=node.rows,
                simd=node.cols,
                style="unrolled",
                primitives="xc7" if part else "portable",
            )
        if isinstance(node, Threshold):
            assert node.folded.pe == node.x.channels
    text = verilog(graph)
    assert text == verilog(graph)
    assert ("_xc7 " in text) is ("LUT6_2" in text) is (part is not None)
    source = tmp_path / "top.v"
    source.write_text(text)
    report = verify(
        graph,
        source,
        inputs(graph, 200),
        engine="verilator",
        stall=0.4,
        seed=1,
        work=tmp_path / "sim",
    )
    report.check()


def test_one_node_alone_may_be_unrolled() -> None:
    integer = to_integer(mlp((12, 6, 3), seed=3))
    graph = to_folded(integer, folding={"fc1": {"style": "unrolled"}})
    found = {n.name: n.folded for n in graph.nodes if isinstance(n, MatVec)}
    assert found["fc0"].style == "folded"
    assert found["fc1"] == Impl(pe=3, simd=6, style="unrolled")
    graph = to_folded(integer, style="unrolled", folding={"fc0": {"style": "folded"}})
    found = {n.name: n.folded.style for n in graph.nodes if isinstance(n, MatVec)}
    assert found == {"fc0": "folded", "fc1": "unrolled"}


def test_a_network_too_large_for_its_part_is_refused_before_it_is_planned() -> None:
    integer = to_integer(mlp((600, 200, 3), seed=3))
    with pytest.raises(FitError, match=r"do not fit xc7s6: their sums take about \d+ LUTs of 3750"):
        to_folded(integer, style="unrolled", part=part_of("xc7s6"))


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (
            bordered((3, 2), (2, 3), 2, 3, 3, 2),
            "fc: a matvec behind a border must be folded, not unrolled",
        )
    ],
    ids=["border"],
)
def test_what_cannot_be_unrolled_is_refused(op: MatVec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        op.replace(impl=Impl(pe=op.rows, simd=op.cols, style="unrolled"))


@pytest.mark.parametrize(
    "op",
    [
        pytest.param(
            unrolled(9, 30).replace(impl=Impl(pe=9, simd=30, style="unrolled", primitives="xc7")),
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            matvec(8, 32, 2, 4, primitives="xc7", memory="block"), marks=pytest.mark.nightly
        ),
        matvec(9, 24, 3, 2, TERNARY, IntType(0, 3), primitives="xc7", memory="block"),
    ],
    ids=["unrolled", "folded", "folded, no powers of two"],
)
def test_stall_logic_and_sums_take_three_levels_at_most(op: MatVec, tmp_path: Path) -> None:
    """Yosys puts at most three LUTs between two registers of what is written for the 7 series."""
    assert synthesise_unit(convert(component(op)), work=tmp_path).levels <= 3
