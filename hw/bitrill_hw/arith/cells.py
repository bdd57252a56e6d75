"""Counters and adders on the LUTs and carry chains of the 7 series, and what they compute.

Yosys infers none of them, so Verilog instantiates LUT6_2 and CARRY4 (Xilinx UG474) where it is
synthesised, and says what they compute where it is simulated: each cell is a module whose text
holds both, chosen by the macro ``SYNTHESIS``, which Yosys and Vivado define. Amaranth's own
simulator gets the same function from `elaborate`.

``O5``, the lower half of a LUT's table, drives a place's second operand ``DI``. In the first place
of a counter it is the parity of five inputs where ``O6`` is that of six: wherever ``DI`` counts,
that parity is 0, so ``O5`` equals the sixth input, and the slice's bypass pin stays free for the
seventh, which enters as the carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from amaranth import *

from .gates import logic


def table(outputs: Sequence[Callable[..., int]], inputs: int) -> int:
    """INIT of a LUT6_2: O5 in the lower half, O6 in the upper; one function fills both."""
    init = 0
    for half, f in enumerate(outputs if len(outputs) == 2 else (*outputs, *outputs)):
        for bits in product((0, 1), repeat=5):
            index = sum(b << i for i, b in enumerate(bits))
            init |= (f(*bits[:inputs]) & 1) << (32 * half + index)
    return init


def _parity(*bits: int) -> int:
    return sum(bits) & 1


PARITY6 = table([_parity, lambda *b: 1 ^ _parity(*b)], 5)
"""O6: parity of I0..I5; O5: of I0..I4."""

PAIRS = table([lambda *b: sum(b) // 2 == 2, lambda *b: sum(b) // 2 == 1], 5)
"""Of ``r``, the pairs among I0..I4: O6 is ``r = 1``, O5 ``r = 2``."""

PARITY4 = table([lambda a, b, c, d: d, _parity], 4)
"""O6: parity of I0..I3; O5: I3."""

MAJORITY1 = table([lambda a, b, c, d: d, lambda a, b, c, d: (a + b + c > 1) ^ d], 4)
"""O6: majority of I0..I2, plus I3, without carry; O5: I3."""

TERNARY = table(
    [
        lambda c, clear, a, b, m: (c & ~clear) + a + b > 1,
        lambda c, clear, a, b, m: (c & ~clear) + a + b + m,
    ],
    5,
)
"""Of I0 (0 where I1 is 1), I2 and I3: O5 their majority, O6 the parity of them and I4."""


ENTRY = table([lambda n: n, lambda n: 0], 1)
"""O5: I0; O6: 0, so that the place's carry is O5."""


def module(name: str, parameters: str, ports: str, body: str, model: str) -> str:
    """Verilog of a cell: what it is where it is synthesised, what it computes where not."""
    return (
        f"module {name} #({parameters}) (\n  {ports}\n);\n`ifdef SYNTHESIS\n{body}`else\n"
        f"{model}`endif\nendmodule\n"
    )


_COUNT = """\
  genvar k;
  generate for (k = 0; k < N; k = k + 1) begin : row
    wire [3:0] o, c;
    wire s0, s1, d0, d1;
    LUT6_2 #(.INIT(64'h{init0:016x})) place0 ({pins0}, .O6(s0), .O5(d0));
    LUT6_2 #(.INIT(64'h{init1:016x})) place1 ({pins1}, .O6(s1), .O5(d1));
    CARRY4 carry (.CI(1'b0), .CYINIT({carry}[k]), .DI({{2'b00, d1, d0}}),
      .S({{2'b00, s1, s0}}), .O(o), .CO(c));
    assign o0[k] = o[0];
    assign o1[k] = o[1];
    assign o2[k] = c[1];
  end endgenerate
"""


def _pins(*names: str) -> str:
    """I0.. of a LUT: a row's bits of these words; the rest 0, the last 1 where it is left."""
    pins = [f"{n}[k]" for n in names] + ["1'b0"] * (5 - len(names)) + ["1'b1"]
    return ", ".join(f".I{i}({pin})" for i, pin in enumerate(pins[:6]))


COUNT7 = module(
    "bitrill_count7",
    "parameter N = 1",
    "input [N-1:0] i0, i1, i2, i3, i4, i5, i6, output [N-1:0] o0, o1, o2",
    _COUNT.format(
        init0=PARITY6,
        pins0=_pins("i0", "i1", "i2", "i3", "i4", "i5"),
        init1=PAIRS,
        pins1=_pins("i0", "i1", "i2", "i3", "i4"),
        carry="i6",
    ),
    """\
  wire [N-1:0] s = i0 ^ i1 ^ i2, t = i3 ^ i4 ^ i5;
  wire [N-1:0] a = i0 & i1 | i2 & (i0 | i1), b = i3 & i4 | i5 & (i3 | i4);
  wire [N-1:0] c = s & t | i6 & (s | t);
  assign o0 = s ^ t ^ i6;
  assign o1 = a ^ b ^ c;
  assign o2 = a & b | c & (a | b);
""",
)

COUNT15 = module(
    "bitrill_count15",
    "parameter N = 1",
    "input [N-1:0] i0, i1, i2, i3, i4, j0, output [N-1:0] o0, o1, o2",
    _COUNT.format(
        init0=PARITY4,
        pins0=_pins("i0", "i1", "i2", "i3"),
        init1=MAJORITY1,
        pins1=_pins("i0", "i1", "i2", "j0"),
        carry="i4",
    ),
    """\
  wire [N-1:0] s = i0 ^ i1 ^ i2, a = i0 & i1 | i2 & (i0 | i1);
  wire [N-1:0] b = s & i3 | i4 & (s | i3);
  assign o0 = s ^ i3 ^ i4;
  assign o1 = a ^ b ^ j0;
  assign o2 = a & b | j0 & (a | b);
""",
)

CHAIN3 = module(
    "bitrill_chain3",
    "parameter W = 1, parameter E = 0",
    "input clear, m, n, input [W-1:0] c, a, b, output [W-1:0] s",
    f"""\
  localparam Q = (W + E + 3) / 4;
  wire [W:0] majority;
  wire [4*Q-1:0] parity, carried, sum;
  wire [4*Q:0] carry;
  assign majority[0] = m;
  assign carry[0] = 1'b0;
  genvar k;
  generate
    for (k = 0; k < 4 * Q; k = k + 1) begin : place
      if (k < E)
        LUT6_2 #(.INIT(64'h{ENTRY:016x})) entry (.I0(n), .I1(1'b0), .I2(1'b0), .I3(1'b0),
          .I4(1'b0), .I5(1'b1), .O6(parity[k]), .O5(carried[k]));
      else if (k < W + E) begin
        LUT6_2 #(.INIT(64'h{TERNARY:016x})) bits (.I0(c[k-E]), .I1(clear), .I2(a[k-E]),
          .I3(b[k-E]), .I4(majority[k-E]), .I5(1'b1), .O6(parity[k]), .O5(majority[k-E+1]));
        assign carried[k] = majority[k-E];
      end else begin
        assign parity[k] = 1'b0;
        assign carried[k] = 1'b0;
      end
    end
    for (k = 0; k < Q; k = k + 1) begin : slice
      CARRY4 chain (.CI(carry[4*k]), .CYINIT(1'b0), .DI(carried[4*k +: 4]),
        .S(parity[4*k +: 4]), .O(sum[4*k +: 4]), .CO(carry[4*k+1 +: 4]));
    end
  endgenerate
  assign s = sum[E +: W];
""",
    "  assign s = (clear ? {W{1'b0}} : c) + a + b + m + (E ? n : 1'b0);\n",
)


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
"""Two tables over the same five inputs, whose names are those of the module's ports."""


ANY_EMPTY = table([lambda *v: 1 ^ min(v), lambda *v: 1], 5)
"""O6: 1 unless I0..I4 are 1 and I5 is 0."""

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
    """A module of the platform, or what it computes, where the platform takes no modules."""

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
    """Two tables over the same five inputs at most, in each row: one LUT of two outputs."""

    name, text = "bitrill_lut2", LUT2

    def __init__(self, tables: Sequence[int], i: Sequence[Value], *, label: str):
        self.i = i
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
    """``o``: whether one of up to five stages is empty, or the one behind them loads.

    As a LUT of its own: Yosys, which sees more time left than routing leaves, would make a ripple
    of it, stage by stage.
    """

    name, text = "bitrill_enable", ENABLE

    def __init__(self, valid: Sequence[Value], behind: Value, *, o: Signal):
        absent = 5 - len(valid)
        self.valid = Cat(*valid, C((1 << absent) - 1, absent))
        self.behind, self.o = behind, o

    def model(self, m: Module) -> None:
        m.d.comb += self.o.eq(~self.valid.all() | self.behind)

    def instance(self) -> Instance:
        return Instance(self.name, i_valid=self.valid, i_behind=self.behind, o_o=self.o)


class Count7(Cell):
    """``o[0] + 2 * o[1] + 4 * o[2]``: how many of up to seven bits are 1, in each row.

    ``i``: words of a bit a row. Two LUTs and two places of a carry chain a row.
    """

    name, text = "bitrill_count7", COUNT7

    def __init__(self, i: Sequence[Value], *, label: str):
        self.i = i
        self.o = [Signal(len(i[0]), name=f"{label}_{k}") for k in range(3)]

    def model(self, m: Module) -> None:
        m.d.comb += [o.eq(v) for o, v in zip(self.o, counted(self.i), strict=False)]

    def instance(self) -> Instance:
        words = [*self.i, *(C(0, len(self.i[0])) for _ in range(7 - len(self.i)))]
        ends = {f"i_i{k}": v for k, v in enumerate(words)}
        outs = {f"o_o{k}": v for k, v in enumerate(self.o)}
        return Instance(self.name, p_N=len(self.i[0]), **ends, **outs)


class Count15(Cell):
    """``o[0] + 2 * o[1] + 4 * o[2] = sum(i) + 2 * j``: of five bits ``i`` and one, in each row."""

    name, text = "bitrill_count15", COUNT15

    def __init__(self, i: Sequence[Value], j: Value, *, label: str):
        self.i, self.j = i, j
        self.o = [Signal(len(i[0]), name=f"{label}_{k}") for k in range(3)]

    def model(self, m: Module) -> None:
        low, one, two = counted(self.i)
        m.d.comb += [self.o[0].eq(low), self.o[1].eq(one ^ self.j)]
        m.d.comb += self.o[2].eq(two | (one & self.j))

    def instance(self) -> Instance:
        ends = {f"i_i{k}": v for k, v in enumerate(self.i)}
        outs = {f"o_o{k}": v for k, v in enumerate(self.o)}
        return Instance(self.name, p_N=len(self.j), i_j0=self.j, **ends, **outs)


class Chain3(Cell):
    """``s = (0 where clear, else c) + a + b + m + n`` modulo ``2**len(s)``; one LUT a bit.

    A place adds three bits without carry and hands their majority to the next place's LUT, as a
    fourth (cf. Simkins and Young, US patent 7274211, ternary adders): two levels of LUTs. ``n``,
    where it is given, enters through a place of its own.
    """

    name, text = "bitrill_chain3", CHAIN3

    def __init__(
        self, c: Value, a: Value, b: Value, m: Value, n: Value | None, clear: Value, *, s: Signal
    ):
        self.c, self.a, self.b, self.m, self.n, self.clear, self.s = c, a, b, m, n, clear, s

    def model(self, m: Module) -> None:
        n = C(0, 1) if self.n is None else self.n
        m.d.comb += self.s.eq(Mux(self.clear, 0, self.c) + self.a + self.b + self.m + n)

    def instance(self) -> Instance:
        ends = {
            f"i_{k}": (v if len(v) >= len(self.s) else Cat(v, C(0, len(self.s) - len(v))))[
                : len(self.s)
            ]
            for k, v in (("c", self.c), ("a", self.a), ("b", self.b))
        }
        return Instance(
            self.name,
            p_W=len(self.s),
            p_E=int(self.n is not None),
            i_clear=self.clear,
            i_m=self.m,
            i_n=C(0, 1) if self.n is None else self.n,
            o_s=self.s,
            **ends,
        )


def counted(bits: Sequence[Value]) -> list[Value]:
    """How many of ``bits`` are 1, in all rows: words of weight 1, 2, 4, as plain logic."""
    out: list[Value] = []
    level = list(bits)
    while level:
        carries: list[Value] = []
        while len(level) > 1:
            s, c = added(*level[:3])
            level = [*level[3:], s]
            carries.append(c)
        out += level
        level = carries
    return out


def added(a: Value, b: Value, c: Value | None = None) -> tuple[Value, Value]:
    """Full or half adder: sum and carry."""
    if c is None:
        return a ^ b, a & b
    return a ^ b ^ c, (a & b) | (c & (a ^ b))
