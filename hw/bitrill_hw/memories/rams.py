"""Writable memories of operators of style ``runtime``, as Verilog modules of their own."""

import numpy as np
from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from bitrill.runtime.register_map import REGISTER_BITS

from .constant_tables import words
from .rom_text import add_module
from .roms import Roms


class Ram(wiring.Component):
    """A memory with one port and the initial content ``bits [n, width]`` (0 or 1, low bit first).

    Words are padded to whole 32-bit registers. Each register is written separately, so a write does
    not need the rest of the word. A word that is read in the cycle of a write is undefined. There
    is no reset.

    Members
    -------
    address : In
    enable : In(1)
        ``data`` becomes the word at ``address`` at this edge.
    write : In(one bit for each register)
    value : In(32)
    data : Out(width)
    """

    def __init__(self, bits: np.ndarray, style: str):
        self.depth, self.width = bits.shape
        self.registers = -(-self.width // REGISTER_BITS)
        self.init, self.style = words(bits), style
        super().__init__(
            {
                "address": In(range(max(2, self.depth))),
                "enable": In(1),
                "write": In(self.registers),
                "value": In(REGISTER_BITS),
                "data": Out(self.registers * REGISTER_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if isinstance(platform, Roms):
            m.submodules.ram = Instance(
                add_module(platform.modules, self._body()),
                i_clk=ClockSignal(),
                i_en=self.enable,
                i_addr=self.address,
                i_write=self.write,
                i_value=self.value,
                o_data=self.data,
            )
            return m
        m.submodules.ram = ram = memory.Memory(
            shape=unsigned(len(self.data)),
            depth=self.depth,
            init=self.init,
            attrs={"ram_style": self.style},
        )
        read, write = ram.read_port(), ram.write_port(granularity=REGISTER_BITS)
        m.d.comb += [
            read.addr.eq(self.address),
            read.en.eq(self.enable),
            self.data.eq(read.data),
            write.addr.eq(self.address),
            write.en.eq(self.write),
            write.data.eq(self.value.replicate(self.registers)),
        ]
        return m

    def _body(self) -> str:
        """The Verilog from the ports to the end of the module."""
        width, n = len(self.data), self.registers
        lanes = [f"{REGISTER_BITS * k + REGISTER_BITS - 1}:{REGISTER_BITS * k}" for k in range(n)]
        return "\n".join(
            [
                "(clk, en, addr, write, value, data);",
                "  input clk;",
                "  input en;",
                f"  input [{len(self.address) - 1}:0] addr;",
                f"  input [{n - 1}:0] write;",
                f"  input [{REGISTER_BITS - 1}:0] value;",
                f"  output reg [{width - 1}:0] data;",
                f'  (* ram_style = "{self.style}" *)',
                f"  reg [{width - 1}:0] words [{self.depth - 1}:0];",
                "  initial begin",
                *(
                    f"    words[{k}] = {width}'h{v:0{width // 4}x};"
                    for k, v in enumerate(self.init)
                ),
                "  end",
                "  always @(posedge clk) begin",
                *(f"    if (write[{k}]) words[addr][{at}] <= value;" for k, at in enumerate(lanes)),
                "    if (en) data <= words[addr];",
                "  end",
                "endmodule\n",
            ]
        )
