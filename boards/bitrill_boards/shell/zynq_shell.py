"""Shell of Zynq boards: a network between AXI4 memory ports, controlled by AXI4-Lite registers.

A run reads ``IN_WORDS`` words of 64 bits at ``IN_ADDRESS``, sends them through the network frame by
frame, and writes ``OUT_WORDS`` words to ``OUT_ADDRESS``; both addresses are multiples of 128.
Frames in memory are dense bits, low first; each starts at a multiple of 8 bytes. A start resets the
network, so that nothing is left of an earlier run.

=====================  ==========================================================================
address
=====================  ==========================================================================
0 ..                   `REGISTERS`, 32 bits each: see `bitrill_boards.driver.registers`
``LAYERS_AT`` ..       counters of each layer, if there are any
``WEIGHTS`` (16 MiB)   the network's own registers, if its weights are writable: addresses as in
.. twice that          ``registers.json``; an access is refused while a frame is inside
all others             SLVERR
=====================  ==========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.errors import SpecError
from bitrill_hw.design.axilite import AxiLite, axi_lite

from ..driver.registers import (
    IDENTITY,
    LAYER_BYTES,
    LAYERS_AT,
    REGISTERS,
    SIZE,
    SIZE_RUNTIME,
    VERSION,
    WEIGHTS,
    WRITABLE,
)
from .movers import ALIGN, Reader, Writer, read_channels, write_channels
from .network_instance import MEMORY_BITS, Edges, NetworkInstance
from .register_forwarder import forward

STATUS_BITS = 7
"""Number of STATUS bits above BUSY."""


@dataclass
class _Kept:
    """A writable register that keeps ``bits`` bits from bit ``first`` on; the others read as 0."""

    bits: Signal
    first: int

    @property
    def value(self) -> Value:
        return Cat(C(0, self.first), self.bits)


@dataclass
class _ShellState:
    """Signals that registers show (``counts`` .. ``busy``), and those that writing sets.

    ``counts``, ``layer_counts``: 32-bit counters of a run, by name of the register and by offset.
    """

    kept: dict[str, _Kept]
    counts: dict[str, Signal]
    layer_counts: dict[int, Signal]
    status: Signal
    cycles: Signal
    frames: Signal
    busy: Signal
    start: Signal
    stop: Signal
    cleared: Signal


def register_bits(edges: Edges) -> int:
    """Return the number of bits of a register's address: 12, or 25 if weights are writable."""
    return (SIZE_RUNTIME if edges.register_bits else SIZE).bit_length() - 1


class ZynqShell(wiring.Component):
    """A compiled network with AXI interfaces.

    ``address``: bits of a memory address; ``register_bits``: bits of a register's address.

    Members
    -------
    axi : In(`axi_lite`)
        Registers.
    read, write : Out(`read_channels`, `write_channels`)
        Memory.
    interrupt : Out(1)
        DONE, where INTERRUPT is 1.
    """

    def __init__(self, edges: Edges, *, address: int = 32):
        self.edges, self.address = edges, address
        if 1 << edges.register_bits > WEIGHTS:
            raise SpecError(
                f"registers of weights must take at most {WEIGHTS} bytes, not"
                f" {1 << edges.register_bits}: fewer layers must be of style runtime"
            )
        if LAYERS_AT + LAYER_BYTES * edges.layers > SIZE:
            most = (SIZE - LAYERS_AT) // LAYER_BYTES
            raise SpecError(f"--counters needs at most {most} layers, not {edges.layers}")
        self.register_bits = register_bits(edges)
        super().__init__(
            {
                "axi": In(axi_lite(self.register_bits)),
                "read": Out(read_channels(address)),
                "write": Out(write_channels(address)),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.lite = lite = AxiLite(self.register_bits)
        wiring.connect(m, wiring.flipped(self.axi), lite.axi)
        state = self._state()
        clear, quiet = Signal(), Signal()
        # starts the movers one cycle after the start, which resets them
        begin = Signal()
        m.d.sync += begin.eq(state.start)
        reader, writer, network = self._path(m, state, begin, clear)
        self._registers(m, lite.bus, state)
        idle = reader.idle & writer.idle
        if self.edges.register_bits:
            idle &= self._weights(m, lite.bus, network)
        begun = Signal()  # the cycle in which the movers are still idle though a run has begun
        m.d.sync += begun.eq(begin)
        raised = Cat(
            state.busy & quiet,
            reader.slverr,
            reader.decerr,
            writer.slverr,
            writer.decerr,
            network.error & ~clear,
            state.stop & quiet,
        )
        m.d.comb += [
            quiet.eq(idle & ~begin & ~begun),
            clear.eq(state.start | (state.stop & quiet)),
            self.interrupt.eq(state.status[0] & state.kept["INTERRUPT"].bits),
        ]
        self._run(m, state, raised, quiet, network.leaves)
        self._count(m, state, network)
        return m

    def _state(self) -> _ShellState:
        return _ShellState(
            kept={name: self._kept(name) for name in WRITABLE},
            counts={n: Signal(32, name=n.lower()) for n in ("IN_STALLED", "OUT_STALLED")},
            layer_counts={
                at: Signal(32, name=f"layer_count_{at}")
                for at in range(LAYERS_AT, LAYERS_AT + LAYER_BYTES * self.edges.layers, 4)
            },
            status=Signal(STATUS_BITS, name="status"),
            cycles=Signal(48, name="cycles"),
            frames=Signal(32, name="frames"),
            busy=Signal(name="busy"),
            start=Signal(name="start"),
            stop=Signal(name="stop"),
            cleared=Signal(STATUS_BITS, name="cleared"),
        )

    def _count(self, m: Module, s: _ShellState, network: NetworkInstance) -> None:
        """Count waits at the edges, and what the layers do, while a run is in progress."""
        events = [network.i.valid & ~network.i.ready, network.o.valid & ~network.o.ready]
        events += list(network.watch) if self.edges.layers else []
        counts = (*s.counts.values(), *s.layer_counts.values())
        for count, event in zip(counts, events, strict=True):
            with m.If(s.start):
                m.d.sync += count.eq(0)
            with m.Elif(s.busy & event):
                m.d.sync += count.eq(count + 1)

    def _run(self, m: Module, s: _ShellState, raised: Value, quiet: Value, leaves: Value) -> None:
        """Keep STATUS, BUSY and counters; ``quiet``: nothing moves; ``leaves``: a frame leaves."""
        m.d.sync += s.status.eq((s.status & ~s.cleared) | raised)
        with m.If(s.busy):
            m.d.sync += [s.cycles.eq(s.cycles + 1), s.frames.eq(s.frames + leaves)]
        with m.If(quiet):
            m.d.sync += s.busy.eq(0)
        with m.If(quiet & s.stop):  # a stop in this very cycle is kept
            m.d.sync += s.stop.eq(0)
        with m.If(s.start):
            m.d.sync += [s.busy.eq(1), s.cycles.eq(0), s.frames.eq(0)]

    def _kept(self, name: str) -> _Kept:
        bits = {
            "INTERRUPT": range(1),
            "IN_ADDRESS_LOW": range(ALIGN, 32),
            "OUT_ADDRESS_LOW": range(ALIGN, 32),
            "IN_ADDRESS_HIGH": range(self.address - 32),
            "OUT_ADDRESS_HIGH": range(self.address - 32),
        }.get(name, range(32))
        return _Kept(Signal(len(bits), name=name.lower()), bits.start)

    def _path(
        self, m: Module, s: _ShellState, begin: Value, clear: Value
    ) -> tuple[Reader, Writer, NetworkInstance]:
        """Connect reader, network and writer between the memory ports."""
        reader, writer = Reader(self.address), Writer(self.address)
        network = NetworkInstance(self.edges, MEMORY_BITS)
        m.submodules.reader = ResetInserter(clear)(reader)
        m.submodules.writer = ResetInserter(clear)(writer)
        m.submodules.network = network
        wiring.connect(m, wiring.flipped(self.read), reader.bus)
        wiring.connect(m, wiring.flipped(self.write), writer.bus)
        wiring.connect(m, reader.o, network.i)
        wiring.connect(m, network.o, writer.i)
        m.d.comb += network.clear.eq(clear)
        for mover, side in ((reader, "IN"), (writer, "OUT")):
            low, high, words = (
                s.kept[f"{side}_{name}"].value for name in ("ADDRESS_LOW", "ADDRESS_HIGH", "WORDS")
            )
            m.d.comb += [
                mover.start.eq(begin),
                mover.stop.eq(s.stop),
                mover.words.eq(words),
                mover.address.eq(Cat(low, high)),
            ]
        return reader, writer, network

    def _registers(self, m: Module, bus: wiring.PureInterface, s: _ShellState) -> None:
        """Answer accesses to the shell's own registers."""
        digest = int.from_bytes(self.edges.digest, "big")
        values: dict[str, Value] = {
            "IDENTITY": C(IDENTITY, 32),
            "VERSION": C(VERSION, 32),
            "DIGEST_LOW": C(digest & 0xFFFFFFFF, 32),
            "DIGEST_HIGH": C(digest >> 32, 32),
            "CONTROL": C(0, 32),
            "STATUS": Cat(s.busy, s.status),
            "FRAMES": s.frames,
            "CYCLES_LOW": s.cycles[:32],
            "CYCLES_HIGH": s.cycles[32:],
            "LAYERS": C(self.edges.layers, 32),
            **s.counts,
            **{name: kept.value for name, kept in s.kept.items()},
        }
        writes = Signal()
        m.d.comb += [writes.eq(bus.valid & bus.write), bus.done.eq(bus.valid), bus.error.eq(1)]
        with m.Switch(bus.address):
            for k, name in enumerate(REGISTERS):
                with m.Case(k):
                    m.d.comb += bus.value.eq(values[name])
                    allowed: Value = ~bus.write
                    if name == "STATUS":
                        allowed = C(1)
                        m.d.comb += s.cleared.eq(Mux(writes, bus.data[1:], 0))
                    elif name == "CONTROL":
                        starts, stops = bus.data[0], bus.data[1]
                        allowed = ~bus.write | ~(starts & (s.busy | stops))
                        m.d.comb += s.start.eq(writes & starts & ~s.busy & ~stops)
                        with m.If(writes & stops & ~starts):
                            m.d.sync += s.stop.eq(1)
                    elif name in WRITABLE:
                        allowed = ~bus.write | ~s.busy
                        kept = s.kept[name]
                        with m.If(writes & ~s.busy):
                            m.d.sync += kept.bits.eq(bus.data[kept.first :])
                    m.d.comb += bus.error.eq(~allowed)
            for at, count in s.layer_counts.items():
                with m.Case(at // 4):
                    m.d.comb += [bus.value.eq(count), bus.error.eq(bus.write)]

    def _weights(self, m: Module, bus: wiring.PureInterface, network: NetworkInstance) -> Value:
        """Forward accesses from `WEIGHTS` on to the network; return 1 while there is none.

        A reset of the network waits for that, or the access would be lost. An access that begins
        together with the reset reaches the network after it.
        """
        forwarder = forward(m, bus, WEIGHTS, self.edges.register_bits)
        wiring.connect(m, forwarder.axi, network.weights)
        return forwarder.idle
