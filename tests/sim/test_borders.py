"""Borders that repeat data: branches that are put one behind the other, each in its turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.ir import Graph
from bitrill.lowering import to_folded, to_integer
from bitrill_hw.design.verilog import verilog
from bitrill_sim import verify
from frontend.onnx_models import Net, imported
from sim.data import frames
from support import optional_tool


def border(mode: str, folder: Path) -> Graph:
    net = Net(1, 1, 4, 3, opset=19)
    x = net.node("Pad", net.quant("x", 0.5), net.shape_const(0, 0, 2, 1, 0, 0, 1, 2), mode=mode)
    x = net.node("MaxPool", x, kernel_shape=[2, 2])
    return to_folded(to_integer(imported(net.proto(x), folder)))


def test_hardware_gives_golden_s_results_in_the_predicted_cycles(tmp_path: Path) -> None:
    graph = border("reflect", tmp_path)
    x = frames(graph, 4)
    (tmp_path / "none.v").write_text("")
    report = verify(graph, tmp_path / "none.v", x, engine="amaranth", stall=0.4, work=tmp_path)
    report.check()
    assert report.cycles_exact


@pytest.mark.nightly
@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_verilog_gives_golden_s_results_in_the_predicted_cycles(mode: str, tmp_path: Path) -> None:
    optional_tool("iverilog")
    graph, path = border(mode, tmp_path), tmp_path / "top.v"
    path.write_text(verilog(graph))
    report = verify(graph, path, frames(graph, 9), engine="icarus", stall=0.4, work=tmp_path)
    report.check()
    assert report.cycles_exact
