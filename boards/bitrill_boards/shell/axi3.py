"""Bridge from AXI3 with bursts and identifiers, as ARM cores use it, to AXI4-Lite.

Both buses: ARM IHI 0022.
"""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.design.axilite import axi_lite

ID_BITS = 12
PAGE_BITS = 12
"""Number of address bits that change within a burst: none crosses 4 KiB."""

DECERR = 3
FIXED, INCR, WRAP = range(3)


def axi3_master() -> wiring.Signature:
    """Signature of a 32-bit master, without the ports of caches and locks."""
    asks = {
        "id": Out(ID_BITS),
        "addr": Out(32),
        "len": Out(4),
        "size": Out(2),
        "burst": Out(2),
        "valid": Out(1),
        "ready": In(1),
    }
    return wiring.Signature(
        {
            **{f"aw{name}": port for name, port in asks.items()},
            "wdata": Out(32),
            "wstrb": Out(4),
            "wvalid": Out(1),
            "wready": In(1),
            "bid": In(ID_BITS),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            **{f"ar{name}": port for name, port in asks.items()},
            "rid": In(ID_BITS),
            "rdata": In(32),
            "rresp": In(2),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


class Axi3ToLite(wiring.Component):
    """Turns each beat of a burst into a separate access, one burst per direction at a time.

    Bursts of any length and kind are answered with their identifier: a read beat by beat, a write
    once, with the first error of its beats. Beats narrower than 32 bits are passed on unchanged.
    Accesses outside the ``1 << bits`` bytes at ``base`` get DECERR and are not passed on. Write
    data must arrive in the order of their addresses; their identifiers are ignored.

    Members
    -------
    gp : In(`axi3_master`)
    axi : Out(`axi_lite`)
    """

    def __init__(self, bits: int, base: int):
        self.bits, self.base = bits, base
        super().__init__({"gp": In(axi3_master()), "axi": Out(axi_lite(bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        live = Signal()  # 0 during reset, when an accepted burst would be lost
        m.d.sync += live.eq(1)
        self._reads(m, live)
        self._writes(m, live)
        return m

    def _reads(self, m: Module, live: Signal) -> None:
        gp, axi = self.gp, self.axi
        burst = _Burst(m, "ar", self)
        m.d.comb += [
            axi.araddr.eq(burst.address),
            gp.rid.eq(burst.id),
            gp.rlast.eq(burst.is_last),
            gp.rdata.eq(axi.rdata),
            gp.rresp.eq(Mux(burst.outside, DECERR, axi.rresp)),
        ]
        with m.FSM(name="read"):
            with m.State("IDLE"):
                burst.accept(live)
            with m.State("ASK"):
                m.d.comb += axi.arvalid.eq(~burst.outside)
                with m.If(axi.arready | burst.outside):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [gp.rvalid.eq(axi.rvalid | burst.outside), axi.rready.eq(gp.rready)]
                with m.If(gp.rvalid & gp.rready):
                    burst.step()
                    with m.If(burst.is_last):
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "ASK"

    def _writes(self, m: Module, live: Signal) -> None:
        gp, axi = self.gp, self.axi
        burst = _Burst(m, "aw", self)
        response = Signal(2)
        m.d.comb += [
            axi.awaddr.eq(burst.address),
            axi.wdata.eq(gp.wdata),
            axi.wstrb.eq(gp.wstrb),
            gp.bid.eq(burst.id),
            gp.bresp.eq(Mux(burst.outside, DECERR, response)),
        ]
        with m.FSM(name="write"):
            with m.State("IDLE"):
                burst.accept(live, response.eq(0))
            with m.State("ASK"):
                m.d.comb += axi.awvalid.eq(~burst.outside)
                with m.If(axi.awready | burst.outside):
                    m.next = "DATA"
            with m.State("DATA"):
                m.d.comb += [
                    axi.wvalid.eq(gp.wvalid & ~burst.outside),
                    gp.wready.eq(axi.wready | burst.outside),
                ]
                with m.If(gp.wvalid & gp.wready):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += axi.bready.eq(1)
                with m.If(axi.bvalid | burst.outside):
                    burst.step()
                    with m.If(response == 0):
                        m.d.sync += response.eq(axi.bresp)
                    with m.If(burst.is_last):
                        m.next = "ANSWER"
                    with m.Else():
                        m.next = "ASK"
            with m.State("ANSWER"):
                m.d.comb += gp.bvalid.eq(1)
                with m.If(gp.bready):
                    m.next = "IDLE"


class _Burst:
    """The accepted burst of one direction.

    ``address``: of the present beat; ``is_last``: this beat is the last one; ``outside``: the beat
    is not passed on to the slave.

    A beat takes at least two cycles; the address of the next one is computed in the first.
    """

    def __init__(self, m: Module, channel: str, bridge: Axi3ToLite):
        self._m, self._bits, self._base = m, bridge.bits, bridge.base
        self._asked = {
            n: getattr(bridge.gp, f"{channel}{n}")
            for n in ("id", "addr", "len", "size", "burst", "valid", "ready")
        }
        self.id = Signal(ID_BITS, name=f"{channel}_id")
        self.address = Signal(bridge.bits, name=f"{channel}_address")
        self.outside = Signal(name=f"{channel}_outside")
        self._left = Signal(4, name=f"{channel}_left")
        self.is_last = self._left == 0
        length, size = Signal(4, name=f"{channel}_length"), Signal(2, name=f"{channel}_bytes")
        kind = Signal(2, name=f"{channel}_kind")
        self._kept = {"len": length, "size": size, "burst": kind}
        # address bits that change from beat to beat: in a wrapping burst, those within its length
        moving = Signal(PAGE_BITS, name=f"{channel}_moving")
        with m.Switch(kind):
            with m.Case(FIXED):
                m.d.sync += moving.eq(0)
            with m.Case(WRAP):
                m.d.sync += moving.eq((length << size) | ((1 << size) - 1))
            with m.Default():
                m.d.sync += moving.eq(-1)
        self._following = Signal(PAGE_BITS, name=f"{channel}_following")
        now = self.address[:PAGE_BITS]
        m.d.sync += self._following.eq(((now >> size) + 1) << size)
        self._next = (now & ~moving) | (self._following & moving)

    def accept(self, live: Signal, *also: object) -> None:
        """In state IDLE, accept the burst that the channel offers, and assign ``also``."""
        m, asked = self._m, self._asked
        m.d.comb += asked["ready"].eq(live)
        with m.If(asked["valid"] & live):
            m.d.sync += [
                self.id.eq(asked["id"]),
                self.address.eq(asked["addr"]),
                self.outside.eq(asked["addr"][self._bits :] != self._base >> self._bits),
                self._left.eq(asked["len"]),
                *(kept.eq(asked[name]) for name, kept in self._kept.items()),
                *also,
            ]
            m.next = "ASK"

    def step(self) -> None:
        """Within an ``m.If``, go on to the next beat, whose address is a multiple of its size."""
        self._m.d.sync += [self.address[:PAGE_BITS].eq(self._next), self._left.eq(self._left - 1)]
