"""The device's end of the link: replies go out (see `link`)."""

from __future__ import annotations

from typing import Any

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from bitrill_hw.pipeline.stream import beats

from ..driver.messages import DONE, FAULT, IDENT, REPLY, RESET, RUN
from .crc import Crc
from .identity import Identity


class Replies(wiring.Component):
    """Answers requests, one after the other.

    ``asked``, with ``status``, ``operation`` and ``number``: a request waits; ``taken``: now it is
    answered. ``feed``: its frame is to enter the network.
    """

    def __init__(self, identity: Identity):
        self.identity = identity
        super().__init__(
            {
                "tx": Out(beats(8)),
                "o": In(beats(8)),
                "asked": In(1),
                "status": In(2),
                "operation": In(2),
                "number": In(8),
                "taken": Out(1),
                "feed": Out(1),
                "fault": In(1),
                "enters": In(1),
                "leaves": In(1),
                "reset": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = Crc()
        out, ident = self.identity.bytes_out, self.identity.pack()
        m.submodules.ident = rom = Memory(
            shape=8, depth=len(ident), init=ident, attrs={"rom_block": "logic"}
        )
        letters = rom.read_port()
        status, runs = Signal(2), Signal()
        size, at = Signal(16), Signal(16)
        cycles = self._cycles(m)
        head = Signal(32)  # status, number, length
        byte, valid, put, counts = Signal(8), Signal(), Signal(), Signal()
        m.d.comb += [
            self.tx.payload.eq(byte),
            self.tx.valid.eq(valid & ~crc.busy),
            put.eq(self.tx.valid & self.tx.ready),
            crc.data.eq(byte),
            crc.load.eq(put & counts),
        ]
        m.d.comb += letters.addr.eq(at[: len(letters.addr)])
        # a cycle late: each byte that counts keeps the CRC busy for longer
        within, final = Signal(), Signal()
        m.d.sync += [within.eq(at < out), final.eq(at + 1 == size)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += crc.clear.eq(1)
                length = Mux(
                    self.status != DONE,
                    0,
                    Mux(
                        self.operation == RUN, out + 4, Mux(self.operation == IDENT, len(ident), 0)
                    ),
                )
                m.d.sync += [at.eq(0), size.eq(length), runs.eq(self.operation == RUN)]
                m.d.sync += head.eq(Cat(self.status, C(0, 6), self.number, size))
                with m.If(self.asked):
                    m.d.comb += [
                        self.taken.eq(1),
                        self.feed.eq((self.status == DONE) & (self.operation == RUN)),
                        self.reset.eq((self.status == DONE) & (self.operation == RESET)),
                    ]
                    m.d.sync += status.eq(self.status)
                    m.next = "MARK"
            with m.State("MARK"):
                m.d.comb += [valid.eq(1), byte.eq(REPLY)]
                m.d.sync += head[16:].eq(size)
                # a result's first byte tells that its frame was whole: then the status stands
                with m.If(runs & (status == DONE)):
                    m.d.comb += valid.eq(self.o.valid | self.fault)
                    with m.If(self.fault):
                        m.d.sync += [size.eq(0), head.eq(Cat(C(FAULT, 8), head[8:16], C(0, 16)))]
                        m.d.comb += self.reset.eq(put)
                with m.If(put):
                    m.next = "HEAD"
                with m.Elif(self.asked & (self.status == DONE) & (self.operation == RESET)):
                    m.next = "IDLE"  # a network that never answers is given up
            with m.State("HEAD"):
                m.d.comb += [valid.eq(1), byte.eq(head), counts.eq(1)]
                with m.If(put):
                    m.d.sync += [head.eq(head >> 8), at.eq(at + 1)]
                    with m.If(at[:2] == 3):
                        m.d.sync += at.eq(0)
                        m.next = "PAYLOAD"
                        with m.If(size == 0):
                            m.next = "CRC"
            with m.State("PAYLOAD"):
                m.d.comb += [valid.eq(1), counts.eq(1), byte.eq(letters.data)]
                with m.If(runs):
                    m.d.comb += byte.eq(cycles[:8])
                    with m.If(within):
                        m.d.comb += [
                            byte.eq(self.o.payload),
                            valid.eq(self.o.valid),
                            self.o.ready.eq(self.tx.ready & ~crc.busy),
                        ]
                with m.If(put & runs & ~within):
                    m.d.sync += cycles.eq(cycles >> 8)
                with m.If(put):
                    m.d.sync += at.eq(at + 1)
                    with m.If(final):
                        m.d.sync += at.eq(0)
                        m.next = "CRC"
            with m.State("CRC"):
                sent = ~crc.value.word_select(at[:2], 8)
                m.d.comb += [valid.eq(1), byte.eq(sent)]
                with m.If(put):
                    m.d.sync += at.eq(at + 1)
                    with m.If(at[:2] == 3):
                        m.next = "IDLE"
        return m

    def _cycles(self, m: Module) -> Signal:
        """Cycles between a frame's first beat in and its last one out; stands still afterwards."""
        cycles, inside = Signal(32), Signal()
        enters, leaves = Signal(), Signal()  # both a cycle late
        m.d.sync += [enters.eq(self.enters), leaves.eq(self.leaves)]
        with m.If(enters):
            m.d.sync += [inside.eq(1), cycles.eq(1)]
        with m.Elif(inside):
            m.d.sync += cycles.eq(cycles + 1)
        with m.If(inside & leaves):
            m.d.sync += [inside.eq(0), cycles.eq(cycles)]
        return cycles
