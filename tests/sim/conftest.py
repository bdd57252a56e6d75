"""Designs for the benches: a relay with faults to plant, and a small real network."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, Graph, Impl, IntType, Sink, Source, Stage, Tensor
from bitrill.lowering import to_folded
from bitrill.ops import Convert, MatVec, Threshold
from bitrill.storage import write_text
from bitrill_sim import Dut

UINT3 = IntType(0, 7)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the tests of a session, in all its workers, share compiled simulators."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "simulators"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def relay_graph() -> Graph:
    """The graph of ``relay.v``, which passes its input on unchanged."""
    x = Tensor((8,), UINT3)
    node = Convert(name="same", inputs=("input",), operands=(x,), impl=Impl(simd=2, pe=2))
    return Graph(
        name="relay",
        stage=Stage.FOLDED,
        source=Source(shape=(8,), tensor=x, raw_scale="1"),
        nodes=(node,),
        sink=Sink(shape=(8,), edge="same", tensor=x),
        depths={"input": 2, "same": 2},
    )


@pytest.fixture(scope="session")
def relay() -> Dut:
    """The design ``relay.v`` without a fault."""
    return Dut(sources=(Path(__file__).with_name("relay.v"),))


@pytest.fixture(scope="session")
def network() -> Graph:
    """A network 12-8-3: bipolar, with two-bit activations and signed results."""
    rng = np.random.default_rng(5)
    x = Tensor((12,), BIPOLAR)
    fc0 = MatVec(
        name="fc0",
        inputs=("input",),
        operands=(x,),
        weight_type=BIPOLAR,
        weights=rng.choice([-1, 1], (8, 12)),
    )
    act0 = Threshold(
        name="act0",
        inputs=("fc0",),
        operands=(fc0.y,),
        out=IntType(0, 3),
        thresholds=6 + np.sort(rng.integers(-2, 3, (8, 3)), axis=1),
        inverted=np.arange(8) % 3 == 0,
    )
    fc1 = MatVec(
        name="fc1",
        inputs=("act0",),
        operands=(act0.y,),
        weight_type=IntType(-1, 1),
        weights=rng.integers(-1, 2, (3, 8)),
    )
    graph = Graph(
        name="network",
        stage=Stage.INTEGER,
        source=Source(shape=(3, 4), tensor=x, raw_scale="1"),
        nodes=(fc0, act0, fc1),
        sink=Sink(shape=(3,), edge="fc1", tensor=fc1.y),
    )
    fold = {"fc0": {"pe": 2, "simd": 3}, "act0": {"pe": 2}, "fc1": {"pe": 1, "simd": 4}}
    return to_folded(graph, folding=fold)


@pytest.fixture(scope="session")
def verilog(network: Graph, work: Path) -> Path:
    """The network's Verilog."""
    from bitrill_hw.design.verilog import verilog as write

    path = work / "network.v"
    write_text(path, write(network))
    return path
