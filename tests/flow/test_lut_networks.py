"""Networks of truth tables through the whole flow: every engine, single-slot FIFOs, netlists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.ir import Graph, serialisation
from frontend.onnx_models import Net, save
from frontend.rules.test_lut_layers import classifier, drawn, network


def small(folder: Path) -> Path:
    """The model of sixteen bits, eight tables of six, and two counts."""
    net = Net("b", 16, opset=15)
    bits = net.quant("x", 1.0, bits=1.0, signed=0)
    out = classifier(net, net.lut_layer(bits, *drawn(8, 6, 16)), 8, 2)
    return save(net.proto(out), folder)


def compiled(model: Path, out: Path, **options: object) -> Graph:
    flow.compile(model, out=out, style="unrolled", **options)  # pyright: ignore[reportArgumentType]
    return serialisation.load(out)


def test_a_network_of_tables_takes_a_frame_a_clock(tmp_path: Path) -> None:
    """Wide beats beside tables wait in one register; the output's FIFO cuts the ready path."""
    graph = compiled(small(tmp_path), tmp_path / "b")
    assert list(graph.depths.values()) == [1, 1, 2]
    result = flow.verify(tmp_path / "b", engine="amaranth", data="random", samples=5, stall=0.3)
    assert result.ok


@pytest.mark.nightly
@pytest.mark.parametrize("engine", ["verilator", "icarus", "cocotb"])
@pytest.mark.parametrize("top", [None, 1])
def test_every_engine(engine: str, top: int | None, tmp_path: Path) -> None:
    net, out = network()
    model = save(net.proto(out), tmp_path)
    compiled(model, tmp_path / "b", top=top)
    result = flow.verify(tmp_path / "b", engine=engine, data="random", samples=60, stall=0.3)
    assert result.ok


@pytest.mark.nightly
@pytest.mark.parametrize(("k", "luts"), [(6, 1), (7, 2), (8, 4)])
def test_the_netlist_has_the_luts_of_each_table(k: int, luts: int, tmp_path: Path) -> None:
    """The resource model is exact, MUXF7 and MUXF8 included; the netlist computes the network."""
    net = Net("b", 40, opset=15)
    bits = net.quant("x", 1.0, bits=1.0, signed=0)
    wires = np.stack([np.random.default_rng(j).permutation(40)[:k] for j in range(40)])
    out = classifier(net, net.lut_layer(bits, wires, drawn(40, k, 40)[1]), 40, 4)
    graph = compiled(save(net.proto(out), tmp_path), tmp_path / "b")
    result = flow.synth(tmp_path / "b", check=20)
    layer = graph.nodes[0].name
    assert result.layers[layer].lcs == 40 * luts + 1  # forty tables, and the register's enable
