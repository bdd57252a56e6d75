"""Verilog modules that instantiate cells of a family for synthesis, and model them for simulation.

Yosys infers neither LUT6_2 nor CARRY4 of the 7 series (Xilinx UG474), so modules instantiate them.
The text of a module holds both the cells and their model; the macro ``SYNTHESIS``, which Yosys and
Vivado define, selects one. For Amaranth's own simulator, `Cell.model` builds the same function. The
cells that add are in `adder_cells`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from amaranth import *

from .gates import logic


def table(outputs: Sequence[Callable[..., int]], inputs: int) -> int:
    """Return the INIT of a LUT6_2: O5 is the lower half, O6 the upper.

    A single function fills both halves.
    """
    init = 0
    for half, f in enumerate(outputs if len(outputs) == 2 else (*outputs, *outputs)):
        for bits in product((0, 1), repeat=5):
            index = sum(b << i for i, b in enumerate(bits))
            init |= (f(*bits[:inputs]) & 1) << (32 * half + index)
    return init


def module(name: str, parameters: str, ports: str, body: str, model: str) -> str:
    """Return the Verilog of a module: ``body`` for synthesis, ``model`` for simulation."""
    return (
        f"module {name} #({parameters}) (\n  {ports}\n);\n`ifdef SYNTHESIS\n{body}`else\n"
        f"{model}`endif\nendmodule\n"
    )


def _pins(*names: str) -> str:
    """Return the connections of the pins of LUT k; unused pins are 0, an unused last pin is 1."""
    pins = [f"{n}[k]" for n in names] + ["1'b0"] * (5 - len(names)) + ["1'b1"]
    return ", ".join(f".I{i}({pin})" for i, pin in enumerate(pins[:6]))


# The model is a tree of multiplexers over the 64 bits of both tables: one input for each level.
LUT2 = module(
    "bitrill_lut2",
    "parameter N = 1, parameter [31:0] A = 0, parameter [31:0] B = 0",
    "input [N-1:0] i0, i1, i2, i3, i4, output [N-1:0] a, b",
    f"""\
  genvar k;
  generate for (k = 0; k < N; k = k + 1) begin : row
    LUT6_2 #(.INIT({{B, A}})) both ({_pins("i0", "i1", "i2", "i3", "i4")}, .O6(b[k]), .O5(a[k]));
  end endgenerate
""",
    """\
  wire [32*N-1:0] l0;
  wire [16*N-1:0] l1;
  wire [8*N-1:0] l2;
  wire [4*N-1:0] l3;
  genvar j;
  generate
    for (j = 0; j < 32; j = j + 1) begin : of0
      localparam [63:0] T = {B, A};
      assign l0[j*N +: N] = ({N{T[2*j]}} & ~i0) | ({N{T[2*j+1]}} & i0);
    end
    for (j = 0; j < 16; j = j + 1) begin : of1
      assign l1[j*N +: N] = (l0[2*j*N +: N] & ~i1) | (l0[(2*j+1)*N +: N] & i1);
    end
    for (j = 0; j < 8; j = j + 1) begin : of2
      assign l2[j*N +: N] = (l1[2*j*N +: N] & ~i2) | (l1[(2*j+1)*N +: N] & i2);
    end
    for (j = 0; j < 4; j = j + 1) begin : of3
      assign l3[j*N +: N] = (l2[2*j*N +: N] & ~i3) | (l2[(2*j+1)*N +: N] & i3);
    end
  endgenerate
  assign a = (l3[0 +: N] & ~i4) | (l3[N +: N] & i4);
  assign b = (l3[2*N +: N] & ~i4) | (l3[3*N +: N] & i4);
""",
)
"""N LUTs with two outputs each, one for each bit of the inputs: two tables over five inputs."""


ANY_EMPTY = table([lambda *v: 1 ^ min(v), lambda *v: 1], 5)
"""INIT of a LUT whose O6 is 1 unless I0..I4 are all 1 and I5 is 0."""

ENABLE = module(
    "bitrill_enable",
    "parameter N = 5",
    "input [N-1:0] valid, input behind, output o",
    f"""\
  LUT6_2 #(.INIT(64'h{ANY_EMPTY:016x})) any_empty (.I0(valid[0]), .I1(valid[1]), .I2(valid[2]),
    .I3(valid[3]), .I4(valid[4]), .I5(behind), .O6(o), .O5());
""",
    "  assign o = ~&valid | behind;\n",
)


class Cell(Elaboratable):
    """An instance of a Verilog module; its `model` if the platform collects no modules."""

    name: str
    text: str

    def elaborate(self, platform: object) -> Module | Instance:
        modules = getattr(platform, "modules", None)
        if modules is None:
            m = Module()
            self.model(m)
            return m
        modules[self.name] = self.text
        return self.instance()

    def model(self, m: Module) -> None:
        raise NotImplementedError

    def instance(self) -> Instance:
        raise NotImplementedError


class Lut2(Cell):
    """LUTs with two outputs: for each bit of the inputs, at most five, the values of two tables."""

    name, text = "bitrill_lut2", LUT2

    def __init__(self, tables: Sequence[int], i: Sequence[Value], *, label: str):
        self.i = i
        # a table of fewer inputs is repeated, so that unused inputs have no influence
        self.tables = [sum(t << (k << len(i)) for k in range(32 >> len(i))) for t in tables]
        self.narrow = tables
        self.o = [Signal(len(i[0]), name=f"{label}_{k}") for k in range(2)]

    def model(self, m: Module) -> None:
        for k, t in enumerate(self.narrow):
            value = logic(m, t, list(self.i), name=f"{self.o[k].name}_part")
            m.d.comb += self.o[k].eq(value)

    def instance(self) -> Instance:
        words = [*self.i, *(C(0, len(self.i[0])) for _ in range(5 - len(self.i)))]
        return Instance(
            self.name,
            p_N=len(self.i[0]),
            p_A=Const(self.tables[0], 32),
            p_B=Const(self.tables[1], 32),
            o_a=self.o[0],
            o_b=self.o[1],
            **{f"i_i{k}": v for k, v in enumerate(words)},
        )


class Enable(Cell):
    """A pipeline enable ``o``: one of up to five stages is empty, or the stage after them loads.

    It is a separate LUT. Yosys ignores routing delay, and would turn the enables into a chain
    through the stages.

    ``reads``: number of stages that it reads; ``port``: name of their port. Enables of other
    families override both.
    """

    name, text = "bitrill_enable", ENABLE

    reads, port = 5, "i_valid"

    def __init__(self, full: Sequence[Value], behind: Value, *, o: Signal):
        absent = self.reads - len(full)
        self.full = Cat(*full, C((1 << absent) - 1, absent))
        self.behind, self.o = behind, o

    def model(self, m: Module) -> None:
        m.d.comb += self.o.eq(~self.full.all() | self.behind)

    def instance(self) -> Instance:
        return Instance(self.name, **{self.port: self.full}, i_behind=self.behind, o_o=self.o)
