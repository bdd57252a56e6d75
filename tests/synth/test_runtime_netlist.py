"""Writable memories after synthesis: registers are written and read in the netlist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.lowering import to_folded
from bitrill.runtime.register_map import register_map, writes
from bitrill_hw.design.verilog import verilog
from bitrill_hw.synth import synthesise
from bitrill_sim import Dut, verify
from bitrill_sim.netlist import check
from bitrill_sim.ports import edges
from support import integer_mlp

FOLDING = {"fc0": {"pe": 4, "simd": 12, "memory": "block"}}


@pytest.mark.nightly
def test_other_weights_in_the_netlist(tmp_path: Path) -> None:
    """Block memory, distributed memory and single words; as compiled, then written."""
    graph, other = (
        to_folded(integer_mlp(12, 8, 3, levels=2, seed=s), folding=FOLDING, style="runtime")
        for s in (0, 6)
    )
    found = synthesise(graph, work=tmp_path, verilog=verilog(graph))
    assert found.total.ramb36 + found.total.ramb18 > 0
    x = np.random.default_rng(0).choice([-1, 1], (20, *graph.source.shape))
    check(graph, found.netlist.absolute(), x, work=tmp_path / "check").check()
    fields = ("weights", "thresholds", "inverted")
    new = graph.replace(
        nodes=tuple(
            n.replace(**{f: getattr(other[n.name], f) for f in fields if hasattr(n, f)})
            for n in graph.nodes
        )
    )
    assert (graph.run(x) != new.run(x)).any()
    access = [a for w in register_map(graph) for a in writes(new[w.node], w)]
    sources = (tmp_path / "check" / "netlist.v", tmp_path / "check" / "cells.v")
    verify(
        new,
        Dut(sources=sources, ports=edges(graph)),
        x,
        made=graph,
        stall=0.4,
        access=np.array(access, np.uint32),
        work=tmp_path / "check",
    ).check()
