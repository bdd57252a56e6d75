"""Comparators of a number with one of a few constants, which is chosen in each cycle.

The table of the constants is in the comparator's LUTs:

    x bits ─┐         ┌ O6: these bits of x equal the constant's ─ S  ┐
    turn ───┴ LUT6_2 ─┴ O5: they alone decide, and x reached it ── DI ┴ carry chain ─ reached

A LUT has five inputs: the bits that choose the constant, and bits of x. With four constants, a LUT
compares three bits of x; with eight, two bits. A separate table would need half a LUT for each bit,
in addition to the comparator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *

from .cells import Cell

INPUTS = 5
"""Inputs of a LUT with two outputs."""

REACHED = """\
module bitrill_reached #(parameter N = 1, parameter D = 2, parameter [32*N-1:0] P = 0,
    parameter [32*N-1:0] G = 0) (
  input [D*N-1:0] x, input [4-D:0] turn, output o
);
  genvar k;
`ifdef SYNTHESIS
  localparam Q = (N + 3) / 4;
  wire [4*Q-1:0] p, g;
  wire [4*Q:0] c;
  assign c[0] = 1'b0;
  generate
    for (k = 0; k < 4 * Q; k = k + 1) begin : place
      if (k < N) begin
        wire [4:0] i = {turn, x[D*k +: D]};
        LUT6_2 #(.INIT({P[32*k +: 32], G[32*k +: 32]})) both (.I0(i[0]), .I1(i[1]), .I2(i[2]),
          .I3(i[3]), .I4(i[4]), .I5(1'b1), .O6(p[k]), .O5(g[k]));
      end else begin
        assign p[k] = 1'b0;
        assign g[k] = 1'b0;
      end
    end
    for (k = 0; k < Q; k = k + 1) begin : slice
      CARRY4 chain (.CI(c[4*k]), .CYINIT(k == 0 ? 1'b1 : 1'b0), .DI(g[4*k +: 4]),
        .S(p[4*k +: 4]), .O(), .CO(c[4*k+1 +: 4]));
    end
  endgenerate
  assign o = c[N];
`else
  wire [N:0] c;
  assign c[0] = 1'b1;
  generate for (k = 0; k < N; k = k + 1) begin : place
    localparam [31:0] EQUAL = P[32*k +: 32], DECIDED = G[32*k +: 32];
    wire [4:0] i = {turn, x[D*k +: D]};
    assign c[k+1] = EQUAL[i] ? c[k] : DECIDED[i];
  end endgenerate
  assign o = c[N];
`endif
endmodule
"""


@dataclass(frozen=True)
class Limit:
    """A comparison with a constant: ``x >= at``, or ``x < at`` if ``falls``."""

    at: int
    falls: bool = False

    def holds(self, x: int) -> bool:
        return (x < self.at) if self.falls else (x >= self.at)


class Places:
    """The contents of a comparator's LUTs: each compares ``5 - choosing`` bits of x.

    ``skipped`` low bits of x, which are 0 in all limits, are not compared.
    """

    def __init__(self, shape: Shape, choosing: int, limits: Sequence[Limit]):
        self.limits, self.bits = limits, shape.width
        self.lo, _ = value_range(shape)
        inner = [n.at - self.lo for n in limits if 0 < n.at - self.lo < 1 << self.bits]
        self.skipped = min((at & -at).bit_length() - 1 for at in inner) if inner else self.bits - 1
        self.each = INPUTS - choosing
        self.n = -(-(self.bits - self.skipped) // self.each)

    def tables(self) -> tuple[int, int]:
        """Two tables over all LUTs: bits of x equal the limit's; they differ and x is past it."""
        equal = past = 0
        for turn, limit in enumerate(self.limits):
            for place in range(self.n):
                for v in range(1 << self.each):
                    index = 32 * place + (turn << self.each | v)
                    e, p = self._decide(limit, place, v)
                    equal |= int(e) << index  # as int, since numpy would overflow at 64 bits
                    past |= int(p) << index
        return equal, past

    def _decide(self, limit: Limit, place: int, v: int) -> tuple[bool, bool]:
        at = limit.at - self.lo
        if not 0 < at < 1 << self.bits:  # true for all x, or for none
            return False, (at <= 0) ^ limit.falls
        first = self.skipped + place * self.each
        if self.lo and first <= self.bits - 1 < first + self.each:
            v ^= 1 << self.bits - 1 - first  # inverting the sign bit makes signed numbers ascend
        # x < at is x <= at - 1, on the compared bits
        own = ((at >> self.skipped) - limit.falls) >> place * self.each & (1 << self.each) - 1
        return v == own, (v < own if limit.falls else v > own)


class Reached(Cell):
    """A comparator: ``o`` is ``limits[turn].holds(x)``, for any x of its shape.

    ``turn`` has 1 to 4 bits; ``o`` is undefined for a turn without a limit. `Places` has the LUTs.
    """

    name, text = "bitrill_reached", REACHED

    def __init__(self, x: Value, turn: Value, limits: Sequence[Limit], *, o: Signal):
        self.x, self.turn, self.limits, self.o = x, turn, limits, o

    def model(self, m: Module) -> None:
        with m.Switch(self.turn):
            for n, limit in enumerate(self.limits):
                with m.Case(n):
                    m.d.comb += self.o.eq((self.x < limit.at) ^ (not limit.falls))

    def instance(self) -> Instance:
        places = Places(self.x.shape(), len(self.turn), self.limits)
        equal, past = places.tables()
        above = C(0, places.skipped + places.n * places.each - places.bits)
        return Instance(
            self.name,
            p_N=places.n,
            p_D=places.each,
            p_P=Const(equal, 32 * places.n),
            p_G=Const(past, 32 * places.n),
            i_x=Cat(self.x, above)[places.skipped :],
            i_turn=self.turn,
            o_o=self.o,
        )


def reached_one(m: Module, x: Value, turn: Value, limits: Sequence[Limit], *, name: str) -> Value:
    """The output of a `Reached` as a submodule ``name``, or a constant if x does not matter."""
    lo, hi = value_range(x.shape())
    ends = {limit.holds(v) for limit in limits for v in (lo, hi)}
    if len(ends) == 1:
        return C(ends.pop(), 1)
    o = Signal(name=name)
    m.submodules[name] = Reached(x, turn, limits, o=o)
    return o


def value_range(shape: Shape) -> tuple[int, int]:
    """The lowest and the highest number of a shape."""
    lo = -(1 << shape.width - 1) if shape.signed else 0
    return lo, lo + (1 << shape.width) - 1
