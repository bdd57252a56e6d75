"""Receives requests at the board's end of the serial link, checks them, and stores their frame.

`link` describes the messages; `replies` answers them.
"""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.enum import Enum
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from bitrill_hw.pipeline.stream import beats

from ..driver.messages import DAMAGED, DONE, IDENT, REQUEST, RESET, RUN, UNKNOWN
from .crc import RESIDUE, Crc


class _State(Enum):
    """The part of a request that the next byte belongs to."""

    HUNT = 0
    OPERATION = 1
    NUMBER = 2
    LOW = 3
    HIGH = 4
    PAYLOAD = 5
    CRC = 6
    JUDGE = 7


class Requests(wiring.Component):
    """Receives requests, stores the last good frame, and sends it to the network on demand.

    Members
    -------
    rx : bytes of the line
    i : bytes of frames to the network
    pending, status, operation, number : Out
        ``pending``: a request waits for its answer; the others describe it.
    taken : In(1)
        The pending request is answered now.
    feed : In(1)
        Send the frame to the network.
    reset : In(1)
        Stop sending it.
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

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = Crc()
        n = self.bytes_in
        m.submodules.frame = frame = Memory(shape=8, depth=max(2, n), init=[])
        write, fed = frame.write_port(), Signal(range(n + 1))
        feeding = self._feeder(m, frame, fed)
        r = _Request(self.rx.payload)
        silence = Signal(range(self.timeout + 1))
        m.d.comb += [
            # while a request waits, the first byte of the next one waits, too, as long as it can
            self.rx.ready.eq(~crc.busy & ~r.judging & ~(r.hunting & self.pending)),
            r.get.eq(self.rx.valid & self.rx.ready),
            crc.data.eq(r.byte),
            write.addr.eq(r.at[: len(write.addr)]),
            write.data.eq(r.byte),
        ]
        # may be a cycle late: the CRC takes several cycles for each byte anyway
        within, final, needed, silent = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            within.eq(r.at < n),
            final.eq(r.at + 1 == r.size),
            needed.eq(r.at >= fed),
            silent.eq(silence == self.timeout),
        ]
        with m.If(self.taken):
            m.d.sync += self.pending.eq(0)
        m.d.sync += silence.eq(Mux(r.get, 0, silence + 1))
        with m.Switch(r.state):
            with m.Case(_State.HUNT):
                m.d.comb += [r.hunting.eq(1), crc.clear.eq(1)]
                m.d.sync += silence.eq(0)
                with m.If(r.get & (r.byte == REQUEST)):
                    m.d.sync += r.state.eq(_State.OPERATION)
            self._header(m, r)
            with m.Case(_State.PAYLOAD), m.If(r.get):
                # a request that is lost leaves the bytes that the frame before still needs
                m.d.comb += write.en.eq(within & ~(feeding & needed))
                m.d.sync += r.at.eq(r.at + 1)
                with m.If(final):
                    m.d.sync += [r.at.eq(0), r.state.eq(_State.CRC)]
                with m.If(feeding & needed):  # the previous frame is not yet in the network
                    m.d.sync += r.state.eq(_State.HUNT)
            self._trailer(m, r, crc)
        with m.If(~r.hunting & silent):
            m.d.sync += r.state.eq(_State.HUNT)
        m.d.comb += crc.load.eq(r.get & ~r.hunting)
        return m

    def _header(self, m: Module, r: _Request) -> None:
        """Take operation, number and length."""
        for here, field, following in (
            (_State.OPERATION, r.operation, _State.NUMBER),
            (_State.NUMBER, r.number, _State.LOW),
            (_State.LOW, r.size[:8], _State.HIGH),
        ):
            with m.Case(here), m.If(r.get):
                m.d.sync += [field.eq(r.byte), r.state.eq(following)]
        with m.Case(_State.HIGH), m.If(r.get):
            m.d.sync += [r.size[8:].eq(r.byte), r.at.eq(0), r.state.eq(_State.CRC)]
            with m.If((r.byte != 0) | (r.size[:8] != 0)):
                m.d.sync += r.state.eq(_State.PAYLOAD)

    def _trailer(self, m: Module, r: _Request, crc: Crc) -> None:
        """Take the CRC, then judge the request."""
        with m.Case(_State.CRC), m.If(r.get):
            m.d.sync += r.at.eq(r.at + 1)
            with m.If(r.at[:2] == 3):
                m.d.sync += r.state.eq(_State.JUDGE)
        with m.Case(_State.JUDGE):
            m.d.comb += r.judging.eq(1)
            right = ((r.operation == RUN) & (r.size == self.bytes_in)) | (
                ((r.operation == IDENT) | (r.operation == RESET)) & (r.size == 0)
            )
            with m.If(~crc.busy):
                damaged = crc.value != RESIDUE
                m.d.sync += [
                    self.pending.eq(1),
                    self.operation.eq(r.operation),
                    self.number.eq(r.number),
                    self.status.eq(Mux(damaged, DAMAGED, Mux(right, DONE, UNKNOWN))),
                    r.state.eq(_State.HUNT),
                ]

    def _feeder(self, m: Module, frame: Memory, at: Signal) -> Signal:
        """Send the frame's bytes to ``i``, one a cycle; ``at`` counts the bytes read.

        Returns a signal that is 1 until the last byte is read.
        """
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


class _Request:
    """Signals of the request that is being received: its fields so far, and the next ``byte``.

    ``get``: the byte is taken now. ``at``: bytes of the payload, or of the CRC, received so far.
    ``hunting``: no request has begun; ``judging``: the request is complete.
    """

    def __init__(self, byte: Value):
        self.byte = byte
        self.operation, self.size, self.get = Signal(8), Signal(16), Signal()
        self.judging, self.hunting = Signal(), Signal()
        self.number = Signal(8)
        self.at = Signal(16)
        self.state = Signal(_State)
