"""Tables in DP16KD: contents and wiring of the cells give the table, word for word.

The cell is told here as Lattice describes it (FPGA-TN-02204): rows of 18 bits, sixteen of them in
320 bits of INITVAL, read by 14 address pins of which the lowest choose within a row.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from bitrill_hw.memories.block_rom import WIDTHS, BlockRom
from bitrill_hw.memories.roms import convert

SIZES = [(1, 3), (12, 40), (512, 36), (513, 20), (1030, 9), (2049, 5), (4100, 3)]


class Table(wiring.Component):
    """A component that is only a table."""

    def __init__(self, words: list[int], width: int):
        self.words, self.width = words, width
        bits = max(1, (len(words) - 1).bit_length())
        super().__init__({"address": In(bits), "first": In(1), "second": In(1), "data": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        loads = {1: self.first, 2: self.second}
        m.submodules.rom = rom = BlockRom(
            self.words, self.width, address=self.address, load=lambda stage: loads[stage]
        )
        m.d.comb += self.data.eq(rom.data)
        return m


def drawn(depth: int, width: int) -> list[int]:
    rng = np.random.default_rng(depth)
    return [int.from_bytes(rng.bytes(-(-width // 8))) >> (-width % 8) for _ in range(depth)]


def cells_of(text: str) -> list[dict[str, str]]:
    """Parameters and pins of each cell by name."""
    found = re.findall(r"^ *DP16KD #\((.*)\) block\d+ \((.*)\);$", text, re.MULTILINE)
    return [dict(re.findall(r"\.(\w+)\(([^()]*)\)", f"{a}, {b}")) for a, b in found]


def row(cell: dict[str, str], number: int) -> int:
    """The 18 bits of a row."""
    value = cell.get(f"INITVAL_{number // 16:02X}", "320'h0").partition("'h")[2]
    return int(value, 16) >> (20 * (number % 16)) & 0x3FFFF


def read(cell: dict[str, str], port: str, address: int) -> int:
    """The output of a port for a value of its 14 address pins."""
    width, bits = int(cell[f"DATA_WIDTH_{port}"]), row(cell, address >> 4)
    upper, inside = 9 * (address >> 3 & 1), address & 7
    if width == 18:
        return bits
    if width == 9:
        return bits >> upper & 0x1FF
    return bits >> (upper + inside // width * width) & ((1 << width) - 1)


def outputs(text: str, n: int, width: int, address: int) -> int:
    """The word that the module of a table gives, through its wires and cells."""
    low = re.search(r"wire \[12:0\] word = \{addr, (\d)'b0\};", text)
    word = address << (int(low[1]) if low else 0)
    values: dict[str, int] = {}
    for k, cell in enumerate(cells_of(text)):
        for port in "AB":
            pins = [cell[f"AD{port}{i}"] for i in range(14)]
            assert pins[:13] == [f"word[{i}]" for i in range(13)]
            given = read(cell, port, word | int(pins[13][-1]) << 13)
            for i in range(18):
                values[cell[f"DO{port}{i}"]] = given >> i & 1
        assert {cell[f"{pin}{p}"] for pin in ("CLK",) for p in "AB"} == {"clk"}
        assert {cell[f"CE{p}"] for p in "AB"} == {f"first[{k}]"}
        assert {cell[f"OCE{p}"] for p in "AB"} == {f"second[{k}]"}
        assert {cell[f"REGMODE_{p}"] for p in "AB"} == {'"OUTREG"'}
    total = 0
    for high, start, bits in re.findall(r"assign data\[(\d+):(\d+)\] = \{([^}]*)\};", text):
        names = bits.split(", ")[::-1]
        assert len(names) == int(high) - int(start) + 1
        total |= sum(values[name] << i for i, name in enumerate(names)) << int(start)
    return total


@pytest.mark.parametrize(("depth", "width"), SIZES)
def test_cells_hold_the_table(depth: int, width: int) -> None:
    words = drawn(depth, width)
    text = convert(Table(words, width))
    held = min(d for d in WIDTHS if d >= depth)
    assert {c["DATA_WIDTH_A"] for c in cells_of(text)} == {str(WIDTHS[held])}
    assert len(cells_of(text)) == -(-width // (2 * WIDTHS[held]))
    tried = [*range(0, depth, max(1, depth // 40)), depth - 1]
    assert [outputs(text, depth, width, k) for k in tried] == [words[k] for k in tried]
    told = re.findall(rf"words\[(\d+)\] = {width}'h([0-9a-f]+);", text)
    assert [int(v, 16) for _, v in told] == words


def test_a_wrong_bit_is_seen() -> None:
    words = drawn(12, 40)
    text = convert(Table(words, 40))
    place = text.index(".INITVAL_00(320'h") + len(".INITVAL_00(320'h") + 79
    wrong = f"{text[:place]}{int(text[place], 16) ^ 1:x}{text[place + 1 :]}"
    assert outputs(text, 12, 40, 0) == words[0] != outputs(wrong, 12, 40, 0)


@pytest.mark.parametrize(("depth", "width", "cells"), [(8192, 4, 2), (8193, 1, 2), (12544, 4, 4)])
def test_a_deep_table_lies_in_banks(depth: int, width: int, cells: int) -> None:
    """As many cells as their bits need; each bank's own words."""
    words = drawn(depth, width)
    text = convert(Table(words, width))
    assert len(cells_of(text)) == cells
    banks = re.findall(r"^module table_.*?^endmodule$", text, re.MULTILINE | re.DOTALL)
    held = [re.findall(rf"words\[\d+\] = {width}'h([0-9a-f]+);", bank) for bank in banks]
    assert sorted(map(len, held), reverse=True) == [min(8192, depth), depth - 8192][: len(held)]
    for bank, told in zip(banks, held, strict=True):
        start = 0 if len(told) == 8192 else 8192
        tried = [*range(0, len(told), max(1, len(told) // 20)), len(told) - 1]
        assert [outputs(bank, len(told), width, k) for k in tried] == [
            words[start + k] for k in tried
        ]


@pytest.mark.parametrize("depth", [12, 20000])
def test_a_word_stands_behind_two_registers(depth: int) -> None:
    words, far = drawn(depth, 40), depth - 8
    table = Table(words, 40)

    async def bench(ctx) -> None:
        for first, second, address in ((1, 0, 3), (0, 1, 5), (1, 0, far)):
            ctx.set(table.first, first)
            ctx.set(table.second, second)
            ctx.set(table.address, address)
            await ctx.tick()
        assert ctx.get(table.data) == words[3]
        ctx.set(table.first, 0)
        ctx.set(table.second, 1)
        ctx.set(table.address, 5)
        await ctx.tick()
        assert ctx.get(table.data) == words[far]

    simulator = Simulator(table)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
