"""Forwards register accesses to the AXI4-Lite slave in a network, which holds its weights."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.design.axilite import axi_lite, register_bus


def forward(m: Module, bus: wiring.PureInterface, at: int, bits: int) -> RegisterForwarder:
    """Add a forwarder of the accesses of ``bus`` to the ``1 << bits`` bytes from ``at``.

    ``bus.done``, ``error`` and ``value`` are those of the forwarder there; the caller connects
    the forwarder's ``axi``.
    """
    m.submodules.onward = forwarder = RegisterForwarder(bits)
    own = Signal()
    m.d.comb += [
        own.eq(bus.address[bits - 2 :] == at >> bits),
        forwarder.bus.valid.eq(bus.valid & own),
        forwarder.bus.write.eq(bus.write),
        forwarder.bus.address.eq(bus.address[: bits - 2]),
        forwarder.bus.data.eq(bus.data),
    ]
    with m.If(own):
        m.d.comb += [
            bus.done.eq(forwarder.bus.done),
            bus.error.eq(forwarder.bus.error),
            bus.value.eq(forwarder.bus.value),
        ]
    return forwarder


class RegisterForwarder(wiring.Component):
    """AXI4-Lite master that passes accesses of ``bus`` on, one at a time.

    Members
    -------
    bus : In(`register_bus`)
    axi : Out(`axi_lite`)
    idle : Out(1)
        No access is in progress, so the slave may be reset.
    """

    def __init__(self, bits: int):
        super().__init__(
            {"bus": In(register_bus(bits)), "axi": Out(axi_lite(bits)), "idle": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, axi = self.bus, self.axi
        active = Signal()
        m.d.comb += [
            self.idle.eq(~active),
            axi.awaddr.eq(Cat(C(0, 2), bus.address)),
            axi.araddr.eq(Cat(C(0, 2), bus.address)),
            axi.wdata.eq(bus.data),
            axi.wstrb.eq(-1),
            axi.bready.eq(active),
            axi.rready.eq(active),
            bus.done.eq(active & (axi.bvalid | axi.rvalid)),
            bus.error.eq(Mux(bus.write, axi.bresp, axi.rresp) != 0),
            bus.value.eq(axi.rdata),
        ]
        begins = bus.valid & ~active
        with m.If(begins):
            m.d.sync += active.eq(1)
        with m.Elif(bus.done):
            m.d.sync += active.eq(0)
        for valid, ready, when in (
            (axi.awvalid, axi.awready, bus.write),
            (axi.wvalid, axi.wready, bus.write),
            (axi.arvalid, axi.arready, ~bus.write),
        ):
            with m.If(begins):
                m.d.sync += valid.eq(when)
            with m.Elif(ready):
                m.d.sync += valid.eq(0)
        return m
