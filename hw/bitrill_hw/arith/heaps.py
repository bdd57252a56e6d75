"""Heaps of bits added up, as `bitrill.arith.heaps` plans them.

A bit may stand for its complement: LUTs take it as it is, and only a register that is read as a
number has it in the plain form. In Verilog for the 7 series, counters, full adders and carry
chains are modules that name LUT6_2 and CARRY4 (see `cells`, whose tricks they use); elsewhere, and
in Amaranth's simulator, plain logic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from amaranth import *
from bitrill.arith.heaps import ONE, HeapPlan, hands_on

from ..pipeline.elastic import Elastic
from .cells import added, counted


class Cell(NamedTuple):
    """A module's Verilog: ``model`` says what it computes, ``body`` how on LUTs and carries.

    Single bits are ports of their own: Verilator makes four times as much code of vectors.
    """

    name: str
    head: str
    body: str
    model: str

    def text(self, *, xc7: bool) -> str:
        """The module; for the 7 series the model is for simulators alone."""
        body = f"`ifdef SYNTHESIS\n{self.body}`else\n{self.model}`endif\n" if xc7 else self.model
        return f"module {self.name} {self.head};\n{body}endmodule\n"


COUNT7 = Cell(
    "bitrill_heap_count7",
    "#(parameter [6:0] INVERT = 0) (\n  input x0, x1, x2, x3, x4, x5, x6, output y0, y1, y2\n)",
    """\
  function [63:0] parity(input [5:0] invert);
    integer i;
    for (i = 0; i < 64; i = i + 1) parity[i] = ^(i[5:0] ^ invert);
  endfunction
  function [63:0] pairs(input [4:0] invert);
    integer i, n;
    for (i = 0; i < 32; i = i + 1) begin
      n = (i[0] ^ invert[0]) + (i[1] ^ invert[1]) + (i[2] ^ invert[2]) + (i[3] ^ invert[3])
        + (i[4] ^ invert[4]);
      pairs[i] = n > 3;
      pairs[32 + i] = n == 2 || n == 3;
    end
  endfunction
  wire [3:0] o, c;
  wire [1:0] s, d;
  LUT6_2 #(.INIT(parity(INVERT[5:0]))) place0 (.I0(x0), .I1(x1), .I2(x2), .I3(x3),
    .I4(x4), .I5(x5), .O6(s[0]), .O5(d[0]));
  LUT6_2 #(.INIT(pairs(INVERT[4:0]))) place1 (.I0(x0), .I1(x1), .I2(x2), .I3(x3),
    .I4(x4), .I5(1'b1), .O6(s[1]), .O5(d[1]));
  CARRY4 carry (.CI(1'b0), .CYINIT(x6), .DI({2'b00, d}), .S({2'b00, s}), .O(o), .CO(c));
  assign {y2, y1, y0} = {c[1], o[1:0]};
""",
    """\
  wire v0 = x0 ^ INVERT[0], v1 = x1 ^ INVERT[1], v2 = x2 ^ INVERT[2], v3 = x3 ^ INVERT[3];
  wire v4 = x4 ^ INVERT[4], v5 = x5 ^ INVERT[5], v6 = x6 ^ INVERT[6];
  wire s = v0 ^ v1 ^ v2, t = v3 ^ v4 ^ v5;
  wire a = v0 & v1 | v2 & (v0 | v1), b = v3 & v4 | v5 & (v3 | v4), c = s & t | v6 & (s | t);
  assign y0 = s ^ t ^ v6;
  assign y1 = a ^ b ^ c;
  assign y2 = a & b | c & (a | b);
""",
)
"""How many of seven bits are 1; those of ``INVERT``, of the first five, count where they are 0."""

COUNT15 = Cell(
    "bitrill_heap_count15",
    "#(parameter [5:0] INVERT = 0) (\n  input x0, x1, x2, x3, x4, z, output y0, y1, y2\n)",
    """\
  function [63:0] parity(input [3:0] invert);
    integer i;
    for (i = 0; i < 32; i = i + 1) begin
      parity[i] = i[3] ^ invert[3];
      parity[32 + i] = ^(i[3:0] ^ invert);
    end
  endfunction
  function [63:0] majority(input [3:0] invert);
    integer i, n;
    for (i = 0; i < 32; i = i + 1) begin
      n = (i[0] ^ invert[0]) + (i[1] ^ invert[1]) + (i[2] ^ invert[2]);
      majority[i] = i[3] ^ invert[3];
      majority[32 + i] = (n > 1) ^ i[3] ^ invert[3];
    end
  endfunction
  wire [3:0] o, c;
  wire [1:0] s, d;
  LUT6_2 #(.INIT(parity(INVERT[3:0]))) place0 (.I0(x0), .I1(x1), .I2(x2), .I3(x3),
    .I4(1'b0), .I5(1'b1), .O6(s[0]), .O5(d[0]));
  LUT6_2 #(.INIT(majority({INVERT[5], INVERT[2:0]}))) place1 (.I0(x0), .I1(x1), .I2(x2), .I3(z),
    .I4(1'b0), .I5(1'b1), .O6(s[1]), .O5(d[1]));
  CARRY4 carry (.CI(1'b0), .CYINIT(x4), .DI({2'b00, d}), .S({2'b00, s}), .O(o), .CO(c));
  assign {y2, y1, y0} = {c[1], o[1:0]};
""",
    """\
  wire v0 = x0 ^ INVERT[0], v1 = x1 ^ INVERT[1], v2 = x2 ^ INVERT[2], v3 = x3 ^ INVERT[3];
  wire v4 = x4 ^ INVERT[4], w = z ^ INVERT[5];
  wire s = v0 ^ v1 ^ v2, a = v0 & v1 | v2 & (v0 | v1), b = s & v3 | v4 & (s | v3);
  assign y0 = s ^ v3 ^ v4;
  assign y1 = a ^ b ^ w;
  assign y2 = a & b | w & (a | b);
""",
)
"""Five bits and twice ``z``; those of ``INVERT``, never the fifth, count where they are 0."""

ADD3 = Cell(
    "bitrill_heap_add3",
    "#(parameter [2:0] INVERT = 0) (\n  input x0, x1, x2, output y0, y1\n)",
    """\
  function [63:0] init(input [2:0] invert);
    integer i;
    for (i = 0; i < 32; i = i + 1) begin
      init[i] = (i[0] ^ invert[0]) + (i[1] ^ invert[1]) + (i[2] ^ invert[2]) > 1;
      init[32 + i] = ^(i[2:0] ^ invert);
    end
  endfunction
  LUT6_2 #(.INIT(init(INVERT))) both (.I0(x0), .I1(x1), .I2(x2), .I3(1'b0), .I4(1'b0),
    .I5(1'b1), .O6(y0), .O5(y1));
""",
    """\
  wire v0 = x0 ^ INVERT[0], v1 = x1 ^ INVERT[1], v2 = x2 ^ INVERT[2];
  assign y0 = v0 ^ v1 ^ v2;
  assign y1 = v0 & v1 | v2 & (v0 | v1);
""",
)
"""How many of three bits are 1; those of ``INVERT`` count where they are 0."""

CHAIN = Cell(
    "bitrill_heap_chain",
    "#(parameter N = 1, M = 1, parameter [N-1:0] HANDS = 0, A = 0, B = 0, C = 0) (\n"
    "  input m, input [N-1:0] a, b, c, output [N:0] y\n)",
    """\
  function [63:0] init(input hands, handed, ia, ib, ic);
    integer i, n;
    for (i = 0; i < 32; i = i + 1) begin
      n = (i[0] ^ ia) + (i[1] ^ ib) + (i[2] ^ ic);
      init[i] = hands ? n > 1 : i[1] ^ ib;
      init[32 + i] = n[0] ^ (handed & i[3]);
    end
  endfunction
  localparam Q = (N + 3) / 4;  // a place that adds two bits: one function, a plain second operand
  wire [N:0] handed;
  wire [4*Q-1:0] s, d, o;
  wire [4*Q:0] carry;
  assign handed[0] = m;
  assign carry[0] = 1'b0;
  genvar k;
  generate
    for (k = 0; k < 4 * Q; k = k + 1) begin : place
      if (k < N) begin : used
        localparam HANDED = k == 0 ? HANDS[0] : HANDS[k > 0 ? k - 1 : 0];
        wire low;
        if (HANDS[k] || B[k] || k == 0 && M) begin : two
          LUT6_2 #(.INIT(init(HANDS[k], HANDED, A[k], B[k], C[k]))) bits (.I0(a[k]), .I1(b[k]),
            .I2(c[k]), .I3(HANDED ? handed[k] : 1'b0), .I4(1'b0), .I5(1'b1), .O6(s[k]), .O5(low));
        end else begin : one
          assign s[k] = a[k] ^ A[k] ^ (HANDED ? handed[k] : b[k]);
          assign low = b[k];
        end
        assign d[k] = HANDED ? handed[k] : HANDS[k] ? 1'b0 : low;
        assign handed[k + 1] = low;
      end else begin : unused
        assign s[k] = 1'b0;
        assign d[k] = 1'b0;
      end
    end
    for (k = 0; k < Q; k = k + 1) begin : slice
      CARRY4 chain (.CI(carry[4*k]), .CYINIT(k == 0 && !HANDS[0] ? m : 1'b0), .DI(d[4*k +: 4]),
        .S(s[4*k +: 4]), .O(o[4*k +: 4]), .CO(carry[4*k+1 +: 4]));
    end
  endgenerate
  assign y = {carry[N], o[N-1:0]};
""",
    """\
  assign y = (a ^ A) + (b ^ B) + (c ^ C) + m;
""",
)
"""``(a ^ A) + (b ^ B) + (c ^ C) + m``; a place adds ``a`` and ``b``, or, where ``HANDS`` is set,
all three, handing their majority to the next one; where it is handed one, it has ``a`` alone, or
hands on itself. ``M``: 0 where ``m`` is always 0."""


class Bit(NamedTuple):
    """A bit, or where ``inverted`` its complement."""

    value: Value
    inverted: bool = False

    def plain(self) -> Value:
        """The bit itself, by logic where it is inverted."""
        return ~self.value if self.inverted else self.value


ZERO, ONE_BIT = Bit(C(0, 1)), Bit(C(0, 1), True)
"""1 as a complement: so it goes where LUTs take it in, never to a carry's end."""


class Cells:
    """Counters and chains in module ``m``: modules where ``platform`` takes them, else logic.

    ``xc7``: whether those modules are written in primitives of the 7 series.
    """

    def __init__(self, m: Module, platform: object = None, *, xc7: bool = False):
        self.m, self.xc7 = m, xc7
        self.modules: dict[str, str] | None = getattr(platform, "modules", None)

    def count(self, bits: Sequence[Bit], outputs: int) -> list[Bit]:
        """How many of up to seven bits are 1."""
        if self.modules is None:
            return [Bit(self._signal(v)) for v in counted([b.plain() for b in bits])[:outputs]]
        if len(bits) <= 3:
            return self._cell(ADD3, [*bits, *[ZERO] * 3][:3], 2)[:outputs]
        bits = [*bits, *[ZERO] * (7 - len(bits))]
        flip = sum(b.inverted for b in bits) > 3
        if flip:  # seven less what is 0
            bits = [Bit(b.value, not b.inverted) for b in bits]
        bits = sorted(bits, key=lambda b: not b.inverted)  # the last two as they are
        out = self._cell(COUNT7, bits, 3)
        return [Bit(b.value, flip) for b in out[:outputs]]

    def count_above(self, bits: Sequence[Bit], above: Bit, outputs: int) -> list[Bit]:
        """Five bits and twice the one ``above``."""
        if self.modules is None:
            low, one, two = counted([b.plain() for b in bits])
            one, carry = added(one, above.plain())
            return [Bit(self._signal(v)) for v in (low, one, two | carry)[:outputs]]
        flip = all(b.inverted for b in bits)
        if flip:  # seven less what is 0
            bits = [Bit(b.value) for b in bits]
            above = Bit(above.value, not above.inverted)
        bits = [*sorted(bits, key=lambda b: not b.inverted), above]
        out = self._cell(COUNT15, bits, 3, last="z")
        return [Bit(b.value, flip) for b in out[:outputs]]

    def chain(self, columns: Sequence[Sequence[Bit]], outputs: int) -> list[Bit]:
        """The sum of up to three bits a column, and one more in the lowest.

        1 in the column that is the last of ``outputs`` complements it.
        """
        m, rows, hands = ZERO, [], []
        handed = False
        for k, column in enumerate(columns):
            if k == outputs - 1:
                column = complemented(column)
            column = sorted(column, key=lambda b: not b.inverted)
            handed = hands_on(len(column), handed, lowest=k == 0)
            if len(column) > 2 + handed:
                m, column = column[-1], column[:-1]
            hands.append(handed)
            rows.append([*column, *[ZERO] * 3][:3])
        n = len(rows)
        words = [[row[j] for row in rows] for j in range(3)]
        if self.modules is None:
            total = sum((Cat(b.plain() for b in w) for w in words), m.plain())
            sums = Signal(n + 1)
            self.m.d.comb += sums.eq(total)
        else:
            sums = Signal(n + 1)
            ends = {f"i_{x}": Cat(b.value for b in w) for x, w in zip("abc", words, strict=True)}
            flags = {
                f"p_{x}": C(_mask(b.inverted for b in w), n)
                for x, w in zip("ABC", words, strict=True)
            }
            self.m.submodules += Instance(
                self._module(CHAIN),
                p_N=n,
                p_M=int(m is not ZERO),
                p_HANDS=C(_mask(hands), n),
                **flags,
                i_m=m.plain(),
                **ends,
                o_y=sums,
            )
        return [Bit(sums[k]) for k in range(min(n + 1, outputs))]

    def _module(self, cell: Cell) -> str:
        """Its name, its text being among the platform's."""
        name = f"{cell.name}_xc7" if self.xc7 else cell.name
        if self.modules is not None:
            self.modules[name] = cell._replace(name=name).text(xc7=self.xc7)
        return name

    def _cell(
        self, cell: Cell, bits: Sequence[Bit], outputs: int, *, last: str | None = None
    ) -> list[Bit]:
        y = [Signal(name=f"y{k}") for k in range(outputs)]
        ends = {f"i_x{k}": b.value for k, b in enumerate(bits)}
        if last is not None:
            ends[f"i_{last}"] = ends.pop(f"i_x{len(bits) - 1}")
        self.m.submodules += Instance(
            self._module(cell),
            p_INVERT=C(_mask(b.inverted for b in bits), len(bits)),
            **ends,
            **{f"o_y{k}": v for k, v in enumerate(y)},
        )
        return [Bit(v) for v in y]

    def _signal(self, value: Value) -> Signal:
        held = Signal()
        self.m.d.comb += held.eq(value)
        return held


def complemented(column: Sequence[Bit]) -> list[Bit]:
    """A column whose carry is dropped: in place of 1, one of the other bits is complemented."""
    bits = [b for b in column if b is not ONE_BIT]
    if bits and len(bits) < len(column):
        bits[0] = Bit(bits[0].value, not bits[0].inverted)
        return bits
    return list(column)


def _mask(flags) -> int:
    return sum(1 << k for k, f in enumerate(flags) if f)


def heap_sum(
    cells: Cells,
    pipe: Elastic,
    plan: HeapPlan,
    bits: Sequence[Bit],
    *,
    stage: int,
    name: str,
    plain: bool = False,
) -> list[list[Bit]]:
    """What ``plan`` makes of ``bits``, column by column: in the register of stage
    ``stage + len(plan.stages) - 1``, or where the plan has no stages, without one. ``plain``: no
    bit of it stands for its complement."""
    alive = dict(enumerate(bits))
    alive[ONE] = ONE_BIT
    for s, levels in enumerate(plan.stages):
        for level in levels:
            for counter in level:
                took, outputs = [alive[b] for b in counter.inputs], len(counter.outputs)
                if counter.above:
                    found = cells.count_above(took, alive[counter.above[0]], outputs)
                else:
                    found = cells.count(took, outputs)
                for b in counter.taken:
                    if b != ONE:
                        del alive[b]
                alive |= zip(counter.outputs, found, strict=True)
        if s < len(plan.stages) - 1:
            kept = [b for b in alive if b != ONE]
            held = pipe.register(stage + s, Cat(alive[b].value for b in kept), f"{name}_{s}")
            alive |= {b: Bit(held[k], alive[b].inverted) for k, b in enumerate(kept)}
    columns = [[alive[b] for b in column] for column in plan.columns]
    low, high = plan.chain
    if high:
        sums = cells.chain(columns[low:high], plan.width - low)
        columns = [*columns[:low], *([b] for b in sums), *columns[low + len(sums) :]]
    elif columns:
        columns[-1] = complemented(columns[-1])
    if plan.stages:
        out = [b for column in columns for b in column]
        values = Cat(b.plain() if plain else b.value for b in out)
        held = pipe.register(stage + len(plan.stages) - 1, values, name)
        kept = iter(Bit(held[k], b.inverted and not plain) for k, b in enumerate(out))
        columns = [[next(kept) for _ in column] for column in columns]
    return columns
