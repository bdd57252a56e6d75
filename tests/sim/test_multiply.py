"""Networks of bit-serial and DSP units: their Verilog, and the netlist with DSP slices."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bitrill.ir import Graph, IntType
from bitrill.ir.activation import Quantizer
from bitrill.lowering import to_folded, to_integer
from bitrill_hw.design.verilog import verilog
from bitrill_hw.synth import synthesise
from bitrill_sim import verify
from bitrill_sim.netlist import check
from networks import inputs, mlp
from support import optional_tool


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A network of DSP chains and fields, a bit-serial layer in block memory, and single slices."""
    integer = to_integer(
        mlp(
            (12, 6, 4, 3),
            weights=IntType(-7, 7),
            quantizer=Quantizer(IntType(0, 7)),
            relu=True,
            x=IntType(0, 15),
            seed=3,
        )
    )
    folding = {
        "fc0": {"pe": 3, "simd": 6, "multiply": "dsp", "memory": "block"},
        "fc1": {"pe": 2, "simd": 3, "multiply": "serial", "memory": "block", "primitives": "xc7"},
        "fc2": {"pe": 3, "simd": 1, "multiply": "dsp"},
    }
    return to_folded(integer, folding=folding)


@pytest.mark.parametrize("stall", [0, 0.5])
def test_verilog_gives_golden_s_results_in_the_predicted_cycles(
    graph: Graph, work: Path, stall: float
) -> None:
    path = work / "multiply.v"
    path.write_text(verilog(graph))
    report = verify(graph, path, inputs(graph, 60), stall=stall, work=work)
    report.check()
    assert report.cycles_exact


def test_the_first_frame_is_known_in_a_second_simulator(graph: Graph, work: Path) -> None:
    """Every combinational process wakes at time 0, also where nothing that it reads changes."""
    optional_tool("iverilog")
    path = work / "multiply.v"
    path.write_text(verilog(graph))
    verify(graph, path, inputs(graph, 6), engine="icarus", stall=0.3, work=work).check()


@pytest.mark.nightly
def test_the_netlist_has_the_slices_and_gives_the_same(graph: Graph, tmp_path: Path) -> None:
    """Three rows of six lanes, and three of one: seven slices, by Yosys' model of them."""
    report = synthesise(graph, work=tmp_path / "synth")
    assert report.total.dsp == 6 + 1
    text = report.netlist.read_text()
    assert len(re.findall(r"^  DSP48E1 ", text, re.MULTILINE)) == 7
    seen = check(graph, report.netlist, inputs(graph, 30), work=tmp_path)
    seen.check()
    assert (seen.samples, seen.mismatches, seen.stall) == (30, 0, 0.5)
