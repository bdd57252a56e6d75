"""The network that the tests of this folder synthesise."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from bitrill.folding.fold import folding_of
from bitrill.ir import Graph
from bitrill.lowering import to_folded, to_integer
from bitrill_hw.synth import SynthReport
from networks import mlp

BLOCK_FIFO = 4200
"""Slots of a FIFO of one bit that goes into block memory."""


@dataclass(frozen=True)
class Synthesised:
    graph: Graph
    verilog: str
    work: Path
    report: SynthReport


def small_graph() -> Graph:
    """A network of two layers, with weights and a FIFO in block memory, and 7-series cells."""
    integer = to_integer(mlp((12, 6, 3), seed=3))
    folding = folding_of(to_folded(integer))
    folding["fc0"] = {"pe": 1, "simd": 4, "style": "folded", "memory": "block"}
    folding["act0"] |= {"pe": 1}
    folding["fc1"] |= {"simd": 1}
    graph = to_folded(integer, folding=folding)
    nodes = tuple(
        n.replace(impl=dataclasses.replace(n.folded, primitives="xc7")) if n.name == "fc0" else n
        for n in graph.nodes
    )
    return graph.replace(nodes=nodes, depths=dict(graph.depths) | {"act0": BLOCK_FIFO})
