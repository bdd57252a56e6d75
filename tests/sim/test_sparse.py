"""Networks that leave zeros out: their Verilog in a second simulator, dense and behind a window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.ir import Graph, IntType, Sink, Source, Stage, Tensor
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import MatVec, Threshold, Window
from bitrill_hw.design.verilog import verilog
from bitrill_sim import verify
from networks import inputs
from support import optional_tool

UINT2, INT3 = IntType(0, 3), IntType(-3, 3)


def network(places: tuple[int, ...]) -> Graph:
    """A matrix with blocks of zeros, behind a window if there are ``places``, and one of 2:4."""
    rng = np.random.default_rng(3)
    nodes: list[Any] = []
    edge, t = "input", Tensor((*places, 4), UINT2)

    def add(kind: Any, **more: Any) -> None:
        nonlocal edge, t
        name = f"n{len(nodes)}"
        nodes.append(kind(name=name, inputs=(edge,), operands=(t,), **more))
        edge, t = name, nodes[-1].y

    source = Source(shape=t.shape, tensor=t, raw_scale="1", channel_last=True)
    if places:
        add(Window, kernel=(2, 2), stride=(1, 1))
    blocks = (rng.random((4, t.channels // 2)) < 0.5).repeat(2, 0).repeat(2, 1)
    add(MatVec, weights=rng.choice([-3, -1, 2], blocks.shape) * blocks, weight_type=INT3)
    limits = np.sort(rng.integers(-6, 6, (8, 3)), axis=1)
    limits = np.clip(limits, t.type.lo, t.type.hi + 1)
    add(Threshold, thresholds=limits, inverted=np.zeros(8, bool), out=UINT2)
    kept = np.argsort(rng.random((4, 2, 4))).reshape(4, 8) < 2
    add(MatVec, weights=rng.choice([-3, -1, 2], kept.shape) * kept, weight_type=INT3)
    sink = Sink(shape=t.shape, edge=edge, tensor=t, scale=(1,), offset=(0,))
    graph = Graph(name="zeros", stage=Stage.IMPORTED, source=source, nodes=tuple(nodes), sink=sink)
    first, last = (f"n{k + (len(places) > 0)}" for k in (0, 2))
    folding = {
        first: {"style": "sparse", "pe": 2, "simd": 2},
        last: {"multiply": "select", "pe": 2, "simd": 4},
    }
    return to_folded(to_integer(graph), folding=folding)


@pytest.mark.nightly
@pytest.mark.parametrize("places", [(), (3, 4)])
def test_a_second_simulator_gives_the_same_in_the_predicted_cycles(
    places: tuple[int, ...], work: Path
) -> None:
    optional_tool("iverilog")
    graph = network(places)
    path = work / f"zeros{len(places)}.v"
    path.write_text(verilog(graph))
    report = verify(graph, path, inputs(graph, 12), engine="icarus", stall=0.3, work=work)
    report.check()
    assert report.cycles_exact


@pytest.mark.nightly
@pytest.mark.parametrize("stall", [0, 0.5])
def test_a_thousand_frames(stall: float, work: Path) -> None:
    graph = network((3, 4))
    path = work / "zeros.v"
    path.write_text(verilog(graph))
    report = verify(graph, path, inputs(graph, 1000), stall=stall, work=work)
    report.check()
    assert report.cycles_exact
