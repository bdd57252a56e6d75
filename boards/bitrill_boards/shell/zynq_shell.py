"""The shell of Zynq boards: a network between AXI4 memory ports, ruled by AXI4-Lite registers.

A run reads ``IN_WORDS`` words of 64 bits from ``IN_ADDRESS`` on, sends them through the network,
frame by frame, and writes ``OUT_WORDS`` words from ``OUT_ADDRESS`` on; both addresses are multiples
of 128. Frames in memory are dense bits, low first, each starting on 8 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.axilite import AxiLite, axi_lite

from .movers import Reader, Writer, read_channels, write_channels
from .network import Edges, Network

IDENTITY = int.from_bytes(b"BTRS", "little")
VERSION = 1
ADDRESS_BITS = 12
"""Of the registers: one page."""

REGISTERS = (
    "IDENTITY", "VERSION", "DIGEST_LOW", "DIGEST_HIGH", "CONTROL", "STATUS", "INTERRUPT", "FRAMES",
    "IN_ADDRESS_LOW", "IN_ADDRESS_HIGH", "IN_WORDS", "OUT_ADDRESS_LOW", "OUT_ADDRESS_HIGH",
    "OUT_WORDS", "CYCLES_LOW", "CYCLES_HIGH",
)  # fmt: skip
"""Names of the registers, 32 bits each, from offset 0 on. All others answer SLVERR."""

START, STOP = 1, 2
"""CONTROL, on a write. A start while busy is refused (SLVERR); a stop ends a run at any cycle, half
a frame inside or not, and resets the network."""

BUSY, DONE, READ_SLVERR, READ_DECERR, WRITE_SLVERR, WRITE_DECERR, FRAME_ERROR, STOPPED = (
    1 << k for k in range(8)
)
"""STATUS; a write of ones clears all but BUSY. DONE: a run has ended, by itself or by a stop."""

WRITABLE = ("INTERRUPT", "IN_ADDRESS_LOW", "IN_ADDRESS_HIGH", "IN_WORDS", "OUT_ADDRESS_LOW",
            "OUT_ADDRESS_HIGH", "OUT_WORDS")  # fmt: skip
"""Registers that keep what is written, not while busy (SLVERR)."""


@dataclass(frozen=True)
class Geometry:
    """Words of 64 bits a frame in and out: what a driver needs to know."""

    words_in: int
    words_out: int

    @staticmethod
    def of(edges: Edges) -> Geometry:
        return Geometry(-(-edges.frame_in // 64), -(-edges.frame_out // 64))


class ZynqShell(wiring.Component):
    """A build's network behind AXI. ``address``: bits of a memory address.

    Members
    -------
    axi : In(`axi_lite`)
        Registers.
    read, write : Out(`read_channels`, `write_channels`)
        Memory.
    interrupt : Out(1)
        DONE, where INTERRUPT is 1.
    """

    axi: Any
    read: Any
    write: Any
    interrupt: Signal

    def __init__(self, edges: Edges, *, address: int = 32):
        self.edges, self.address = edges, address
        super().__init__(
            {
                "axi": In(axi_lite(ADDRESS_BITS)),
                "read": Out(read_channels(address)),
                "write": Out(write_channels(address)),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.lite = lite = AxiLite(ADDRESS_BITS)
        wiring.connect(m, wiring.flipped(self.axi), lite.axi)
        clear, stop, start = Signal(), Signal(), Signal()
        reader, writer = Reader(self.address), Writer(self.address)
        network = Network(self.edges, 64)
        m.submodules.reader = ResetInserter(clear)(reader)
        m.submodules.writer = ResetInserter(clear)(writer)
        m.submodules.network = network
        wiring.connect(m, wiring.flipped(self.read), reader.bus)
        wiring.connect(m, wiring.flipped(self.write), writer.bus)
        wiring.connect(m, reader.o, network.i)
        wiring.connect(m, network.o, writer.i)
        kept = {name: Signal(32, name=name.lower()) for name in WRITABLE}
        status, cycles, frames = Signal(7), Signal(48), Signal(32)
        busy, begun = Signal(), Signal()
        m.d.comb += [
            network.clear.eq(clear),
            *(mover.start.eq(start) for mover in (reader, writer)),
            *(mover.stop.eq(stop) for mover in (reader, writer)),
            reader.address.eq(Cat(kept["IN_ADDRESS_LOW"], kept["IN_ADDRESS_HIGH"])),
            writer.address.eq(Cat(kept["OUT_ADDRESS_LOW"], kept["OUT_ADDRESS_HIGH"])),
            reader.words.eq(kept["IN_WORDS"]),
            writer.words.eq(kept["OUT_WORDS"]),
            self.interrupt.eq(status[0] & kept["INTERRUPT"][0]),
        ]
        # one cycle after the start: the movers know of it
        quiet = reader.idle & writer.idle & ~begun
        m.d.sync += begun.eq(start)
        raised = Cat(
            busy & quiet, reader.slverr, reader.decerr, writer.slverr, writer.decerr,
            network.error, stop & quiet,
        )  # fmt: skip
        cleared = Signal(7)
        m.d.sync += status.eq((status & ~cleared) | raised)
        with m.If(busy):
            m.d.sync += cycles.eq(cycles + 1)
            m.d.sync += frames.eq(frames + network.leaves)
        with m.If((busy | stop) & quiet):
            m.d.comb += clear.eq(stop)
            m.d.sync += [busy.eq(0), stop.eq(0)]
        with m.If(start):
            m.d.sync += [busy.eq(1), cycles.eq(0), frames.eq(0)]
        self._registers(m, lite.bus, kept, busy, status, cycles, frames, start, stop, cleared)
        return m

    def _registers(
        self, m: Module, bus: Any, kept: dict[str, Signal], busy: Signal, status: Signal,
        cycles: Signal, frames: Signal, start: Signal, stop: Signal, cleared: Signal,
    ) -> None:  # fmt: skip
        digest = int.from_bytes(self.edges.digest, "big")
        values: dict[str, Any] = {
            "IDENTITY": C(IDENTITY, 32), "VERSION": C(VERSION, 32),
            "DIGEST_LOW": C(digest & 0xFFFFFFFF, 32), "DIGEST_HIGH": C(digest >> 32, 32),
            "CONTROL": C(0, 32), "STATUS": Cat(busy, status), "FRAMES": frames,
            "CYCLES_LOW": cycles[:32], "CYCLES_HIGH": cycles[32:], **kept,
        }  # fmt: skip
        writes = Signal()
        m.d.comb += [writes.eq(bus.valid & bus.write), bus.done.eq(bus.valid), bus.error.eq(1)]
        with m.Switch(bus.address):
            for k, name in enumerate(REGISTERS):
                with m.Case(k):
                    m.d.comb += bus.value.eq(values[name])
                    allowed: Value = ~bus.write
                    if name == "STATUS":
                        allowed = C(1)
                        m.d.comb += cleared.eq(Mux(writes, bus.data[1:8], 0))
                    elif name == "CONTROL":
                        allowed = ~bus.write | ~(bus.data[0] & (busy | bus.data[1]))
                        m.d.comb += start.eq(writes & bus.data[0] & ~busy & ~bus.data[1])
                        with m.If(writes & bus.data[1] & ~bus.data[0]):
                            m.d.sync += stop.eq(1)
                    elif name in WRITABLE:
                        allowed = ~bus.write | ~busy
                        with m.If(writes & ~busy):
                            m.d.sync += kept[name].eq(bus.data)
                    m.d.comb += bus.error.eq(~allowed)


__all__ = ["REGISTERS", "Geometry", "ZynqShell"]
