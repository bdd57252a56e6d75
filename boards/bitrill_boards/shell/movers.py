"""Moves frames between memory and streams of 64-bit words: AXI4 reader and writer (ARM IHI 0022).

Both move ``words`` words, starting at an address that is a multiple of 128, in increasing bursts of
16 words (the last one shorter). Such bursts are legal for AXI3 ports, too, and never cross 4 KiB.
Identifiers are 0.

``stop`` ends a run at any cycle: no more bursts are requested, those already requested still
complete, and then ``idle`` is 1. Only then may a mover be reset.
"""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.pipeline.fifo import Fifo
from bitrill_hw.pipeline.stream import beats

WORD, BURST = 64, 16
BURST_BYTES = WORD // 8 * BURST
ALIGN = BURST_BYTES.bit_length() - 1
WINDOW = 256
"""Words that may be under way to the reader: enough for full rate at 100 cycles of latency."""

SLVERR, DECERR = 2, 3
_CHANNEL = ("valid", "ready", "addr", "len", "size", "burst", "cache")


def read_channels(address: int) -> wiring.Signature:
    """Signature of a master's read channels with addresses of ``address`` bits."""
    return wiring.Signature(
        {
            **_address_channel("ar", address),
            "rid": In(1),
            "rdata": In(WORD),
            "rresp": In(2),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


def write_channels(address: int) -> wiring.Signature:
    """Signature of a master's write channels with addresses of ``address`` bits."""
    return wiring.Signature(
        {
            **_address_channel("aw", address),
            "wdata": Out(WORD),
            "wstrb": Out(WORD // 8),
            "wlast": Out(1),
            "wvalid": Out(1),
            "wready": In(1),
            "bid": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
        }
    )


def _address_channel(prefix: str, address: int) -> dict[str, wiring.Member]:
    widths = {"id": 1, "addr": address, "len": 8, "size": 3, "burst": 2, "cache": 4, "prot": 3}
    ports = {f"{prefix}{name}": Out(width) for name, width in widths.items()}
    return {**ports, f"{prefix}valid": Out(1), f"{prefix}ready": In(1)}


class _Requester:
    """Requests bursts on the address channel of one direction, of at most ``allowed`` words.

    ``asks``: a burst of ``size`` words is requested in this cycle; ``left``: words of the run that
    were not requested yet.
    """

    def __init__(self, m: Module, mover: _Mover, allowed: Value, prefix: str):
        channel = {name: getattr(mover.bus, prefix + name) for name in _CHANNEL}
        valid, ready, addr, length = (channel[n] for n in ("valid", "ready", "addr", "len"))
        m.d.comb += [
            channel["size"].eq((WORD // 8).bit_length() - 1),
            channel["burst"].eq(1),
            channel["cache"].eq(3),
        ]
        self.left, self.size, self.asks = Signal(32), Signal(5), Signal()
        burst_number, whole = Signal(mover.bits - ALIGN), Signal()
        m.d.comb += [
            whole.eq(self.left[4:] != 0),
            self.size.eq(Mux(whole, BURST, self.left[:4])),
            self.asks.eq(
                (self.left != 0) & (allowed >= self.size) & (~valid | ready) & ~mover.stop
            ),
        ]
        with m.If(ready):
            m.d.sync += valid.eq(0)
        with m.If(self.asks):
            m.d.sync += [
                valid.eq(1),
                addr.eq(Cat(C(0, ALIGN), burst_number)),
                length.eq(self.size - 1),
                burst_number.eq(burst_number + 1),
                self.left.eq(Mux(whole, self.left - BURST, 0)),
            ]
        with m.If(mover.start):
            m.d.sync += [burst_number.eq(mover.address[ALIGN:]), self.left.eq(mover.words)]
        with m.Elif(mover.stop):
            m.d.sync += self.left.eq(0)


class _Mover(wiring.Component):
    """Base of reader and writer.

    Members
    -------
    bus : Out, the master's channels
    start : In(1)
        A pulse begins a run, with its first ``address`` and its number of ``words``.
    stop : In(1)
        End the run.
    idle : Out(1)
        All words have moved and all bursts are complete.
    slverr, decerr : Out(1)
        An error response of that kind came in this cycle.
    """

    def __init__(self, address: int, bus: wiring.Signature, flow: dict[str, wiring.Member]):
        self.bits = address
        super().__init__(
            {
                "bus": Out(bus),
                "start": In(1),
                "address": In(address),
                "words": In(32),
                "stop": In(1),
                "idle": Out(1),
                "slverr": Out(1),
                "decerr": Out(1),
                **flow,
            }
        )


class Reader(_Mover):
    """Reads memory into the stream ``o``; ``window``: words that may be under way."""

    def __init__(self, address: int, *, window: int = WINDOW):
        self.window = window
        super().__init__(address, read_channels(address), {"o": Out(beats(WORD))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        # a block memory of `window` words makes a FIFO of one slot more
        fifo = Fifo(WORD, self.window + 1, form="block")
        m.submodules.fifo = fifo
        # `credit`: free words of the FIFO for which no burst was requested yet; `owed`: words that
        # were requested and have not arrived
        credit = Signal(range(self.window + 1), init=self.window)
        owed = Signal(range(self.window + 1))
        ask = _Requester(m, self, credit, "ar")
        comes, leaves = bus.rvalid & bus.rready, self.o.valid & self.o.ready
        m.d.sync += [
            owed.eq(owed + Mux(ask.asks, ask.size, 0) - comes),
            credit.eq(credit - Mux(ask.asks, ask.size, 0) + leaves),
        ]
        wiring.connect(m, wiring.flipped(self.o), fifo.o)
        m.d.comb += [
            bus.rready.eq(1),  # the FIFO has room for all requested words
            fifo.i.valid.eq(bus.rvalid),
            fifo.i.payload.eq(bus.rdata),
            self.idle.eq((ask.left == 0) & (owed == 0)),
            self.slverr.eq(comes & (bus.rresp == SLVERR)),
            self.decerr.eq(comes & (bus.rresp == DECERR)),
        ]
        return m


class Writer(_Mover):
    """Writes the stream ``i`` to memory."""

    SLOTS = 64
    """Slots of the FIFO before the bus: four bursts, so that one is filled while others leave."""

    UNANSWERED = 16
    """Largest number of bursts whose response has not come."""

    def __init__(self, address: int):
        super().__init__(address, write_channels(address), {"i": In(beats(WORD))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, slots = self.bus, self.SLOTS
        m.submodules.fifo = fifo = Fifo(WORD, slots, form="distributed")
        wiring.connect(m, wiring.flipped(self.i), fifo.i)
        # `free`: words in the FIFO for which no burst was requested yet; `owed`: words that were
        # requested and not yet written, bounded so that the counter does not overflow
        free, owed = Signal(range(slots + 1)), Signal(range(2 * slots))
        unanswered = Signal(range(self.UNANSWERED + 1))
        allowed = Mux((unanswered < self.UNANSWERED) & (owed < slots), free, 0)
        ask = _Requester(m, self, allowed, "aw")
        enters = self.i.valid & self.i.ready
        writes, answers = bus.wvalid & bus.wready, bus.bvalid & bus.bready
        size = Mux(ask.asks, ask.size, 0)
        m.d.sync += [
            free.eq(free + enters - size),
            owed.eq(owed + Mux(bus.awvalid & bus.awready, bus.awlen + 1, 0) - writes),
            unanswered.eq(unanswered + ask.asks - answers),
        ]
        # every burst has 16 words, except a run's last one, which ends with the last word owed
        at = Signal(4)
        with m.If(writes):
            m.d.sync += at.eq(at + 1)
        with m.If(self.start):
            m.d.sync += at.eq(0)
        m.d.comb += [
            bus.wvalid.eq(owed != 0),
            bus.wdata.eq(fifo.o.payload),
            bus.wstrb.eq(-1),
            bus.wlast.eq((at == BURST - 1) | (owed == 1)),
            fifo.o.ready.eq(bus.wready & bus.wvalid),
            bus.bready.eq(1),
            self.idle.eq((ask.left == 0) & (owed == 0) & (unanswered == 0)),
            self.slverr.eq(answers & (bus.bresp == SLVERR)),
            self.decerr.eq(answers & (bus.bresp == DECERR)),
        ]
        return m
