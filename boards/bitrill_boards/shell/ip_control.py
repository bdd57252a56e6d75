"""AXI4-Lite registers of an exported core: what it is, and counters of its edges and layers."""

from __future__ import annotations

from typing import Any

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.design.axilite import AxiLite, axi_lite
from bitrill_hw.design.top import WATCHED

from .ip_registers import CLEAR, COUNTERS, HOLD, IDENTITY, LAYER, LAYERS_AT, VERSION, RegisterMap
from .register_forwarder import forward


class IpControl(wiring.Component):
    """Counts what moves and waits, and answers accesses by `RegisterMap`; others get SLVERR.

    Members
    -------
    axi : In(`axi_lite`)
    network : Out(`axi_lite`), if the network has registers
    watch : In(`bitrill_hw.design.top.WATCHED` bits for each layer that is counted)
    s_valid, s_ready, s_last, m_valid, m_ready, m_last : In(1)
        The core's two streams.
    error : In(1)
    """

    def __init__(self, registers: RegisterMap, digest: bytes):
        self.map, self.digest = registers, digest
        edges = ("s_valid", "s_ready", "s_last", "m_valid", "m_ready", "m_last", "error")
        bits = registers.network_bits
        super().__init__(
            {
                "axi": In(axi_lite(registers.bits)),
                **({"network": Out(axi_lite(bits))} if bits else {}),
                **({"watch": In(WATCHED * len(registers.layers))} if registers.layers else {}),
                **dict.fromkeys(edges, In(1)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.lite = lite = AxiLite(self.map.bits)
        wiring.connect(m, wiring.flipped(self.axi), lite.axi)
        bus, hold, clear = lite.bus, Signal(name="hold"), Signal(name="clear")
        values = self._values(m, hold, clear)
        m.d.comb += [bus.done.eq(bus.valid), bus.error.eq(1)]
        with m.Switch(bus.address):
            for offset, value in values.items():
                with m.Case(offset // 4):
                    m.d.comb += bus.value.eq(value)
                    m.d.comb += bus.error.eq(bus.write & (offset != self._offset("CONTROL")))
        writes = bus.valid & bus.write & (bus.address == self._offset("CONTROL") // 4)
        m.d.comb += clear.eq(writes & (bus.data & CLEAR).any())
        with m.If(writes):
            m.d.sync += hold.eq((bus.data & HOLD).any())
        if self.map.network is not None:
            forwarder = forward(m, bus, self.map.network, self.map.network_bits)
            wiring.connect(m, forwarder.axi, wiring.flipped(self.network))
        return m

    def _offset(self, name: str) -> int:
        return next(r.offset for r in self.map.registers if r.name == name)

    def _values(self, m: Module, hold: Value, clear: Value) -> dict[int, Value]:
        """Return the value of each register by its offset; add the counters."""
        number = int.from_bytes(self.digest, "big")
        cycles = self._counter(m, "cycles", C(1), hold, clear, bits=64)
        fixed = {
            "IDENTITY": C(IDENTITY, 32),
            "VERSION": C(VERSION, 32),
            "DIGEST_LOW": C(number & 0xFFFFFFFF, 32),
            "DIGEST_HIGH": C(number >> 32, 32),
            "CONTROL": Cat(C(0, 1), hold),
            "STATUS": self.error,
            "LAYERS": C(len(self.map.layers), 32),
            "CYCLES_LOW": cycles[:32],
            "CYCLES_HIGH": cycles[32:],
        }
        events = {
            "FRAMES_IN": self.s_valid & self.s_ready & self.s_last,
            "FRAMES_OUT": self.m_valid & self.m_ready & self.m_last,
            "IN_STALLED": self.s_valid & ~self.s_ready,
            "IN_STARVED": self.s_ready & ~self.s_valid,
            "OUT_STALLED": self.m_valid & ~self.m_ready,
        }
        fixed |= {n: self._counter(m, n.lower(), events[n], hold, clear) for n in COUNTERS}
        values = {self._offset(name): value for name, value in fixed.items()}
        for k in range(len(self.map.layers) * len(LAYER)):
            counter = self._counter(m, f"layer{k}", self.watch[k], hold, clear)
            values[LAYERS_AT + 4 * k] = counter
        return values

    def _counter(
        self, m: Module, name: str, event: Value, hold: Value, clear: Value, bits: int = 32
    ) -> Signal:
        count = Signal(bits, name=name)
        with m.If(clear):
            m.d.sync += count.eq(0)
        with m.Elif(event & ~hold):
            m.d.sync += count.eq(count + 1)
        return count
