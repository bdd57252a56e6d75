"""Builds planned layers of truth tables, as LUT6 and wide multiplexers or as plain logic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth import *
from bitrill.arith.gates import LUT_INPUTS
from bitrill.arith.lut_tables import Lut, Mux, TablePlan

from .cells import Cell, module
from .gates import logic

ROWS = 32
"""LUTs of one module: with more, its parameter is too long for some simulators."""

_PINS = ", ".join(f"i{i}" for i in range(LUT_INPUTS))

LUTS = module(
    "bitrill_lut6",
    f"parameter N = 1, parameter [{ROWS * 64 - 1}:0] INIT = 0",
    f"input [N-1:0] {_PINS}, output [N-1:0] o",
    f"""\
  genvar k;
  generate for (k = 0; k < N; k = k + 1) begin : row
    LUT6 #(.INIT(INIT[64*k +: 64])) lut ({
        ", ".join(f".I{i}(i{i}[k])" for i in range(LUT_INPUTS))
    }, .O(o[k]));
  end endgenerate
""",
    """\
  genvar j;
  generate for (j = 0; j < N; j = j + 1) begin : row
    localparam [63:0] T = INIT[64*j +: 64];
    assign o[j] = T[{i5[j], i4[j], i3[j], i2[j], i1[j], i0[j]}];
  end endgenerate
""",
)
"""One LUT for each row; unused inputs are 0, and INIT repeats for them."""


def _wide(level: int) -> str:
    """Verilog of a multiplexer that the slice has behind its LUTs."""
    return module(
        f"bitrill_muxf{level}",
        "parameter N = 1",
        "input [N-1:0] low, high, select, output [N-1:0] o",
        f"""\
  genvar k;
  generate for (k = 0; k < N; k = k + 1) begin : row
    MUXF{level} mux (.I0(low[k]), .I1(high[k]), .S(select[k]), .O(o[k]));
  end endgenerate
""",
        "  assign o = (high & select) | (low & ~select);\n",
    )


class Lut6(Cell):
    """A LUT of up to six inputs in each row; ``tables[r]``, ``rows[r]``: its table and inputs."""

    name, text = "bitrill_lut6", LUTS

    def __init__(self, luts: Sequence[Lut], x: Value, *, label: str):
        self.luts = luts
        self.rows = [[x[i] for i in lut.inputs] for lut in luts]
        self.o = Signal(len(luts), name=label)

    def model(self, m: Module) -> None:
        bits = [
            logic(m, lut.table, row, name=f"{self.o.name}_{r}")
            for r, (lut, row) in enumerate(zip(self.luts, self.rows, strict=True))
        ]
        m.d.comb += self.o.eq(Cat(bits))

    def instance(self) -> Instance:
        init = 0
        for r, lut in enumerate(self.luts):
            width = 1 << len(lut.inputs)
            init |= sum(lut.table << k for k in range(0, 64, width)) << 64 * r
        padded = [[*row, *[C(0, 1)] * (LUT_INPUTS - len(row))] for row in self.rows]
        return Instance(
            self.name,
            p_N=len(self.luts),
            p_INIT=Const(init, ROWS * 64),
            o_o=self.o,
            **{f"i_i{i}": Cat(row[i] for row in padded) for i in range(LUT_INPUTS)},
        )


class WideMux(Cell):
    """A MUXF7 or MUXF8: ``high`` where ``select`` is 1, ``low`` elsewhere."""

    def __init__(self, level: int, low: Value, high: Value, select: Value, *, o: Signal):
        self.name, self.text = f"bitrill_muxf{level}", _wide(level)
        self.low, self.high, self.select, self.o = low, high, select, o

    def model(self, m: Module) -> None:
        m.d.comb += self.o.eq((self.high & self.select) | (self.low & ~self.select))

    def instance(self) -> Instance:
        return Instance(
            self.name, p_N=1, i_low=self.low, i_high=self.high, i_select=self.select, o_o=self.o
        )


def table_bits(m: Module, plan: TablePlan, x: Value, *, xc7: bool) -> list[Value]:
    """The output bits of a planned layer; ``xc7``: made of the cells of the 7 series."""
    values: dict[int, Value] = {0: C(0, 1), 1: C(1, 1)}
    values |= {2 + i: x[i] for i in range(plan.inputs)}
    luts = {plan.first + k: p for k, p in enumerate(plan.parts) if isinstance(p, Lut)}
    values |= _cells(m, luts, x) if xc7 else _plain(m, luts, x)
    for k, part in enumerate(plan.parts, plan.first):
        if isinstance(part, Mux):
            low, high, select = values[part.low], values[part.high], x[part.select]
            values[k] = chosen = Signal(name=f"chosen{k}")
            if xc7 and part.wide:
                m.submodules[f"mux{k}"] = WideMux(part.wide, low, high, select, o=chosen)
            else:
                m.d.comb += chosen.eq((high & select) | (low & ~select))
    return [values[n] for n in plan.outputs]


def _cells(m: Module, luts: Mapping[int, Lut], x: Value) -> dict[int, Value]:
    """LUTs as cells, `ROWS` to a module."""
    values: dict[int, Value] = {}
    for start in range(0, len(luts), ROWS):
        nodes = list(luts)[start : start + ROWS]
        number = start // ROWS
        cell = Lut6([luts[n] for n in nodes], x, label=f"tables{number}")
        m.submodules[f"luts{number}"] = cell
        values |= {n: cell.o[r] for r, n in enumerate(nodes)}
    return values


def _plain(m: Module, luts: Mapping[int, Lut], x: Value) -> dict[int, Value]:
    """LUTs as logic."""
    values: dict[int, Value] = {}
    for n, lut in luts.items():
        values[n] = bit = Signal(name=f"table{n}")
        m.d.comb += bit.eq(logic(m, lut.table, [x[i] for i in lut.inputs], name=f"part{n}"))
    return values
