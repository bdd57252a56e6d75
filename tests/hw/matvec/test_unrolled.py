"""Unrolled matrices: planted faults die, and whole networks of them keep to golden and cycles."""

from __future__ import annotations

from pathlib import Path

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
from ops.test_matvec import TERNARY, bordered, matvec, unrolled, with_zeros
from ops.test_mutations import copied, is_killed

SIGNS = unrolled(6, 40)
SIGNED = with_zeros(unrolled(5, 9, IntType(-8, 7), IntType(-3, 3)))
MIXED = with_zeros(unrolled(7, 13, TERNARY))
MUTANTS: dict[str, tuple[Operator, str, str, str]] = {
    # name: operator, file, piece of source, what stands there instead
    "complement lost": (SIGNS, "matvec/unrolled.py", "b.inverted != o.negative", "b.inverted"),
    "top bit of a signed x as it is": (
        SIGNED,
        "matvec/unrolled.py",
        "t.signed and k == n - 1",
        "False",
    ),
    "result a stage early": (
        MIXED,
        "matvec/unrolled.py",
        "first = plan.rows_ready[r] + 1",
        "first = plan.rows_ready[r] + 2",
    ),
    "number read without its delay": (
        SIGNED,
        "matvec/unrolled.py",
        "held[stage] = [[next",
        "held[stage] = before or [[next",
    ),
    "operands shifted wrong": (
        SIGNED,
        "matvec/unrolled.py",
        "self.at(o.number, stage), o.shift)",
        "self.at(o.number, stage), 0)",
    ),
    "constant left out": (
        MIXED,
        "arith/heaps.py",
        "alive[ONE] = ONE_BIT",
        "alive[ONE] = Bit(C(0, 1))",
    ),
    "lowest column's last bit lost": (
        SIGNS,
        "arith/compressors.py",
        "range(max(map(len, columns)))",
        "range(2)",
    ),
    "carry of the chain lost": (
        SIGNS,
        "arith/heaps.py",
        "range(min(high - low + 1, ",
        "range(min(high - low, ",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found(name: str, tmp_path: Path) -> None:
    op, *change = MUTANTS[name]
    with copied(tmp_path, *change) as build:
        assert is_killed(op, build)


@pytest.mark.parametrize("op", [SIGNS, SIGNED, MIXED], ids=str)
def test_no_fault_no_finding(op: Operator, tmp_path: Path) -> None:
    with copied(tmp_path) as build:
        assert not is_killed(op, build)


@pytest.mark.parametrize("part", [None, "xc7z020clg400-1"])
def test_a_whole_network_takes_a_frame_a_cycle(part: str | None, tmp_path: Path) -> None:
    """In the plain cells and in those of the 7 series: their models, in Verilator."""
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
        unrolled(9, 30).replace(impl=Impl(pe=9, simd=30, style="unrolled", primitives="xc7")),
        matvec(8, 32, 2, 4, primitives="xc7", memory="block"),
        matvec(9, 24, 3, 2, TERNARY, IntType(0, 3), primitives="xc7", memory="block"),
    ],
    ids=["unrolled", "folded", "folded, no powers of two"],
)
def test_stall_logic_and_sums_take_three_levels_at_most(op: MatVec, tmp_path: Path) -> None:
    """As written for the 7 series: what Yosys puts between two registers."""
    assert synthesise_unit(convert(component(op)), work=tmp_path).levels <= 3
