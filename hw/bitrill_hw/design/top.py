"""The top level of a design: a component for each node, a FIFO for each edge, AXI4-Stream ports."""

from __future__ import annotations

import re
from collections.abc import Callable

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out
from bitrill.errors import StageError
from bitrill.ir import Operator
from bitrill.ir.graph import INPUT, Graph, Stage, verify
from bitrill.ir.schedule import port
from bitrill.runtime.register_map import register_map, streamed
from bitrill.timing.frames_in_flight import frames_inside

from ..matvec.writable import word_bits
from ..pipeline.fifo import Fifo
from ..pipeline.stream import connect, padded
from .build import component
from .control import PREFIX, Control, axi_ports
from .frame_check import FrameCheck, FrameGate
from .frame_ports import frame_ports, join_pins, join_verdicts

OUTSIDE = "outside"
"""Clock domain of registers and frame checks, which are not reset with the network."""

WATCHED = 4
"""Bits of ``watch`` for each node."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Top(wiring.Component):
    """The hardware of a FOLDED graph; `verilog` writes it.

    Submodules have the nodes' names; ``fifo_E`` is the FIFO of edge E. ``frame_check``,
    ``frame_gate`` and ``frame_verdicts`` handle frames of a wrong length (see `frame_check`). If
    the first output beat leaves before the last input beat is in (no dense layer in the graph), a
    bad frame cannot be dropped any more: it is made whole with zeros, and only ``error`` tells.

    An input frame has ``source.tensor.size`` elements, an output frame ``sink.tensor.size``. Beats
    have as many elements as the first node takes and the last one gives, and are padded to whole
    bytes: padding is ignored on input, and zero on output.

    Members
    -------
    aclk, aresetn : In(1)
        Clock; synchronous reset, active low, during which no beat is accepted.
    s_axis_tdata, s_axis_tvalid, s_axis_tlast : In, s_axis_tready : Out(1)
        Input frames.
    m_axis_tdata, m_axis_tvalid, m_axis_tlast : Out, m_axis_tready : In(1)
        Output frames.
    error : Out(1)
        A frame had the wrong length; sticky until reset.
    s_axi_* : AXI4-Lite
        The registers (`bitrill.runtime.register_map`), if nodes have style ``runtime``.
    s_axis_NODE_tdata, s_axis_NODE_tvalid : In, s_axis_NODE_tready : Out(1)
        The words of each node of style ``streamed`` (`bitrill_hw.matvec.writable`), padded like a
        beat, a whole matrix for each vector.

    watch : Out(`WATCHED` bits a node)
        With ``watched``: for each node, lowest first, whether an operand's beat moves, waits, is
        missing, and whether a result's beat waits (see `_watch`).

    Raises `StageError` for a graph of another stage, and for names that are no identifiers.
    """

    def __init__(self, graph: Graph, *, watched: bool = False):
        verify(graph, Stage.FOLDED)
        bad = [n.name for n in graph.nodes if not _NAME.fullmatch(n.name)]
        if bad or not graph.nodes:
            what = ", ".join(map(repr, bad)) or "none at all"
            raise StageError(f"{graph.name}: node names must be identifiers, not {what}")
        self.graph, self.watched = graph, watched
        first, last = graph.reader(INPUT), graph.producer(graph.output)
        self.input_bits = first.lanes_in * first.x.type.bits
        self.output_bits = last.lanes_out * last.y.type.bits
        super().__init__(
            {
                **frame_ports(padded(self.input_bits), padded(self.output_bits)),
                "error": Out(1),
                **axi_ports(graph),
                **stream_ports(graph),
                **({"watch": Out(WATCHED * len(graph.nodes))} if watched else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = sync = ClockDomain("sync")
        reset = Signal()
        sync.clk, sync.rst = self.aclk, reset
        m.d.comb += reset.eq(~self.aresetn)
        control = self._control(m, sync)

        check = FrameCheck(self.input_bits, self.graph.reader(INPUT).beats_in)
        gate = FrameGate(self.output_bits, self.graph.producer(self.graph.output).beats_out)
        add = self._adder(m)
        first, last, cores = self._network(m, add)
        outside = DomainRenamer("sync" if control is None else OUTSIDE)
        add("frame_check", outside(check))
        add("frame_gate", outside(gate))
        connect(m, check.o, first.i)
        connect(m, last.o, gate.i)
        # a slot for each frame that can be inside, so that a good frame never waits for one
        slots = max(2, frames_inside(self.graph))
        verdicts = join_verdicts(m, self.graph, check, gate, slots)
        if verdicts is not None:
            add("frame_verdicts", outside(verdicts))
        join_pins(m, self, check, gate)
        m.d.comb += self.error.eq(check.error)
        if control is not None:
            add("control", outside(control))
            self._join(m, control, check, gate)
            control.join(m, cores)
        join_streams(m, self, cores, self.graph)
        if self.watched:
            m.d.comb += self.watch.eq(Cat(_watch(n, cores[n.name]) for n in self.graph.nodes))
        return m

    def _control(self, m: Module, network: ClockDomain) -> Control | None:
        """Add the AXI4-Lite control, if there are registers.

        The control and the frame checks are in a clock domain of their own, since the control
        resets the network.
        """
        if not register_map(self.graph):
            return None
        control, reset = Control(self.graph), Signal(name="network_reset")
        m.domains += (outside := ClockDomain(OUTSIDE))
        outside.clk, outside.rst, network.rst = self.aclk, network.rst, reset
        m.d.comb += reset.eq(outside.rst | control.held)
        return control

    def _join(self, m: Module, control: Control, check: FrameCheck, gate: FrameGate) -> None:
        """Let beats in only while the control allows it, and show it the beats that move."""
        axi = control.axi
        for name, member in axi.signature.members.items():
            pin, wire = getattr(self, f"{PREFIX}{name}"), getattr(axi, name)
            m.d.comb += wire.eq(pin) if member.flow is In else pin.eq(wire)
        m.d.comb += [
            check.i.valid.eq(self.s_axis_tvalid & control.lets),
            self.s_axis_tready.eq(check.i.ready & self.aresetn & control.lets),
            control.beat.eq(self.s_axis_tvalid & self.s_axis_tready),
            control.last.eq(self.s_axis_tlast),
            control.left.eq(gate.i.valid & gate.i.ready & gate.last),
            control.error.eq(check.error),
        ]

    def _network(
        self, m: Module, add: Callable[[str, wiring.Component], None]
    ) -> tuple[Fifo, Fifo, dict[str, wiring.Component]]:
        """Add and connect operators and FIFOs; return the first and last FIFO, and operators."""
        cores: dict[str, wiring.Component] = {}
        fifos = {INPUT: Fifo(self.input_bits, self.graph.depths[INPUT])}
        add(f"fifo_{INPUT}", fifos[INPUT])
        for node in self.graph.nodes:
            core = component(node)
            m.submodules[node.name] = cores[node.name] = core
            for k, edge in enumerate(node.inputs):
                connect(m, fifos[edge].o, getattr(core, port("i", k)))
            for k, (edge, y) in enumerate(zip(node.outputs, node.results, strict=True)):
                fifos[edge] = Fifo(node.lanes_out * y.type.bits, self.graph.depths[edge])
                add(f"fifo_{edge}", fifos[edge])
                connect(m, getattr(core, port("o", k)), fifos[edge].i)
        return fifos[INPUT], fifos[self.graph.output], cores

    def _adder(self, m: Module) -> Callable[[str, wiring.Component], None]:
        """A function that adds a submodule, under its name with ``_`` behind if a node has it."""
        taken = {n.name for n in self.graph.nodes}

        def add(name: str, core: wiring.Component) -> None:
            while name in taken:
                name += "_"
            taken.add(name)
            m.submodules[name] = core

        return add


def _watch(node: Operator, core: wiring.Component) -> Value:
    """Bits that tell what an operator does in this cycle.

    A beat of its first operand moves; a beat of any operand waits for it; it waits for a beat of
    any operand; a beat of any result waits.
    """
    into = [getattr(core, port("i", k)) for k in range(len(node.inputs))]
    out = [getattr(core, port("o", k)) for k in range(len(node.outputs))]
    return Cat(
        into[0].valid & into[0].ready,
        Cat(s.valid & ~s.ready for s in into).any(),
        Cat(s.ready & ~s.valid for s in into).any(),
        Cat(s.valid & ~s.ready for s in out).any(),
    )


def stream_ports(graph: Graph) -> dict[str, Member]:
    """AXI4-Stream ports of a graph by name: ``s_axis_NODE_tdata``, ``_tvalid`` and ``_tready``."""
    ports: dict[str, Member] = {}
    for node in streamed(graph):
        name = f"s_axis_{node.name}"
        ports[f"{name}_tdata"] = In(padded(word_bits(node)))
        ports[f"{name}_tvalid"] = In(1)
        ports[f"{name}_tready"] = Out(1)
    return ports


def join_streams(
    m: Module, top: wiring.Component, cores: dict[str, wiring.Component], graph: Graph
) -> None:
    """Connect the ports of `stream_ports` to the operators; nothing moves during reset."""
    for node in streamed(graph):
        words, name = cores[node.name].i1, f"s_axis_{node.name}"
        m.d.comb += [
            words.payload.eq(getattr(top, f"{name}_tdata")),
            words.valid.eq(getattr(top, f"{name}_tvalid")),
            getattr(top, f"{name}_tready").eq(words.ready & top.aresetn),
        ]
