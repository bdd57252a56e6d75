"""Sends the replies of the board's end of the serial link.

`requests` receives the requests; `link` describes the messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from bitrill.errors import SpecError
from bitrill_hw.pipeline.stream import beats

from ..driver import messages
from ..driver.messages import DONE, FAULT, IDENT, REPLY, RESET, RUN
from .crc import Crc

MOST_BYTES = 0xFFFF - 4
"""Largest frame in bytes: a payload's length has 16 bits, and a result ends with 4 more bytes."""


@dataclass(frozen=True)
class Identity(messages.SerialDevice):
    """A serial board's reply to the request IDENT: what it is, and which network it holds."""

    def __post_init__(self) -> None:
        for name, n in (("in", self.bytes_in), ("out", self.bytes_out)):
            if not 1 <= n <= MOST_BYTES:
                raise SpecError(f"a frame {name} must have 1 to {MOST_BYTES} bytes, not {n:,}")

    def pack(self) -> bytes:
        """Return the payload of the reply, in the layout of `messages.IDENTITY`."""
        sizes = (self.bytes_in, self.bytes_out)
        header = (messages.MAGIC, messages.VERSION, 0)
        return messages.IDENTITY.pack(*header, self.digest, self.clock_hz, *sizes)


class Replies(wiring.Component):
    """Answers requests, one after the other.

    Members
    -------
    tx : bytes for the line
    o : bytes of frames from the network
    asked, status, operation, number : In
        ``asked``: a request waits; the others describe it.
    taken : Out(1)
        The request is answered now.
    feed : Out(1)
        Let the request's frame into the network.
    enters, leaves, fault : In(1)
        A frame's first beat enters the network; its last beat leaves it; its length was wrong.
    reset : Out(1)
        Reset the network.
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

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = Crc()
        out, ident = self.identity.bytes_out, self.identity.pack()
        m.submodules.ident = rom = Memory(
            shape=8, depth=len(ident), init=ident, attrs={"rom_block": "logic"}
        )
        ident_bytes = rom.read_port()
        r = _Reply()
        cycles = self._cycles(m)
        m.d.comb += [
            self.tx.payload.eq(r.byte),
            self.tx.valid.eq(r.valid & ~crc.busy),
            r.put.eq(self.tx.valid & self.tx.ready),
            crc.data.eq(r.byte),
            crc.load.eq(r.put & r.counts),
            ident_bytes.addr.eq(r.at[: len(ident_bytes.addr)]),
        ]
        # may be a cycle late: the CRC takes several cycles for each byte anyway
        m.d.sync += [r.within.eq(r.at < out), r.final.eq(r.at + 1 == r.size)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += crc.clear.eq(1)
                self._accept(m, r)
            with m.State("MARK"):
                self._mark(m, r)
            with m.State("HEAD"):
                m.d.comb += [r.valid.eq(1), r.byte.eq(r.head), r.counts.eq(1)]
                with m.If(r.put):
                    m.d.sync += [r.head.eq(r.head >> 8), r.at.eq(r.at + 1)]
                    with m.If(r.at[:2] == 3):
                        m.d.sync += r.at.eq(0)
                        m.next = "PAYLOAD"
                        with m.If(r.size == 0):
                            m.next = "CRC"
            with m.State("PAYLOAD"):
                self._payload(m, r, ident_bytes.data, cycles, ~crc.busy)
            with m.State("CRC"):
                sent = ~crc.value.word_select(r.at[:2], 8)
                m.d.comb += [r.valid.eq(1), r.byte.eq(sent)]
                with m.If(r.put):
                    m.d.sync += r.at.eq(r.at + 1)
                    with m.If(r.at[:2] == 3):
                        m.next = "IDLE"
        return m

    def _accept(self, m: Module, r: _Reply) -> None:
        """Take the next request and prepare the reply's head."""
        run, ident = self.identity.bytes_out + 4, len(self.identity.pack())
        payload = Mux(self.operation == RUN, run, Mux(self.operation == IDENT, ident, 0))
        length = Mux(self.status != DONE, 0, payload)
        m.d.sync += [
            r.at.eq(0),
            r.size.eq(length),
            r.runs.eq(self.operation == RUN),
            # `size` is only loaded in this cycle; `_mark` completes the head with it
            r.head.eq(Cat(self.status, C(0, 6), self.number, r.size)),
        ]
        with m.If(self.asked):
            m.d.comb += [
                self.taken.eq(1),
                self.feed.eq((self.status == DONE) & (self.operation == RUN)),
                self.reset.eq((self.status == DONE) & (self.operation == RESET)),
            ]
            m.d.sync += r.status.eq(self.status)
            m.next = "MARK"

    def _mark(self, m: Module, r: _Reply) -> None:
        """Send the first byte, as soon as the status is known."""
        m.d.comb += [r.valid.eq(1), r.byte.eq(REPLY)]
        m.d.sync += r.head[16:].eq(r.size)
        # when a result's first byte has arrived, its frame was complete: then the status is final
        with m.If(r.runs & (r.status == DONE)):
            m.d.comb += r.valid.eq(self.o.valid | self.fault)
            with m.If(self.fault):
                m.d.sync += [r.size.eq(0), r.head.eq(Cat(C(FAULT, 8), r.head[8:16], C(0, 16)))]
                m.d.comb += self.reset.eq(r.put)
        with m.If(r.put):
            m.next = "HEAD"
        with m.Elif(self.asked & (self.status == DONE) & (self.operation == RESET)):
            m.next = "IDLE"  # the host gives up a network that never answers

    def _payload(self, m: Module, r: _Reply, ident: Value, cycles: Signal, ready: Value) -> None:
        """Send the identity, or the frame and its cycles."""
        m.d.comb += [r.valid.eq(1), r.counts.eq(1), r.byte.eq(ident)]
        with m.If(r.runs):
            m.d.comb += r.byte.eq(cycles[:8])
            with m.If(r.within):
                m.d.comb += [
                    r.byte.eq(self.o.payload),
                    r.valid.eq(self.o.valid),
                    self.o.ready.eq(self.tx.ready & ready),
                ]
        with m.If(r.put & r.runs & ~r.within):
            m.d.sync += cycles.eq(cycles >> 8)
        with m.If(r.put):
            m.d.sync += r.at.eq(r.at + 1)
            with m.If(r.final):
                m.d.sync += r.at.eq(0)
                m.next = "CRC"

    def _cycles(self, m: Module) -> Signal:
        """Count the cycles from a frame's first beat in to its last beat out, then hold."""
        cycles, inside = Signal(32), Signal()
        enters, leaves = Signal(), Signal()  # both one cycle late
        m.d.sync += [enters.eq(self.enters), leaves.eq(self.leaves)]
        with m.If(enters):
            m.d.sync += [inside.eq(1), cycles.eq(1)]
        with m.Elif(inside):
            m.d.sync += cycles.eq(cycles + 1)
        with m.If(inside & leaves):
            m.d.sync += [inside.eq(0), cycles.eq(cycles)]
        return cycles


class _Reply:
    """Signals of the reply that is being sent.

    ``byte`` is offered while ``valid``, and sent when ``put`` is 1; ``counts``: it goes into the
    CRC. ``runs``: the reply is the result of a RUN. ``head``: status, number and length, the next
    byte lowest. ``at``: bytes already sent of the present part (head, payload or CRC); ``within``:
    fewer than a frame has; ``final``: the next byte is the payload's last.
    """

    def __init__(self) -> None:
        self.status, self.size, self.byte = Signal(2), Signal(16), Signal(8)
        self.valid, self.put = Signal(), Signal()
        self.within, self.counts = Signal(), Signal()
        self.head = Signal(32)
        self.at = Signal(16)
        self.runs = Signal()
        self.final = Signal()
