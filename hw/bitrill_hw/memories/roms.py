"""Writes tables of constants as Verilog modules of their own, instead of Amaranth's memories.

There are two reasons. Amaranth carries each bit of a table through its netlist, which for large
networks takes longer than everything else. And Yosys, which maps a module as a whole, restructures
tables together with other logic, for up to three times the LUTs. In a module that stays separate
while LUTs are mapped, 64 words take one LUT a bit, 32 words half a LUT. Amaranth's own simulator
keeps its memories, since the modules are requested through the platform (`Roms.get_memory`). Their
text is that of `rom_text.Rom`.
"""

from typing import Any

from amaranth import *
from amaranth.lib import memory
from bitrill.ir.structure import ALONE

from ..writer.modules import verilog
from .rom_text import Rom


class Roms:
    """A platform that turns read-only memories into Verilog modules.

    `modules` has their texts by name, in the order in which they were requested.
    """

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}

    def get_memory(self, mem: memory.Memory) -> Any:
        """The elaboratable that `amaranth.lib.memory` takes instead of ``mem``."""
        ports = mem.read_ports
        if mem.write_ports or len({port.domain for port in ports}) != 1 or len(ports) > 2:
            return mem.elaborate(None)
        clocked = ports[0].domain != "comb"
        logic = mem.attrs.get("rom_block") == "logic" and mem.depth > ALONE
        shape = Shape.cast(mem.shape)
        rom = Rom(
            words=tuple(mem.init), width=shape.width, address=len(ports[0].addr),
            attributes=tuple(sorted(mem.attrs.items())), clocked=clocked, ports=len(ports),
            separate=logic,
        )  # fmt: skip
        name = rom.add_to(self.modules)
        ends: dict[str, Any] = {"i_clk": ClockSignal(ports[0].domain)} if clocked else {}
        for k, port in zip(rom.names, ports, strict=True):
            ends |= {f"i_addr{k}": port.addr, f"o_data{k}": port.data}
            ends |= {f"i_en{k}": port.en} if clocked else {}
        return Instance(name, **ends)


def convert(top: Any, *, name: str = "top") -> str:
    """Verilog of a component and of its tables; the same text each time."""
    roms = Roms()
    text = verilog(top, name=name, platform=roms)
    return "\n".join([text, *roms.modules.values()])
