"""The device's end of the link: requests come in (see `link`)."""

from __future__ import annotations

from typing import Any

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.enum import Enum
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from bitrill_hw.pipeline.stream import beats

from ..driver.messages import DAMAGED, DONE, IDENT, REQUEST, RESET, RUN, UNKNOWN
from .crc import RESIDUE, Crc


class _State(Enum):
    """What a request's next byte is."""

    HUNT = 0
    OPERATION = 1
    NUMBER = 2
    LOW = 3
    HIGH = 4
    PAYLOAD = 5
    CRC = 6
    JUDGE = 7


class Requests(wiring.Component):
    """Takes requests in: checks them, keeps the last good frame, and feeds it when told to.

    ``pending``: a request waits, of ``status``, ``operation`` and ``number``; ``taken``: it is
    answered now. ``feed``: send the frame to the network; ``reset``: give up sending it.
    """

    def __init__(self, bytes_in: int, *, timeout: int):
        self.bytes_in, self.timeout = bytes_in, timeout
        super().__init__(
            {
                "rx": In(beats(8)),
                "i": Out(beats(8)),
                "pending": Out(1),
                "status": Out(2),
                "operation": Out(2),
                "number": Out(8),
                "taken": In(1),
                "feed": In(1),
                "reset": In(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = Crc()
        n = self.bytes_in
        m.submodules.frame = frame = Memory(shape=8, depth=max(2, n), init=[])
        write, fed = frame.write_port(), Signal(range(n + 1))
        feeding = self._feeder(m, frame, fed)
        operation, number = Signal(8), Signal(8)
        size, at = Signal(16), Signal(16)
        silence = Signal(range(self.timeout + 1))
        byte, get, judging, hunting = self.rx.payload, Signal(), Signal(), Signal()
        m.d.comb += [
            # in front of a request that still waits, a byte does, too, as long as it can
            self.rx.ready.eq(~crc.busy & ~judging & ~(hunting & self.pending)),
            get.eq(self.rx.valid & self.rx.ready),
            crc.data.eq(byte),
            write.addr.eq(at[: len(write.addr)]),
            write.data.eq(byte),
        ]
        # a cycle late: each byte that counts keeps the CRC busy for longer
        within, final, needed, silent = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            within.eq(at < n),
            final.eq(at + 1 == size),
            needed.eq(at >= fed),
            silent.eq(silence == self.timeout),
        ]
        with m.If(self.taken):
            m.d.sync += self.pending.eq(0)
        m.d.sync += silence.eq(Mux(get, 0, silence + 1))
        state = Signal(_State)
        with m.Switch(state):
            with m.Case(_State.HUNT):
                m.d.comb += [hunting.eq(1), crc.clear.eq(1)]
                m.d.sync += silence.eq(0)
                with m.If(get & (byte == REQUEST)):
                    m.d.sync += state.eq(_State.OPERATION)
            for here, field, following in (
                (_State.OPERATION, operation, _State.NUMBER),
                (_State.NUMBER, number, _State.LOW),
                (_State.LOW, size[:8], _State.HIGH),
            ):
                with m.Case(here), m.If(get):
                    m.d.sync += field.eq(byte)
                    m.d.sync += state.eq(following)
            with m.Case(_State.HIGH), m.If(get):
                m.d.sync += [size[8:].eq(byte), at.eq(0)]
                m.d.sync += state.eq(_State.CRC)
                with m.If((byte != 0) | (size[:8] != 0)):
                    m.d.sync += state.eq(_State.PAYLOAD)
            with m.Case(_State.PAYLOAD), m.If(get):
                m.d.comb += write.en.eq(within)
                m.d.sync += at.eq(at + 1)
                with m.If(final):
                    m.d.sync += at.eq(0)
                    m.d.sync += state.eq(_State.CRC)
                with m.If(feeding & needed):  # the frame before is still needed
                    m.d.sync += state.eq(_State.HUNT)
            with m.Case(_State.CRC), m.If(get):
                m.d.sync += at.eq(at + 1)
                with m.If(at[:2] == 3):
                    m.d.sync += state.eq(_State.JUDGE)
            with m.Case(_State.JUDGE):
                m.d.comb += judging.eq(1)
                right = ((operation == RUN) & (size == n)) | (
                    ((operation == IDENT) | (operation == RESET)) & (size == 0)
                )
                with m.If(~crc.busy):
                    damaged = crc.value != RESIDUE
                    m.d.sync += [
                        self.pending.eq(1),
                        self.operation.eq(operation),
                        self.number.eq(number),
                        self.status.eq(Mux(damaged, DAMAGED, Mux(right, DONE, UNKNOWN))),
                    ]
                    m.d.sync += state.eq(_State.HUNT)
        with m.If(~hunting & silent):
            m.d.sync += state.eq(_State.HUNT)
        m.d.comb += crc.load.eq(get & ~hunting)
        return m

    def _feeder(self, m: Module, frame: Memory, at: Signal) -> Signal:
        """The frame's bytes to ``i``, one a cycle; the result is 1 until the last one is read,
        ``at`` how many are."""
        n = self.bytes_in
        read = frame.read_port()
        feeding, there, moves = Signal(), Signal(), Signal()
        m.d.comb += [
            moves.eq(self.i.ready | ~there),
            read.addr.eq(at),
            read.en.eq(moves),
            self.i.payload.eq(read.data),
            self.i.valid.eq(there),
        ]
        with m.If(moves):
            m.d.sync += there.eq(feeding & (at != n))
            with m.If(feeding):
                m.d.sync += at.eq(at + 1)
                with m.If(at == n):
                    m.d.sync += [feeding.eq(0), at.eq(0)]
        with m.If(self.feed):
            m.d.sync += feeding.eq(1)
        with m.If(self.reset):
            m.d.sync += [feeding.eq(0), there.eq(0), at.eq(0)]
        return feeding
