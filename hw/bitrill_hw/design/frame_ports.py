"""AXI4-Stream pins of a network, and the check and the gate of frames behind them."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out
from bitrill.ir.graph import Graph
from bitrill.timing.frames_in_flight import whole_frame_first

from ..pipeline.fifo import Fifo
from ..pipeline.stream import connect
from .frame_check import FrameCheck, FrameGate


def frame_ports(into: int, out: int) -> dict[str, Member]:
    """Clock, reset and the pins of the two streams, whose words have ``into`` and ``out`` bits."""
    return {
        "aclk": In(1),
        "aresetn": In(1, init=1),
        "s_axis_tdata": In(into),
        "s_axis_tvalid": In(1),
        "s_axis_tready": Out(1),
        "s_axis_tlast": In(1),
        "m_axis_tdata": Out(out),
        "m_axis_tvalid": Out(1),
        "m_axis_tready": In(1),
        "m_axis_tlast": Out(1),
    }


def join_pins(m: Module, shell: wiring.Component, check: FrameCheck, gate: FrameGate) -> None:
    """Connect the pins of ``shell`` to the check and the gate; nothing is accepted during reset."""
    m.d.comb += [
        check.i.payload.eq(shell.s_axis_tdata),
        check.i.valid.eq(shell.s_axis_tvalid),
        check.last.eq(shell.s_axis_tlast),
        # a beat that is accepted during reset would be lost
        shell.s_axis_tready.eq(check.i.ready & shell.aresetn),
        shell.m_axis_tdata.eq(gate.o.payload),
        shell.m_axis_tvalid.eq(gate.o.valid),
        shell.m_axis_tlast.eq(gate.last),
        gate.o.ready.eq(shell.m_axis_tready),
    ]


def join_verdicts(
    m: Module, graph: Graph, check: FrameCheck, gate: FrameGate, slots: int
) -> Fifo | None:
    """Take each frame's verdict to the gate, if a frame can still be dropped there.

    Returns the FIFO of ``slots`` verdicts, which the caller adds to ``m``; None if the first
    output beat leaves before the last input beat is in.
    """
    if not whole_frame_first(graph):
        m.d.comb += [check.verdict.ready.eq(1), gate.verdict.valid.eq(1)]
        return None
    verdicts = Fifo(1, slots)
    connect(m, check.verdict, verdicts.i)
    connect(m, verdicts.o, gate.verdict)
    return verdicts
