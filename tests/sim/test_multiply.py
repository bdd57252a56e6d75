"""Networks of bit-serial and DSP units: their Verilog, and the netlist with DSP slices."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from bitrill.ir import Graph, Impl, IntType, Sink, Source, Stage, Tensor
from bitrill.ir.activation import Quantizer
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import Requantize
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
        "act0": {"pe": 1, "multiply": "dsp"},
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
    """Slices by Yosys' model of them: three rows of six lanes, three of one, and a requantizer."""
    report = synthesise(graph, work=tmp_path / "synth")
    text = report.netlist.read_text()
    count = len(re.findall(r"^  DSP48E1 ", text, re.MULTILINE))
    assert report.total.dsp == 6 + 1 + graph["act0"].slices == count
    seen = check(graph, report.netlist, inputs(graph, 30), work=tmp_path)
    seen.check()
    assert (seen.samples, seen.mismatches, seen.stall) == (30, 0, 0.5)


@pytest.mark.nightly
def test_wide_gains_in_two_slices_of_the_netlist(tmp_path: Path) -> None:
    """The shift between slices, of sums of both signs, by Yosys' model of them."""
    x = Tensor((4,), IntType(-(1 << 19), (1 << 19) - 1))
    act = Requantize(
        name="act",
        inputs=("input",),
        operands=(x,),
        gain=np.array([(1 << 24) - 1, 5 << 17, -(1 << 24), 77_777]),
        offset=np.array([1 << 40, -(1 << 41) - 3, (1 << 30) + 1, -1]),
        shift=35,
        out=IntType(-128, 127),
        impl=Impl(pe=2, simd=2, multiply="dsp", primitives="xc7"),
    )
    graph = Graph(
        name="lines",
        stage=Stage.FOLDED,
        source=Source(shape=x.shape, tensor=x, quantizer=None),
        nodes=(act,),
        sink=Sink(shape=act.y.shape, edge="act", tensor=act.y),
        depths={"input": 2, "act": 2},
    )
    report = synthesise(graph, work=tmp_path / "synth")
    assert (act.slices, report.total.dsp) == (2, 4)
    check(graph, report.netlist, inputs(graph, 100), work=tmp_path).check()
