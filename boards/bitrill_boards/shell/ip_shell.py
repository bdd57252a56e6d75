# amaranth: UnusedElaboratable=no
# (a network that is refused leaves an unused shell)
"""Shell of exported cores: a network with AXI4-Stream ports of a chosen width, and registers.

With ``stream_bits`` a frame is a string of dense bits, low first, cut into words; each frame starts
with a new word. A frame of a wrong length is made whole in front of the network and dropped behind
it, as `bitrill_hw.design.frame_check` does for the network's own beats. Without ``stream_bits`` the
network's own beats are passed through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out
from bitrill.ir.graph import INPUT, Graph
from bitrill.ir.serialisation import digest
from bitrill.runtime.register_map import streamed
from bitrill.timing.frames_in_flight import frames_inside
from bitrill.timing.predict import Timing
from bitrill_hw.design.axilite import axi_lite
from bitrill_hw.design.control import PREFIX, axi_ports
from bitrill_hw.design.frame_check import FrameCheck, FrameGate
from bitrill_hw.design.frame_ports import frame_ports, join_pins, join_verdicts
from bitrill_hw.design.top import WATCHED, stream_ports
from bitrill_hw.pipeline.stream import connect, padded

from .gear_timing import keeping, latency_between
from .gearbox import Gearbox
from .gears import Gear
from .ip_control import IpControl
from .ip_registers import RegisterMap

WEIGHTS = "s_axis_weights"
"""Prefix of the names of the streams of weights; a number follows."""

IN_GEARS = 4
"""Frames that the two gearboxes can hold, at most, beside those inside the network."""


class IpShell(wiring.Component):
    """A compiled network as a core; ``network``: name of the network's module.

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
        With ``control`` the registers of `ip_registers`, with ``counters`` those of each layer,
        too; else the network's writable weights, if there are any.
    s_axis_weights0_tdata, s_axis_weights0_tvalid : In, s_axis_weights0_tready : Out(1)
        The words of the first node of style ``streamed``, and so on.
    """

    def __init__(
        self,
        graph: Graph,
        predicted: Timing,
        *,
        network: str,
        stream_bits: int | None = None,
        control: bool = False,
        counters: bool = False,
    ):
        self.graph, self.network, self.counters = graph, network, counters
        self.registers = RegisterMap.of(graph, counters=counters) if control else None
        first, last = graph.reader(INPUT), graph.producer(graph.output)
        self.bits_in = first.lanes_in * first.x.type.bits
        self.bits_out = last.lanes_out * last.y.type.bits
        self.gears: tuple[Gear, Gear] | None = None
        self.words = first.beats_in, last.beats_out
        widths = padded(self.bits_in), padded(self.bits_out)
        self.interval, self.latency = predicted.ii, predicted.latency
        if stream_bits is not None:
            into, out, self.interval = keeping(graph, predicted.ii, stream_bits)
            self.gears = into, out
            self.latency = latency_between(graph, into, out)
            self.words, widths = (into.words_in, out.words_out), (stream_bits, stream_bits)
        # pins of weights by the names of the network's; a node's name may be no name in VHDL
        self.weights = {
            name: name.replace(f"s_axis_{node.name}_", f"{WEIGHTS}{k}_")
            for k, node in enumerate(streamed(graph))
            for name in stream_ports(graph)
            if name.startswith(f"s_axis_{node.name}_t")
        }
        beside = {self.weights[name]: member for name, member in stream_ports(graph).items()}
        axi = axi_ports(graph)
        if self.registers is not None:
            axi = _prefixed(axi_lite(self.registers.bits).flip().members)
        super().__init__({**frame_ports(*widths), "error": Out(1), **axi, **beside})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = sync = ClockDomain("sync")
        sync.clk, reset = self.aclk, Signal(name="reset")
        sync.rst = reset
        m.d.comb += reset.eq(~self.aresetn)
        members = self._members()
        pins = {n: getattr(self, self.weights.get(n, n)) for n in members if n != "watch"}
        if self.gears is not None:
            pins |= self._geared(m, *self.gears)
        if self.registers is not None:
            pins |= self._controlled(m, self.registers, members)
        m.submodules.network = Instance(self.network, **_ends(members, pins))
        return m

    def _members(self) -> dict[str, Member]:
        """Ports of the network's module."""
        pins = frame_ports(padded(self.bits_in), padded(self.bits_out))
        watch = {"watch": Out(WATCHED * len(self.graph.nodes))} if self.counters else {}
        own = {**axi_ports(self.graph), **stream_ports(self.graph)}
        return {**pins, "error": Out(1), **own, **watch}

    def _controlled(
        self, m: Module, registers: RegisterMap, members: Mapping[str, Member]
    ) -> dict[str, Any]:
        """Add the registers; return the network's pins that they use."""
        digest_ = bytes.fromhex(digest(self.graph))[:8]
        m.submodules.control = control = IpControl(registers, digest_)
        for name, member in axi_lite(registers.bits).members.items():
            pin, wire = getattr(self, f"{PREFIX}{name}"), getattr(control.axi, name)
            m.d.comb += wire.eq(pin) if member.flow is Out else pin.eq(wire)
        for edge in ("s", "m"):
            for wire in ("valid", "ready", "last"):
                pin = getattr(self, f"{edge}_axis_t{wire}")
                m.d.comb += getattr(control, f"{edge}_{wire}").eq(pin)
        m.d.comb += control.error.eq(self.error)
        pins: dict[str, Any] = {
            name: getattr(control.network, name.removeprefix(PREFIX))
            for name in members
            if name.startswith(PREFIX)
        }
        return pins | ({"watch": control.watch} if self.counters else {})

    def _geared(self, m: Module, into: Gear, out: Gear) -> dict[str, Any]:
        """Add the converters and the check of frames; return the network's pins inside them."""
        m.submodules.frame_check = check = FrameCheck(into.width_in, into.words_in)
        m.submodules.into = before = Gearbox(into)
        m.submodules.out = behind = Gearbox(out)
        m.submodules.frame_gate = gate = FrameGate(out.width_out, out.words_out)
        connect(m, check.o, before.i)
        connect(m, behind.o, gate.i)
        slots = frames_inside(self.graph) + IN_GEARS
        verdicts = join_verdicts(m, self.graph, check, gate, slots)
        if verdicts is not None:
            m.submodules.frame_verdicts = verdicts
        join_pins(m, self, check, gate)
        names = ("s_axis_tready", "m_axis_tvalid", "m_axis_tlast", "error")
        inner = {name: Signal(name=f"network_{name}") for name in names}
        data = Signal(padded(self.bits_out), name="network_m_axis_tdata")
        m.d.comb += [
            before.o.ready.eq(inner["s_axis_tready"]),
            behind.i.payload.eq(data[: self.bits_out]),
            behind.i.valid.eq(inner["m_axis_tvalid"]),
            self.error.eq(check.error | inner["error"]),
        ]
        padding = C(0, padded(self.bits_in) - self.bits_in)
        return inner | {
            "s_axis_tdata": Cat(before.o.payload, padding),
            "s_axis_tvalid": before.o.valid,
            "s_axis_tlast": before.last,
            "m_axis_tdata": data,
            "m_axis_tready": behind.i.ready,
        }


def _prefixed(members: Mapping[str, Member]) -> dict[str, Member]:
    """Ports of an AXI4-Lite slave by name."""
    return {f"{PREFIX}{name}": member for name, member in members.items()}


def _ends(members: Mapping[str, Member], pins: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of an `Instance` whose ports are ``members``."""
    return {
        f"{'i' if member.flow is In else 'o'}_{name}": pins[name]
        for name, member in members.items()
    }
