"""Whole data sets, which take too long for every run."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill import flow
from bitrill.ir import Graph
from bitrill_sim import Engine, verify
from sim.data import frames
from support import optional_tool, shared_data, shared_model


@pytest.mark.nightly
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_tfc_runs_all_of_mnist(tmp_path: Path, stall: float) -> None:
    shared_data()
    flow.compile(shared_model("TFC_1W1A.onnx"), out=tmp_path)
    report = flow.verify(tmp_path, data="mnist", samples=10_000, stall=stall, seed=2)
    assert report.mismatches == 0
    assert report.samples == 10_000
    assert report.measured == report.predicted
    assert report.cycles_exact


@pytest.mark.nightly
@pytest.mark.parametrize("engine", ["cocotb", "icarus", "amaranth"])
def test_many_seeds_of_stalls(network: Graph, verilog: Path, work: Path, engine: Engine) -> None:
    if engine == "icarus":
        optional_tool("iverilog")
    for seed in range(8):
        for stall in (0.05, 0.5, 0.95):
            x = frames(network, 100, seed)
            verify(network, verilog, x, engine=engine, stall=stall, seed=seed, work=work).check()
