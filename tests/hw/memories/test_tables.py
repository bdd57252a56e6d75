"""Tables of constants in Verilog, in Amaranth's simulator, and in LUTs."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from bitrill.ir.structure import ALONE
from bitrill_hw.memories.constant_tables import table, tables, words
from bitrill_hw.memories.rom_text import PREFIX
from bitrill_hw.memories.roms import convert
from bitrill_hw.pipeline.elastic import Elastic
from bitrill_hw.synth import synthesis
from bitrill_hw.synth.synthesis import synthesise_layers


class Reader(wiring.Component):
    """Reads a table word by word, in turn."""

    def __init__(self, bits: np.ndarray, style: str = "distributed"):
        self.bits, self.style = bits, style
        super().__init__(
            {"valid": In(1), "ready": In(1), "o": Out(bits.shape[1]), "at": Out(range(len(bits)))}
        )

    def elaborate(self, _: object) -> Module:
        m = Module()
        n = len(self.bits)
        pipe = Elastic(m, stages=1, valid=self.valid, ready=self.ready)
        at = self.at
        with m.If(pipe.enters(1)):
            m.d.sync += at.eq(Mux(at == n - 1, 0, at + 1))
        m.d.comb += self.o.eq(table(m, pipe, 1, "words", self.bits, at, self.style))
        return m


class Several(wiring.Component):
    """Readers side by side, for one run of Yosys."""

    def __init__(self, readers: list[Reader]):
        self.readers = readers
        super().__init__(
            {"valid": In(1), "ready": In(1)}
            | {f"o{k}": Out(len(r.o)) for k, r in enumerate(readers)}
            | {f"at{k}": Out(len(r.at)) for k, r in enumerate(readers)}
        )

    def elaborate(self, _: object) -> Module:
        m = Module()
        for k, r in enumerate(self.readers):
            m.submodules[f"r{k}"] = r
            m.d.comb += [r.valid.eq(self.valid), r.ready.eq(self.ready)]
            m.d.comb += [getattr(self, f"o{k}").eq(r.o), getattr(self, f"at{k}").eq(r.at)]
        return m


def drawn(depth: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([depth, width, seed]).integers(0, 2, (depth, width))


def with_constants(depth: int, width: int, fixed: list[int]) -> np.ndarray:
    """A table in which the bits ``fixed`` are the same in all words."""
    bits = drawn(depth, width)
    bits[:, fixed] = bits[0, fixed]
    return bits


ODD = [
    with_constants(40, 9, [0]),
    with_constants(40, 9, [8]),
    with_constants(40, 9, [1, 2, 5]),
    with_constants(40, 9, [0, 1, 7, 8]),
    with_constants(33, 3, [0, 2]),
    drawn(33, 1),
    drawn(2, 5),
    drawn(32, 5),
    with_constants(6, 200, list(range(0, 200, 2))),
]


@pytest.mark.parametrize("k", range(len(ODD)))
def test_each_word_comes_out(k: int) -> None:
    bits = ODD[k]
    reader, seen = Reader(bits), []

    async def bench(ctx: Any) -> None:
        ctx.set(reader.valid, 1)
        ctx.set(reader.ready, 1)
        for _ in range(len(bits)):
            await ctx.tick()
            seen.append([ctx.get(reader.o) >> c & 1 for c in range(bits.shape[1])])

    sim = Simulator(reader)
    sim.add_clock(1e-8)
    sim.add_testbench(bench)
    sim.run()
    assert seen == bits.tolist()


class Lanes(wiring.Component):
    """Several tables, read at different addresses, a word of each a cycle."""

    def __init__(self, bits: list[np.ndarray]):
        self.bits = bits
        super().__init__({"ready": In(1), "o": Out(sum(b.shape[1] for b in bits))})

    def elaborate(self, _: object) -> Module:
        m = Module()
        pipe = Elastic(m, stages=1, valid=self.ready, ready=self.ready)
        depth, addresses = len(self.bits[0]), []
        for k in range(len(self.bits)):
            at = Signal(range(depth), init=3 * k % depth)
            with m.If(pipe.enters(1)):
                m.d.sync += at.eq(Mux(at == depth - 1, 0, at + 1))
            addresses.append(at)
        m.d.comb += self.o.eq(Cat(tables(m, pipe, 1, "lane", self.bits, addresses, "block")))
        return m


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("n", [2, 3])
def test_tables_that_share_a_memory_give_each_their_own_word(n: int, same: bool) -> None:
    depth, width = (600, 16) if same else (390, 13)
    bits = [drawn(depth, width)] * n if same else [drawn(depth, width, seed=k) for k in range(n)]
    lanes, seen = Lanes(bits), []

    async def bench(ctx: Any) -> None:
        ctx.set(lanes.ready, 1)
        for _ in range(depth + 5):
            await ctx.tick()
            seen.append([ctx.get(lanes.o) >> c & 1 for c in range(n * width)])

    sim = Simulator(lanes)
    sim.add_clock(1e-8)
    sim.add_testbench(bench)
    sim.run()
    for t, row in enumerate(seen):
        assert row == np.concatenate([b[(3 * k + t) % depth] for k, b in enumerate(bits)]).tolist()


def test_two_ports_in_verilog() -> None:
    first, second = drawn(390, 13), drawn(390, 13, seed=1)
    (body,) = modules(convert(Lanes([first, second]))).values()
    both = [*words(first), *[0] * (512 - 390), *words(second)]
    assert words_of(body) == both
    assert body.count("data2 <= words[addr2]") == 1
    table_ = drawn(600, 16)
    (body,) = modules(convert(Lanes([table_, table_]))).values()
    assert words_of(body) == words(table_)


def test_two_tables_take_one_block(tmp_path: Path) -> None:
    lanes = Lanes([drawn(512, 18, seed=k) for k in range(2)])
    found = synthesis.synthesise_unit(convert(lanes), work=tmp_path).total
    assert (found.ramb18, found.ramb36) == (1, 0)


def modules(text: str) -> dict[str, str]:
    """Each table's module, with the attributes in front of it."""
    found = re.findall(
        rf"((?:^\(\*[^\n]*\*\)\n)?^module ({PREFIX}\w+).*?^endmodule$)", text, re.M | re.S
    )
    return {name: body for body, name in found}


def words_of(body: str) -> list[int]:
    return [int(w, 16) for w in re.findall(r"^    words\[\d+\] = \d+'h(\w+);$", body, re.M)]


@pytest.mark.parametrize("style", ["distributed", "block"])
def test_verilog_holds_each_word(style: str) -> None:
    bits = drawn(40, 70)
    (body,) = modules(convert(Reader(bits, style))).values()
    assert words_of(body) == [sum(int(b) << k for k, b in enumerate(row)) for row in bits]
    assert f'ram_style = "{style}"' in body
    assert ("keep_hierarchy" in body) is (style == "distributed")


def test_short_tables_are_mapped_with_what_is_around() -> None:
    (body,) = modules(convert(Reader(drawn(ALONE, 4)))).values()
    assert "keep_hierarchy" not in body


def test_equal_tables_are_one_module() -> None:
    twins = Several([Reader(drawn(40, 4)), Reader(drawn(40, 4)), Reader(drawn(40, 4, seed=1))])
    assert len(modules(convert(twins))) == 2


def test_what_is_written_stays_a_memory() -> None:
    class Written(wiring.Component):
        def __init__(self) -> None:
            super().__init__({"o": Out(4)})

        def elaborate(self, _: object) -> Module:
            m = Module()
            m.submodules.ram = ram = memory.Memory(shape=unsigned(4), depth=8, init=[5])
            m.d.comb += [ram.write_port().en.eq(1), self.o.eq(ram.read_port().data)]
            return m

    text = convert(Written())
    assert not modules(text)
    assert "reg [3:0] ram [7:0]" in text


def test_a_table_read_at_once() -> None:
    class AtOnce(wiring.Component):
        def __init__(self) -> None:
            super().__init__({"a": In(3), "o": Out(4)})

        def elaborate(self, _: object) -> Module:
            m = Module()
            m.submodules.rom = rom = memory.Memory(shape=unsigned(4), depth=8, init=range(8))
            port = rom.read_port(domain="comb")
            m.d.comb += [port.addr.eq(self.a), self.o.eq(port.data)]
            return m

    (body,) = modules(convert(AtOnce())).values()
    assert "assign data = words[addr];" in body
    assert "clk" not in body
    assert words_of(body) == list(range(8))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> partial:
    """LUTs and flip-flops that a table takes beyond its counter of so many words."""
    shapes = [(33, 12), (64, 24), (100, 10), (256, 6), (32, 24)]
    empty = [Reader(with_constants(n, 1, [0])) for n, _ in shapes]
    full = [Reader(drawn(n, w)) for n, w in shapes]
    work = tmp_path_factory.mktemp("tables")
    found = synthesise_layers(convert(Several([*full, *empty])), work=work)
    rows = [found[f"r{k}"] - found[f"r{k + len(shapes)}"] for k in range(len(shapes))]
    return partial(dict(zip(shapes, rows, strict=True)).__getitem__)


@pytest.mark.parametrize(
    ("depth", "width", "luts"), [(33, 12, 12), (64, 24, 24), (100, 10, 20), (256, 6, 24)]
)
def test_64_words_take_one_lut_a_bit(measured: partial, depth: int, width: int, luts: int) -> None:
    found = measured((depth, width))
    assert luts / 2 <= found.lcs <= luts * 1.1
    assert found.ff == width


def test_32_words_take_half_a_lut_a_bit(measured: partial) -> None:
    assert 12 <= measured((32, 24)).lcs <= 13


def test_no_table_is_left_a_module(tmp_path: Path) -> None:
    graph_like = convert(Reader(drawn(40, 4)))
    job = synthesis.YosysRun(
        tmp_path, synthesis._TOTAL, {"design.v": graph_like}, ("netlist.json", "netlist.v")
    )
    synthesis.run([job])
    assert PREFIX not in (tmp_path / "netlist.v").read_text()
