"""Frames of a network over bytes that may get lost or damaged: the device's end of the link.

    request  A5 operation number length(2) payload CRC-32(4)
    reply    5A status    number length(2) payload CRC-32(4)

Numbers of several bytes go low byte first. The CRC-32 (ISO-HDLC, as zlib's) covers everything
behind the first byte. ``number`` is the host's, and comes back: with it the host tells which
request a reply answers. A network has no memory, so a request that is sent again is computed
again, and gives the same reply.

=========  ==========================  ===================================================
operation  payload of the request      payload of the reply
=========  ==========================  ===================================================
0 IDENT    none                        `Identity`
1 RUN      a frame: dense bits, low    the frame that comes out, and the cycles between the
           first, in whole bytes       network's first beat in and last beat out (4 bytes)
2 RESET    none                        none; the network is reset
=========  ==========================  ===================================================

``status``: 0 done, 1 a damaged request (its number is not to be trusted), 2 an unknown operation
or a payload of a wrong length, 3 the network found a frame of a wrong length.

Two requests may be under way: one is computed and answered while the next one comes in. A third
one is dropped. A request that stops half-way is forgotten after ``timeout`` cycles without a byte.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.enum import Enum
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from bitrill.errors import SpecError
from bitrill_hw.stream import beats

REQUEST, REPLY = 0xA5, 0x5A
IDENT, RUN, RESET = 0, 1, 2
DONE, DAMAGED, UNKNOWN, FAULT = 0, 1, 2, 3
MAGIC, VERSION = b"BTRL", 1
MOST_BYTES = 0xFFFF - 4
"""Of a frame: the length of a payload has 16 bits."""

_POLYNOMIAL = 0xEDB88320
_RESIDUE = 0xDEBB20E3
"""What the CRC register holds behind a right CRC."""


@dataclass(frozen=True)
class Identity:
    """What a device is: ``digest`` of the network (8 bytes), its clock, bytes of a frame in and
    out."""

    digest: bytes
    clock_hz: int
    bytes_in: int
    bytes_out: int

    def __post_init__(self) -> None:
        for name, n in (("in", self.bytes_in), ("out", self.bytes_out)):
            if not 1 <= n <= MOST_BYTES:
                raise SpecError(f"a frame {name} must have 1 to {MOST_BYTES} bytes, not {n:,}")

    def pack(self) -> bytes:
        """As IDENT's reply holds it."""
        head = struct.pack("<4sHH8s", MAGIC, VERSION, 0, self.digest)
        return head + struct.pack("<III", self.clock_hz, self.bytes_in, self.bytes_out)


class Crc(wiring.Component):
    """CRC-32 of bytes, a bit a cycle: eight cycles a byte.

    Members
    -------
    clear, load : In(1); data : In(8)
        Begin anew; take a byte (not while ``busy``).
    busy : Out(1)
    value : Out(32), the register, not complemented
    """

    clear: Signal
    load: Signal
    data: Signal
    busy: Signal
    value: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "clear": In(1), "load": In(1), "data": In(8), "busy": Out(1),
                "value": Out(32, init=0xFFFFFFFF),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        left = Signal(range(9))
        m.d.comb += self.busy.eq(left != 0)
        with m.If(self.busy):
            taken = Mux(self.value[0], _POLYNOMIAL, 0)
            m.d.sync += [self.value.eq((self.value >> 1) ^ taken), left.eq(left - 1)]
        with m.Elif(self.clear):
            m.d.sync += self.value.eq(0xFFFFFFFF)
        with m.Elif(self.load):
            m.d.sync += [self.value.eq(self.value ^ self.data), left.eq(8)]
        return m


class Link(wiring.Component):
    """The device's end: bytes of the line on one side, bytes of frames on the other.

    Members
    -------
    rx, tx : bytes of the line
    i, o : bytes of frames to the network and from it
    enters, leaves : In(1)
        The first beat of a frame enters the network; the last one leaves it.
    fault : In(1)
        The network found a frame of a wrong length.
    reset : Out(1)
        Reset the network.
    """

    rx: stream.Interface
    tx: stream.Interface
    i: stream.Interface
    o: stream.Interface
    enters: Signal
    leaves: Signal
    fault: Signal
    reset: Signal

    def __init__(self, identity: Identity, *, timeout: int):
        self.identity, self.timeout = identity, timeout
        super().__init__(
            {
                "rx": In(beats(8)), "tx": Out(beats(8)), "i": Out(beats(8)), "o": In(beats(8)),
                "enters": In(1), "leaves": In(1), "fault": In(1), "reset": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.requests = requests = Requests(self.identity.bytes_in, timeout=self.timeout)
        m.submodules.replies = replies = Replies(self.identity)
        wiring.connect(m, wiring.flipped(self.rx), requests.rx)
        wiring.connect(m, wiring.flipped(self.tx), replies.tx)
        wiring.connect(m, wiring.flipped(self.i), requests.i)
        wiring.connect(m, wiring.flipped(self.o), replies.o)
        m.d.comb += [
            replies.asked.eq(requests.pending),
            replies.status.eq(requests.status),
            replies.operation.eq(requests.operation),
            replies.number.eq(requests.number),
            requests.taken.eq(replies.taken),
            requests.feed.eq(replies.feed),
            replies.fault.eq(self.fault),
            replies.enters.eq(self.enters),
            replies.leaves.eq(self.leaves),
            self.reset.eq(replies.reset),
            requests.reset.eq(replies.reset),
        ]
        return m


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
                "rx": In(beats(8)), "i": Out(beats(8)), "pending": Out(1), "status": Out(2),
                "operation": Out(2), "number": Out(8), "taken": In(1), "feed": In(1),
                "reset": In(1),
            }
        )  # fmt: skip

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
                m.d.comb += write.en.eq(at < n)
                m.d.sync += at.eq(at + 1)
                with m.If(at + 1 == size):
                    m.d.sync += at.eq(0)
                    m.d.sync += state.eq(_State.CRC)
                with m.If(feeding & (at >= fed)):  # the frame before is still needed
                    m.d.sync += state.eq(_State.HUNT)
            with m.Case(_State.CRC), m.If(get):
                m.d.sync += at.eq(at + 1)
                with m.If(at == 3):
                    m.d.sync += state.eq(_State.JUDGE)
            with m.Case(_State.JUDGE):
                m.d.comb += judging.eq(1)
                right = ((operation == RUN) & (size == n)) | (
                    ((operation == IDENT) | (operation == RESET)) & (size == 0)
                )
                with m.If(~crc.busy):
                    damaged = crc.value != _RESIDUE
                    m.d.sync += [
                        self.pending.eq(1), self.operation.eq(operation), self.number.eq(number),
                        self.status.eq(Mux(damaged, DAMAGED, Mux(right, DONE, UNKNOWN))),
                    ]  # fmt: skip
                    m.d.sync += state.eq(_State.HUNT)
        with m.If(~hunting & (silence == self.timeout)):
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


class Replies(wiring.Component):
    """Answers requests, one after the other.

    ``asked``, with ``status``, ``operation`` and ``number``: a request waits; ``taken``: now it is
    answered. ``feed``: its frame is to enter the network.
    """

    def __init__(self, identity: Identity):
        self.identity = identity
        super().__init__(
            {
                "tx": Out(beats(8)), "o": In(beats(8)), "asked": In(1), "status": In(2),
                "operation": In(2), "number": In(8), "taken": Out(1), "feed": Out(1),
                "fault": In(1), "enters": In(1), "leaves": In(1), "reset": Out(1),
            }
        )  # fmt: skip

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
        m.d.comb += letters.addr.eq((at + put)[: len(letters.addr)])
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += crc.clear.eq(1)
                length = Mux(
                    self.status != DONE, 0,
                    Mux(self.operation == RUN, out + 4,
                        Mux(self.operation == IDENT, len(ident), 0)),
                )  # fmt: skip
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
                m.d.comb += [valid.eq(1), byte.eq(head), counts.eq(1), letters.addr.eq(0)]
                with m.If(put):
                    m.d.sync += [head.eq(head >> 8), at.eq(at + 1)]
                    with m.If(at == 3):
                        m.d.sync += at.eq(0)
                        m.next = "PAYLOAD"
                        with m.If(size == 0):
                            m.next = "CRC"
            with m.State("PAYLOAD"):
                m.d.comb += [valid.eq(1), counts.eq(1), byte.eq(letters.data)]
                with m.If(runs):
                    m.d.comb += byte.eq(cycles[:8])
                    with m.If(at < out):
                        m.d.comb += [
                            byte.eq(self.o.payload), valid.eq(self.o.valid),
                            self.o.ready.eq(self.tx.ready & ~crc.busy),
                        ]  # fmt: skip
                with m.If(put & runs & (at >= out)):
                    m.d.sync += cycles.eq(cycles >> 8)
                with m.If(put):
                    m.d.sync += at.eq(at + 1)
                    with m.If(at + 1 == size):
                        m.d.sync += at.eq(0)
                        m.next = "CRC"
            with m.State("CRC"):
                sent = ~crc.value.word_select(at[:2], 8)
                m.d.comb += [valid.eq(1), byte.eq(sent)]
                with m.If(put):
                    m.d.sync += at.eq(at + 1)
                    with m.If(at == 3):
                        m.next = "IDLE"
        return m

    def _cycles(self, m: Module) -> Signal:
        """Cycles between a frame's first beat in and its last one out; stands still afterwards."""
        cycles, inside = Signal(32), Signal()
        with m.If(self.enters):
            m.d.sync += [inside.eq(1), cycles.eq(1)]
        with m.Elif(inside):
            m.d.sync += cycles.eq(cycles + 1)
        with m.If(inside & self.leaves):
            m.d.sync += [inside.eq(0), cycles.eq(cycles)]
        return cycles


__all__ = ["Identity", "Link"]
