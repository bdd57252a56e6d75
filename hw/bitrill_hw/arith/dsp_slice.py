"""A DSP slice of the 7 series: a product and a sum, with the registers that the slice has.

The Verilog holds the DSP48E1 for synthesis and a model for simulation (see `cells`). Other parts
and Amaranth's own simulator get plain logic with the same registers.
"""

from __future__ import annotations

from amaranth import *
from bitrill.arith.dsp_lines import LOW
from bitrill.arith.dsp_packing import SUM_BITS, WEIGHT_BITS, X_BITS

from .cells import Cell, module

INNER = 2
"""Number of registers that a slice has before its product."""

_ZEROS = (
    "CARRYIN",
    "CARRYCASCIN",
    "MULTSIGNIN",
    "RSTALLCARRYIN",
    "RSTALUMODE",
    "RSTCTRL",
    "RSTINMODE",
    "RSTA",
    "RSTB",
    "RSTC",
    "RSTD",
    "RSTM",
    "RSTP",
    "CEALUMODE",
    "CECARRYIN",
    "CECTRL",
    "CEINMODE",
    "CEC",
    "CED",
    "CEAD",
)
"""Pins that are not used here."""

SLICE = module(
    "bitrill_dsp",
    "parameter REGISTERS = 0, parameter FIRST = 0, parameter SHIFTED = 0",
    "input clk, first, second, times, sums, input [24:0] a, input [17:0] b,\n"
    "  input [47:0] c, above, output [47:0] p, below",
    f"""\
  DSP48E1 #(.AREG(REGISTERS), .ACASCREG(REGISTERS), .BREG(REGISTERS), .BCASCREG(REGISTERS),
    .MREG(1), .PREG(1), .CREG(0), .DREG(0), .ADREG(0), .ALUMODEREG(0), .CARRYINREG(0),
    .CARRYINSELREG(0), .INMODEREG(0), .OPMODEREG(0), .USE_MULT("MULTIPLY"), .USE_DPORT("FALSE"),
    .A_INPUT("DIRECT"), .B_INPUT("DIRECT")) slice (.CLK(clk), .A({{{{5{{a[24]}}}}, a}}), .B(b),
    .C(c), .D(25'b0), .PCIN(above), .P(p), .PCOUT(below), .ACIN(30'b0), .BCIN(18'b0),
    .CEA1(first), .CEB1(first), .CEA2(second), .CEB2(second), .CEM(times), .CEP(sums),
    .ALUMODE(4'b0000), .INMODE(5'b00000), .CARRYINSEL(3'b000),
    .OPMODE(FIRST ? 7'b0110101 : SHIFTED ? 7'b1010101 : 7'b0010101),
    {", ".join(f".{pin}(1'b0)" for pin in _ZEROS)});
""",
    """\
  reg signed [24:0] a1 = 0, a2 = 0;
  reg signed [17:0] b1 = 0, b2 = 0;
  reg signed [42:0] m = 0;
  reg [47:0] r = 0;
  wire signed [24:0] w = REGISTERS > 0 ? a2 : a;
  wire signed [17:0] x = REGISTERS > 0 ? b2 : b;
  wire [47:0] other = FIRST ? c : SHIFTED ? {{17{above[47]}}, above[47:17]} : above;
  always @(posedge clk) begin
    if (first) begin a1 <= a; b1 <= b; end
    if (second) begin a2 <= REGISTERS > 1 ? a1 : a; b2 <= REGISTERS > 1 ? b1 : b; end
    if (times) m <= w * x;
    if (sums) r <= {{5{m[42]}}, m} + other;
  end
  assign p = r;
  assign below = r;
""",
)


class Slice(Cell):
    """``p = a * b + c``, pipelined; ``c`` is a number, or the `Slice` whose sum is added.

    Both factors have ``registers`` registers (0, 1, 2), the product has one, and the sum has one.
    ``loads``: their enables, in that order. ``c`` is added to the registered product, so a number
    that changes must arrive together with it. ``shifted``: ``c`` is first shifted right by
    `bitrill.arith.dsp_lines.LOW` bits.
    """

    name, text = "bitrill_dsp", SLICE

    def __init__(
        self,
        a: Value,
        b: Value,
        c: Slice | Value | int,
        *,
        registers: int,
        loads: list[Value],
        cells: bool,
        label: str,
        shifted: bool = False,
    ):
        self.a, self.b, self.c, self.shifted = a, b, c, shifted
        self.registers, self.loads, self.cells, self.label = registers, loads, cells, label
        self.p = Signal(SUM_BITS, name=f"{label}_sum", reset_less=True)
        self.below = Signal(SUM_BITS, name=f"{label}_below")

    def elaborate(self, platform: object) -> Module | Instance:
        return super().elaborate(platform if self.cells else None)

    def model(self, m: Module) -> None:
        a, b = self.a, self.b
        for k, load in enumerate(self.loads[:-2]):
            a, b = (self._held(m, load, v, f"{self.label}_{n}{k}") for v, n in ((a, "a"), (b, "b")))
        product = self._held(m, self.loads[-2], a * b, f"{self.label}_product")
        above = self.c.below if isinstance(self.c, Slice) else self.c
        if self.shifted:
            above = Value.cast(above).as_signed() >> LOW
        with m.If(self.loads[-1]):
            m.d.sync += self.p.eq(product + above)
        m.d.comb += self.below.eq(self.p)

    @staticmethod
    def _held(m: Module, load: Value, value: Value, name: str) -> Signal:
        held = Signal(value.shape(), name=name, reset_less=True)
        with m.If(load):
            m.d.sync += held.eq(value)
        return held

    def instance(self) -> Instance:
        c, above = C(0, SUM_BITS), C(0, SUM_BITS)
        if isinstance(self.c, Slice):
            above = self.c.below
        else:
            c = C(self.c, SUM_BITS) if isinstance(self.c, int) else self._wide(self.c, SUM_BITS)
        inner = [C(0, 1)] * (INNER - self.registers) + self.loads[:-2]
        return Instance(
            self.name,
            p_REGISTERS=self.registers,
            p_FIRST=int(not isinstance(self.c, Slice)),
            p_SHIFTED=int(self.shifted),
            i_clk=ClockSignal(),
            i_first=inner[0],
            i_second=inner[1],
            i_times=self.loads[-2],
            i_sums=self.loads[-1],
            i_a=self._wide(self.a, WEIGHT_BITS),
            i_b=self._wide(self.b, X_BITS),
            i_c=c,
            i_above=above,
            o_p=self.p,
            o_below=self.below,
        )

    @staticmethod
    def _wide(value: Value, bits: int) -> Value:
        """``value`` extended to ``bits`` bits by its sign, or by zeros."""
        top = value[-1] if value.shape().signed else C(0, 1)
        return Cat(value, top.replicate(bits - len(value)))
