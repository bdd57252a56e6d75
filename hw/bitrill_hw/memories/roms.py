"""Writes tables of constants as separate Verilog modules, instead of Amaranth's memories.

Yosys maps a module as a whole. It would restructure tables together with other logic, for up to
three times the LUTs. In a module that stays separate while LUTs are mapped, 64 words take one LUT a
bit, 32 words half a LUT. `rom_text.Rom` writes the text.

The modules are requested through the platform (`Roms.get_memory`), so Amaranth's own simulator
keeps its memories.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth import *
from amaranth.lib import memory
from amaranth.lib.wiring import Component
from bitrill.ir.structure import ALONE

from ..writer.modules import verilog
from .rom_text import Rom


class Roms:
    """A platform that turns read-only memories into Verilog modules.

    `modules` has their texts by name, in the order in which they were requested.
    """

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}

    def get_memory(self, mem: memory.Memory | Words) -> Elaboratable | Fragment:
        """The elaboratable that `amaranth.lib.memory` uses instead of ``mem``."""
        ports = mem.read_ports
        if mem.write_ports or len({port.domain for port in ports}) != 1 or len(ports) > 2:
            return mem.elaborate(None)  # a memory without its own text
        clocked = ports[0].domain != "comb"
        logic = mem.attrs.get("rom_block") == "logic" and mem.depth > ALONE
        shape = Shape.cast(mem.shape)
        rom = Rom(
            words=tuple(mem.init),
            width=shape.width,
            address_bits=len(ports[0].addr),
            attributes=tuple(sorted(mem.attrs.items())),
            clocked=clocked,
            ports=len(ports),
            separate=logic,
        )
        name = rom.add_to(self.modules)
        ends: dict[str, Value] = {"i_clk": ClockSignal(ports[0].domain)} if clocked else {}
        for k, port in zip(rom.suffixes, ports, strict=True):
            ends |= {f"i_addr{k}": port.addr, f"o_data{k}": port.data}
            ends |= {f"i_en{k}": port.en} if clocked else {}
        return Instance(name, **ends)


class Words(Elaboratable):
    """A table: ``init``, of ``width`` bits each, like `amaranth.lib.memory.Memory`.

    Amaranth looks at each word, bit by bit; this class does so only if that memory is needed.
    """

    write_ports = ()

    def __init__(self, init: Sequence[int], width: int, attrs: dict[str, str]):
        self.init, self.depth, self.shape, self.attrs = init, len(init), unsigned(width), attrs
        self.read_ports: list[memory.ReadPort] = []

    def read_port(self, domain: str = "sync") -> memory.ReadPort:
        """A port that reads a word, at an edge if ``domain`` is a clock's."""
        bits = (self.depth - 1).bit_length()
        signature = memory.ReadPort.Signature(addr_width=bits, shape=self.shape)
        self.read_ports.append(
            memory.ReadPort(signature, memory=None, domain=domain, path=("port",))
        )
        return self.read_ports[-1]

    def elaborate(self, platform: object) -> Elaboratable | Fragment:
        if isinstance(platform, Roms):
            return platform.get_memory(self)
        m = Module()
        m.submodules.words = words = memory.Memory(
            shape=self.shape, depth=self.depth, init=self.init, attrs=self.attrs
        )
        for port in self.read_ports:
            inner = words.read_port(domain=port.domain)
            m.d.comb += [inner.addr.eq(port.addr), port.data.eq(inner.data)]
            if port.domain != "comb":
                m.d.comb += inner.en.eq(port.en)
        return m


def convert(top: Component, *, name: str = "top") -> str:
    """Verilog of a component and of its tables; the same text each time."""
    roms = Roms()
    text = verilog(top, name=name, platform=roms)
    return "\n".join([text, *roms.modules.values()])
