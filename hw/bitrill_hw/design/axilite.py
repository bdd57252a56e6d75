"""An AXI4-Lite slave (ARM IHI 0022) in front of a register bus, which has one access at a time."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

OKAY, SLVERR = 0, 2

WHOLE = 0b1111
"""Byte strobes of a write that is accepted: all four bytes."""


def axi_lite(bits: int) -> wiring.Signature:
    """Ports of an AXI4-Lite master with addresses of ``bits`` bits and 32 bits of data."""
    return wiring.Signature(
        {
            "awaddr": Out(bits),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(32),
            "wstrb": Out(4),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            "araddr": Out(bits),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(32),
            "rresp": In(2),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


def register_bus(bits: int) -> wiring.Signature:
    """Ports of the register bus, which has one access at a time.

    ``valid`` and the signals that describe the access stay until the edge at which ``done`` is 1;
    ``error`` and ``value`` hold at that edge. ``address`` counts words of 32 bits.
    """
    return wiring.Signature(
        {
            "valid": Out(1),
            "write": Out(1),
            "address": Out(bits - 2),
            "data": Out(32),
            "done": In(1),
            "error": In(1),
            "value": In(32),
        }
    )


class AxiLite(wiring.Component):
    """AXI4-Lite slave: one write and one read may be pending; they go to the bus in turns.

    Address and data of a write come in any order. An address that is no multiple of four, and a
    write of only some bytes, get SLVERR and never reach the bus. An access to which the bus answers
    with an error gets SLVERR, too. A read that fails gives 0. All outputs are registers. If the bus
    answers in bounded time, so does the slave; a slow master delays only its own next access.

    Members
    -------
    axi : In(`axi_lite`)
    bus : Out(`register_bus`)
    """

    def __init__(self, bits: int):
        super().__init__({"axi": In(axi_lite(bits)), "bus": Out(register_bus(bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        axi, bus = self.axi, self.bus
        live = Signal()  # 0 during reset: a beat that is accepted then would be lost
        m.d.sync += live.eq(1)
        aw = self._slot(m, "aw", live, axi.awvalid, axi.awready, axi.awaddr)
        w = self._slot(m, "w", live, axi.wvalid, axi.wready, Cat(axi.wdata, axi.wstrb))
        ar = self._slot(m, "ar", live, axi.arvalid, axi.arready, axi.araddr)
        to_write, to_read = Signal(), Signal()
        m.d.comb += [to_write.eq(aw.full & w.full & ~axi.bvalid), to_read.eq(ar.full & ~axi.rvalid)]
        active, writing, refused = Signal(), Signal(), Signal()
        data, strobes = w.held[:32], w.held[32:]
        ends, failed = Signal(), Signal()
        m.d.comb += [
            bus.valid.eq(active & ~refused),
            bus.write.eq(writing),
            bus.address.eq(Mux(writing, aw.held, ar.held)[2:]),
            bus.data.eq(data),
            ends.eq(active & (refused | bus.done)),
            failed.eq(refused | bus.error),
            aw.empties.eq(ends & writing),
            w.empties.eq(ends & writing),
            ar.empties.eq(ends & ~writing),
        ]
        with m.If(~active):
            # if both wait they take turns: ``writing`` still describes the last access
            turn = to_write & ~(to_read & writing)
            odd = Mux(turn, (strobes != WHOLE) | aw.held[:2].any(), ar.held[:2].any())
            m.d.sync += [active.eq(to_write | to_read), refused.eq(odd)]
            with m.If(to_write | to_read):
                m.d.sync += writing.eq(turn)
        with m.Elif(ends):
            m.d.sync += active.eq(0)
        response = Mux(failed, SLVERR, OKAY)
        with m.If(ends & writing):
            m.d.sync += [axi.bvalid.eq(1), axi.bresp.eq(response)]
        with m.Elif(axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(ends & ~writing):
            m.d.sync += [
                axi.rvalid.eq(1),
                axi.rresp.eq(response),
                axi.rdata.eq(Mux(failed, 0, bus.value)),
            ]
        with m.Elif(axi.rready):
            m.d.sync += axi.rvalid.eq(0)
        return m

    def _slot(
        self, m: Module, name: str, live: Value, valid: Value, ready: Signal, payload: Value
    ) -> _Slot:
        slot = _Slot(len(payload), name)
        m.d.comb += ready.eq(live & ~slot.full)
        with m.If(valid & ready):
            m.d.sync += [slot.held.eq(payload), slot.full.eq(1)]
        with m.Elif(slot.empties):
            m.d.sync += slot.full.eq(0)
        return slot


class _Slot:
    """A register for one beat of a channel."""

    def __init__(self, width: int, name: str):
        self.held = Signal(width, name=f"{name}_held", reset_less=True)
        self.full = Signal(name=f"{name}_full")
        self.empties = Signal(name=f"{name}_empties")
