"""Verilog modules that add bits, on LUT6_2 and CARRY4: counters and a carry chain.

Yosys infers none of these, so they instantiate the cells of the 7 series (see `cells`); for other
parts they are plain Verilog. `compressors` makes instances of them.

``O5``, the lower half of a LUT's table, drives ``DI``, the second operand of a place in the carry
chain. In a counter's first place, ``O6`` is the parity of six inputs and ``O5`` that of five. If
``DI`` matters, the parity of six is 0, so ``O5`` equals the sixth input. The slice's bypass pin
stays free for the seventh input, which enters as the carry.
"""

from typing import NamedTuple


class Verilog(NamedTuple):
    """The Verilog of a module: ``model`` is its function, ``body`` its LUTs and carry cells.

    Each word has its own port: for one wide vector, Verilator generates four times as much code.
    ``inputs``, ``outputs``: number of words ``x0``, .. and ``y0``, .., if it has no other ports.
    """

    name: str
    head: str
    body: str
    model: str
    inputs: int = 0
    outputs: int = 0

    def text(self, *, xc7: bool) -> str:
        """The Verilog text of the module; with ``xc7``, only simulators use the model."""
        body = f"`ifdef SYNTHESIS\n{self.body}`else\n{self.model}`endif\n" if xc7 else self.model
        return f"module {self.named(xc7=xc7)} {self.head};\n{body}endmodule\n"

    def named(self, *, xc7: bool) -> str:
        """The name of the module."""
        return f"{self.name}_xc7" if xc7 else self.name


def _counter(name: str, inputs: int, outputs: int, functions: str, row: str, model: str) -> Verilog:
    """A counter module for words of N bits; each row counts its own bits."""
    xs, ys = (", ".join(f"{p}{k}" for k in range(n)) for p, n in (("x", inputs), ("y", outputs)))
    head = (
        f"#(parameter N = 1, parameter [{inputs - 1}:0] INVERT = 0) (\n"
        f"  input [N-1:0] {xs}, output [N-1:0] {ys}\n)"
    )
    body = (
        f"{functions}  genvar k;\n  generate for (k = 0; k < N; k = k + 1) begin : row\n{row}"
        "  end endgenerate\n"
    )
    wires = "".join(f"  wire [N-1:0] v{k} = x{k} ^ {{N{{INVERT[{k}]}}}};\n" for k in range(inputs))
    return Verilog(name, head, body, wires + model, inputs, outputs)


COUNT7 = _counter(
    "bitrill_count7",
    7,
    3,
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
""",
    """\
    wire [3:0] o, c;
    wire [1:0] s, d;
    LUT6_2 #(.INIT(parity(INVERT[5:0]))) place0 (.I0(x0[k]), .I1(x1[k]), .I2(x2[k]), .I3(x3[k]),
      .I4(x4[k]), .I5(x5[k]), .O6(s[0]), .O5(d[0]));
    LUT6_2 #(.INIT(pairs(INVERT[4:0]))) place1 (.I0(x0[k]), .I1(x1[k]), .I2(x2[k]), .I3(x3[k]),
      .I4(x4[k]), .I5(1'b1), .O6(s[1]), .O5(d[1]));
    CARRY4 carry (.CI(1'b0), .CYINIT(x6[k]), .DI({2'b00, d}), .S({2'b00, s}), .O(o), .CO(c));
    assign y0[k] = o[0];
    assign y1[k] = o[1];
    assign y2[k] = c[1];
""",
    """\
  wire [N-1:0] s = v0 ^ v1 ^ v2, t = v3 ^ v4 ^ v5;
  wire [N-1:0] a = v0 & v1 | v2 & (v0 | v1), b = v3 & v4 | v5 & (v3 | v4), c = s & t | v6 & (s | t);
  assign y0 = s ^ t ^ v6;
  assign y1 = a ^ b ^ c;
  assign y2 = a & b | c & (a | b);
""",
)
"""A 7:3 counter: the number of ones among seven bits, in three bits.

Bits that ``INVERT`` selects, among the first five, count if they are 0. It takes two LUTs and two
places of a carry chain a row.
"""

COUNT15 = _counter(
    "bitrill_count15",
    6,
    3,
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
""",
    """\
    wire [3:0] o, c;
    wire [1:0] s, d;
    LUT6_2 #(.INIT(parity(INVERT[3:0]))) place0 (.I0(x0[k]), .I1(x1[k]), .I2(x2[k]), .I3(x3[k]),
      .I4(1'b0), .I5(1'b1), .O6(s[0]), .O5(d[0]));
    LUT6_2 #(.INIT(majority({INVERT[5], INVERT[2:0]}))) place1 (.I0(x0[k]), .I1(x1[k]),
      .I2(x2[k]), .I3(x5[k]), .I4(1'b0), .I5(1'b1), .O6(s[1]), .O5(d[1]));
    CARRY4 carry (.CI(1'b0), .CYINIT(x4[k]), .DI({2'b00, d}), .S({2'b00, s}), .O(o), .CO(c));
    assign y0[k] = o[0];
    assign y1[k] = o[1];
    assign y2[k] = c[1];
""",
    """\
  wire [N-1:0] s = v0 ^ v1 ^ v2, a = v0 & v1 | v2 & (v0 | v1), b = s & v3 | v4 & (s | v3);
  assign y0 = s ^ v3 ^ v4;
  assign y1 = a ^ b ^ v5;
  assign y2 = a & b | v5 & (a | b);
""",
)
"""A (1,5;3) counter: the number of ones among five bits, plus twice the last bit.

Bits that ``INVERT`` selects, never the fifth, count if they are 0. It takes two LUTs and two places
of a carry chain a row.
"""

ADD3 = _counter(
    "bitrill_add3",
    3,
    2,
    """\
  function [63:0] init(input [2:0] invert);
    integer i;
    for (i = 0; i < 32; i = i + 1) begin
      init[i] = (i[0] ^ invert[0]) + (i[1] ^ invert[1]) + (i[2] ^ invert[2]) > 1;
      init[32 + i] = ^(i[2:0] ^ invert);
    end
  endfunction
""",
    """\
    LUT6_2 #(.INIT(init(INVERT))) both (.I0(x0[k]), .I1(x1[k]), .I2(x2[k]), .I3(1'b0), .I4(1'b0),
      .I5(1'b1), .O6(y0[k]), .O5(y1[k]));
""",
    """\
  assign y0 = v0 ^ v1 ^ v2;
  assign y1 = v0 & v1 | v2 & (v0 | v1);
""",
)
"""A full adder: the number of ones among three bits; those of ``INVERT`` count if 0. One LUT."""

CHAIN = Verilog(
    "bitrill_chain",
    "#(parameter N = 1, M = 1, E = 0, parameter [N-1:0] HANDS = 0, A = 0, B = 0, C = 0) (\n"
    "  input clear, m, n, input [N-1:0] a, b, c, output [N:0] y\n)",
    """\
  function [63:0] init(input hands, handed, ia, ib, ic);
    integer i, n;
    for (i = 0; i < 32; i = i + 1) begin
      n = ((i[0] ^ ia) & ~i[4]) + (i[1] ^ ib) + (i[2] ^ ic);
      init[i] = hands ? n > 1 : i[1] ^ ib;
      init[32 + i] = n[0] ^ (handed & i[3]);
    end
  endfunction
  localparam Q = (N + E + 3) / 4;  // a place that adds two bits: a plain second operand
  wire [N:0] handed;
  wire [4*Q-1:0] s, d, o;
  wire [4*Q:0] carry;
  assign handed[0] = m;
  assign carry[0] = 1'b0;
  genvar k;
  generate
    if (E) begin : entry
      LUT6_2 #(.INIT(64'h00000000aaaaaaaa)) first (.I0(n), .I1(1'b0), .I2(1'b0), .I3(1'b0),
        .I4(1'b0), .I5(1'b1), .O6(s[0]), .O5(d[0]));
    end
    for (k = 0; k < 4 * Q - E; k = k + 1) begin : place
      if (k < N) begin : used
        localparam HANDED = k == 0 ? HANDS[0] : HANDS[k > 0 ? k - 1 : 0];
        wire low;
        if (HANDS[k] || B[k] || k == 0 && M) begin : two
          LUT6_2 #(.INIT(init(HANDS[k], HANDED, A[k], B[k], C[k]))) bits (.I0(a[k]), .I1(b[k]),
            .I2(c[k]), .I3(HANDED ? handed[k] : 1'b0), .I4(clear), .I5(1'b1), .O6(s[k+E]),
            .O5(low));
        end else begin : one
          assign s[k+E] = ((a[k] ^ A[k]) & ~clear) ^ (HANDED ? handed[k] : b[k]);
          assign low = b[k];
        end
        assign d[k+E] = HANDED ? handed[k] : HANDS[k] ? 1'b0 : low;
        assign handed[k+1] = low;
      end else begin : unused
        assign s[k+E] = 1'b0;
        assign d[k+E] = 1'b0;
      end
    end
    for (k = 0; k < Q; k = k + 1) begin : slice
      CARRY4 chain (.CI(carry[4*k]), .CYINIT(k == 0 && !HANDS[0] ? m : 1'b0), .DI(d[4*k +: 4]),
        .S(s[4*k +: 4]), .O(o[4*k +: 4]), .CO(carry[4*k+1 +: 4]));
    end
  endgenerate
  assign y = {carry[N+E], o[E +: N]};
""",
    """\
  assign y = ((a ^ A) & ~{N{clear}}) + (b ^ B) + (c ^ C) + m + (E ? n : 1'b0);
""",
)
"""A carry chain: ``(a ^ A, or 0 if clear) + (b ^ B) + (c ^ C) + m``, plus ``n`` if ``E`` is 1.

A place of the chain adds ``a`` and ``b``. If its bit of ``HANDS`` is set, it adds all three, and
hands their majority to the next place (cf. Simkins and Young, US patent 7274211, ternary adders:
two logic levels). A place that receives a majority adds it to ``a`` alone, or hands on, too. ``M``
is 0 if ``m`` is always 0. ``n`` enters through an extra place, which exists if the first place
hands on.
"""
