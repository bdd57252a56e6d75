"""Control of a writable design: AXI4-Lite registers, and a count of the frames inside."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out
from bitrill.ir import serialisation
from bitrill.ir.graph import Graph
from bitrill.runtime.register_map import address_bits, register_map
from bitrill.timing.frames_in_flight import frames_inside

from .axilite import AxiLite, axi_lite
from .register_file import Registers, access_ports

PREFIX = "s_axi_"
"""Prefix of the names of a design's AXI4-Lite ports."""


def axi_ports(graph: Graph) -> dict[str, Member]:
    """AXI4-Lite ports of a FOLDED graph by name; none without nodes of style ``runtime``."""
    windows = register_map(graph)
    if not windows:
        return {}
    members = axi_lite(address_bits(windows)).flip().members
    return {f"{PREFIX}{name}": member for name, member in members.items()}


class Control(wiring.Component):
    """Counts the frames inside the design, and answers AXI4-Lite accesses by `Registers`.

    A frame is inside from the edge at which its first beat comes in until its last beat has come in
    and its last output beat is at the gate, even if its length is wrong.

    Members
    -------
    axi : In(`axi_lite`)
    beat, last : In(1)
        A beat comes in at this edge; it is the last of its frame.
    left : In(1)
        The last output beat of a frame leaves at this edge.
    error : In(1)
    lets : Out(1)
        Whether a beat may come in.
    held, select, write, address, data, value : as in `Registers`
    """

    def __init__(self, graph: Graph):
        self.windows = register_map(graph)
        self.bits = address_bits(self.windows)
        self.digest = int(serialisation.digest(graph)[:16], 16)
        self.frames = frames_inside(graph) + 1  # one more is coming in
        super().__init__(
            {
                "axi": In(axi_lite(self.bits)),
                "beat": In(1),
                "last": In(1),
                "left": In(1),
                "error": In(1),
                "lets": Out(1),
                **access_ports(len(self.windows), self.bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.axilite = slave = AxiLite(self.bits)
        m.submodules.registers = registers = Registers(self.windows, self.bits, self.digest)
        wiring.connect(m, wiring.flipped(self.axi), slave.axi)
        wiring.connect(m, slave.bus, registers.bus)
        coming, inside = Signal(), Signal(range(self.frames + 2))
        begins = self.beat & ~coming
        with m.If(self.beat):
            m.d.sync += coming.eq(~self.last)
        with m.If(begins & ~self.left):
            m.d.sync += inside.eq(inside + 1)
        with m.Elif(~begins & self.left):
            m.d.sync += inside.eq(inside - 1)
        m.d.comb += [
            self.lets.eq(~registers.held & (coming | ~registers.closed)),
            registers.busy.eq(coming | inside.any()),
            registers.begins.eq(begins),
            registers.error.eq(self.error),
            registers.value.eq(self.value),
            *(
                getattr(self, k).eq(getattr(registers, k))
                for k in ("held", "select", "write", "address", "data")
            ),
        ]
        return m

    def join(self, m: Module, cores: dict[str, wiring.Component]) -> None:
        """Connect the ports ``registers`` of the writable operators, given by name."""
        ports = [cores[w.node].registers for w in self.windows]
        for k, port in enumerate(ports):
            m.d.comb += [
                port.select.eq(self.select[k]),
                port.write.eq(self.write),
                port.address.eq(self.address),
                port.data.eq(self.data),
            ]
        m.d.comb += self.value.eq(reduce(or_, (port.value for port in ports)))
