"""Tables of constants in ECP5 block memory cells, with the cells' output registers.

Yosys infers block memories without the register after their outputs, which on ECP5 means 5.8 ns
from clock to output. So the module of a table has the cells for synthesis, and a model of them
for simulation (macro ``SYNTHESIS``, as in `arith.cells`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth import *
from amaranth.lib import memory

from .rom_text import add_module

ROWS = 1024
"""Rows of a DP16KD, of 18 bits."""

WIDTHS = {512: 18, 1024: 9, 2048: 4, 4096: 2, 8192: 1}
"""Output bits of each port of a DP16KD, by the number of words; a port reads half of the rows."""

DEEPEST = max(WIDTHS)
"""Words of a bank; in a longer table the upper bits of the address choose a bank's output."""


class BlockRom(Elaboratable):
    """A table of ``words`` in banks of `DEEPEST`; it outputs word ``address`` after two registers.

    ``load(1)`` and ``load(2)`` create the registers' enables, one for each cell
    (`bitrill_hw.pipeline.elastic.Elastic.copy`). The table is made of ECP5 cells if the platform
    collects modules (see `bitrill_hw.memories.roms.Roms`), else of plain memory and a register.
    """

    def __init__(
        self, words: Sequence[int], width: int, *, address: Value, load: Callable[[int], Value]
    ):
        self.words, self.address = words, address
        self.data = Signal(width)
        deep = len(words) > DEEPEST
        self.banks = [self._bank(k, load) for k in range(0, len(words), DEEPEST) if deep]
        self.depth = 0 if deep else min(d for d in WIDTHS if d >= len(words))
        cells = 1 if deep else -(-width // (2 * WIDTHS[self.depth]))
        self.loads = [Cat(load(stage) for _ in range(cells)) for stage in (1, 2)]

    def elaborate(self, platform: object) -> Module | Instance:
        if self.banks:
            return self._banked()
        modules = getattr(platform, "modules", None)
        if modules is None:
            return self._plain()
        first, second = self.loads
        return Instance(
            add_module(modules, self._text()),
            i_clk=ClockSignal(),
            i_first=first,
            i_second=second,
            i_addr=self.address,
            o_data=self.data,
        )

    def _bank(self, start: int, load: Callable[[int], Value]) -> BlockRom:
        words = self.words[start : start + DEEPEST]
        bits = max(1, (len(words) - 1).bit_length())
        return BlockRom(words, len(self.data), address=self.address[:bits], load=load)

    def _banked(self) -> Module:
        m = Module()
        for k, bank in enumerate(self.banks):
            m.submodules[f"bank{k}"] = bank
        upper = self.address[(DEEPEST - 1).bit_length() :]
        read, held = Signal.like(upper), Signal.like(upper)
        with m.If(self.loads[0]):
            m.d.sync += read.eq(upper)
        with m.If(self.loads[1]):
            m.d.sync += held.eq(read)
        m.d.comb += self.data.eq(Array(bank.data for bank in self.banks)[held])
        return m

    def _plain(self) -> Module:
        m = Module()
        m.submodules.words = rom = memory.Memory(
            shape=unsigned(len(self.data)),
            depth=len(self.words),
            init=self.words,
            attrs={"ram_style": "block"},
        )
        port = rom.read_port()
        m.d.comb += [port.addr.eq(self.address), port.en.eq(self.loads[0][0])]
        with m.If(self.loads[1][0]):
            m.d.sync += self.data.eq(port.data)
        return m

    def _text(self) -> str:
        """The Verilog from the ports to the end of the module."""
        width, digits = len(self.data), -(-len(self.data) // 4)
        return "\n".join(
            [
                "(clk, first, second, addr, data);",
                f"  input clk; input [{len(self.loads[0]) - 1}:0] first, second;",
                f"  input [{len(self.address) - 1}:0] addr;",
                f"  output [{width - 1}:0] data;",
                "`ifdef SYNTHESIS",
                *self._cells(),
                "`else",
                f"  reg [{width - 1}:0] words [{len(self.words) - 1}:0];",
                f"  reg [{width - 1}:0] read, held;",
                "  initial begin",
                *(f"    words[{k}] = {width}'h{v:0{digits}x};" for k, v in enumerate(self.words)),
                "  end",
                "  always @(posedge clk) begin",
                "    if (first[0]) read <= words[addr];",
                "    if (second[0]) held <= read;",
                "  end",
                "  assign data = held;",
                "`endif",
                "endmodule\n",
            ]
        )

    def _cells(self) -> list[str]:
        """Verilog of the cells; port A of each reads the lower half of the rows, B the upper."""
        width, total = WIDTHS[self.depth], len(self.data)
        # the highest of 14 address pins chooses the half; the lowest are byte enables at 18 bits
        low = {18: 4, 9: 3, 4: 2, 2: 1, 1: 0}[width]
        lines = [
            f"  wire [12:0] word = {{addr, {low}'b0}};" if low else "  wire [12:0] word = addr;"
        ]
        for n, start in enumerate(range(0, total, 2 * width)):
            lines.append(f"  wire [35:0] out{n};")
            bits = min(2 * width, total - start)
            taken = [f"out{n}[{18 + k - width if k >= width else k}]" for k in range(bits)]
            lines.append(
                f"  assign data[{start + bits - 1}:{start}] = {{{', '.join(reversed(taken))}}};"
            )
            lines.append(self._cell(n, start, width, self.depth))
        return lines

    def _cell(self, number: int, start: int, width: int, depth: int) -> str:
        halves = [
            [(w >> (start + half * width)) & ((1 << width) - 1) for w in self.words]
            + [0] * (depth - len(self.words))
            for half in range(2)
        ]
        per_row = 16 // width if width < 9 else 18 // width
        values = halves[0] + halves[1]
        rows = []
        for start in range(0, ROWS * per_row, per_row):
            row = 0
            for k, v in enumerate(values[start : start + per_row]):
                row |= v << k * width + (k * width // 8 if width < 9 else 0)
            rows.append(row)
        inits = []
        for n in range(64):
            value = sum(row << (20 * i) for i, row in enumerate(rows[16 * n : 16 * n + 16]))
            if value:
                inits.append(f".INITVAL_{n:02X}(320'h{value:080x})")
        parameters = [
            *(
                f'.{key}_{p}("{value}")'
                for p in "AB"
                for key, value in (
                    ("REGMODE", "OUTREG"),
                    ("CSDECODE", "0b000"),
                    ("WRITEMODE", "NORMAL"),
                )
            ),
            *(f".DATA_WIDTH_{p}({width})" for p in "AB"),
            '.CLKAMUX("CLKA")',
            '.CLKBMUX("CLKB")',
            '.RESETMODE("SYNC")',
            '.ASYNC_RESET_RELEASE("SYNC")',
            '.GSR("AUTO")',
            *inits,
        ]
        pins = []
        for p, half in (("A", 0), ("B", 1)):
            pins += [f".CLK{p}(clk)", f".CE{p}(first[{number}])", f".OCE{p}(second[{number}])"]
            pins += [f".{pin}{p}(1'b0)" for pin in ("WE", "RST")]
            pins += [f".CS{p}{k}(1'b0)" for k in range(3)]
            pins += [f".AD{p}{k}(word[{k}])" for k in range(13)]
            pins += [f".AD{p}13(1'b{half})"]
            pins += [f".DO{p}{k}(out{number}[{18 * half + k}])" for k in range(18)]
        return f"  DP16KD #({', '.join(parameters)}) block{number} ({', '.join(pins)});"
