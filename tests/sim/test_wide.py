"""Accumulators of 33 to 48 bits, from the file to Verilog's bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ir import Graph
from bitrill.lowering import to_folded, to_integer
from bitrill_hw.design.verilog import verilog
from bitrill_sim import Engine, verify
from frontend.onnx_models import Net, imported
from fuzz.evaluator import Evaluator

NIGHTLY = pytest.mark.nightly

INPUTS, ROWS = 12, 3


def network(bits: int, *, act: bool) -> onnx.ModelProto:
    """A dense layer of 10-bit data and a bias; behind it the output, or a quantizer and a layer."""
    net = Net(1, INPUTS)
    rng = np.random.default_rng(1)
    most = 2 ** (bits - 1) - 1
    w = np.rint(rng.uniform(-most, most, (INPUTS, ROWS)))
    w[:, 0], w[:, 1] = most, -most
    x = net.quant("x", 1.0, bits=10.0)
    y = net.node("MatMul", x, net.quant(net.const(w, np.float64), bits=float(bits)))
    y = net.node("Add", y, net.const(np.arange(ROWS) - 2.0))
    if act:
        y = net.quant(net.norm(y, ROWS, seed=3), 2.0 ** (bits + 4), bits=7.0)
        y = net.dense(y, ROWS, 2, bits=3.0)
    return net.proto(y)


def frames() -> np.ndarray:
    drawn = np.random.default_rng(2).integers(-512, 512, (30, INPUTS))
    return np.concatenate([np.full((1, INPUTS), -512), np.full((1, INPUTS), 511), drawn])


def integers(model: onnx.ModelProto, folder: Path) -> tuple[Graph, np.ndarray]:
    """The graph and its results, which an independent evaluator has, too."""
    graph, exact = to_integer(imported(model, folder)), Evaluator(model.SerializeToString())
    y = graph.run(frames())
    means = graph.sink
    scale, offset = (np.array(v, object) for v in (means.scale, means.offset))
    told = [exact.run(x[None].astype(np.float64))[0].tolist() for x in frames()]
    assert (y.astype(object) * scale + offset).tolist() == told
    return graph, y


@pytest.mark.parametrize("act", [True, pytest.param(False, marks=NIGHTLY)])
@pytest.mark.parametrize("engine", ["amaranth", pytest.param("verilator", marks=NIGHTLY)])
def test_a_network_of_wide_sums_is_exact_down_to_hardware(
    act: bool, engine: Engine, tmp_path: Path
) -> None:
    graph, y = integers(network(32, act=act), tmp_path)
    assert max(t.type.bits for t in graph.edges.values()) > 40
    assert len(np.unique(y)) > 20
    folding = {n.name: {"pe": 1, "simd": 1} for n in graph if n.kind == "matvec"}
    folded = to_folded(graph, folding=folding)
    (tmp_path / "top.v").write_text(verilog(folded) if engine == "verilator" else "")
    x = frames() if engine == "verilator" else frames()[:8]
    verify(folded, tmp_path / "top.v", x, engine=engine, stall=0.4, work=tmp_path).check()


def test_wider_sums_are_refused_at_their_node(tmp_path: Path) -> None:
    net = Net(1, 64)
    x = net.quant("x", 1.0, bits=12.0)
    w = net.quant(net.const(np.full((64, 2), 2.0**31)), bits=32.0)
    model = net.proto(net.node("MatMul", x, w))
    with pytest.raises(UnsupportedError, match=r"MatMul node 'matmul2': .* must fit 48 bits, not"):
        imported(model, tmp_path)
