"""The ports of a design through which weights come to its nodes of style ``streamed``."""

from __future__ import annotations

from typing import Any

from amaranth import *
from amaranth.lib.wiring import In, Member, Out
from bitrill.ir.graph import Graph
from bitrill.runtime.register_map import streamed

from ..matvec.writable import word_bits
from ..pipeline.stream import padded


def stream_ports(graph: Graph) -> dict[str, Member]:
    """AXI4-Stream ports of a graph by name: ``s_axis_NODE_tdata``, ``_tvalid`` and ``_tready``."""
    ports: dict[str, Member] = {}
    for node in streamed(graph):
        name = f"s_axis_{node.name}"
        ports[f"{name}_tdata"] = In(padded(word_bits(node)))
        ports[f"{name}_tvalid"] = In(1)
        ports[f"{name}_tready"] = Out(1)
    return ports


def join_streams(m: Module, top: Any, cores: dict[str, Any], graph: Graph) -> None:
    """Connect the ports of `stream_ports` to the operators; nothing moves during reset."""
    for node in streamed(graph):
        words, name = cores[node.name].i1, f"s_axis_{node.name}"
        m.d.comb += [
            words.payload.eq(getattr(top, f"{name}_tdata")),
            words.valid.eq(getattr(top, f"{name}_tvalid")),
            getattr(top, f"{name}_tready").eq(words.ready & top.aresetn),
        ]
