"""The operator `Tables`: a layer of truth tables, each of a few bits of its input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..arith.lut_tables import TablePlan, table_plan
from ..errors import SpecError
from ..ir import (
    Choice,
    Coefficients,
    Cost,
    Impl,
    IntType,
    Operator,
    Schedule,
    Structure,
    Style,
    Tensor,
    freeze,
    must_be_style,
    pipeline,
)
from ..parts.families import family_of

ADDRESS_BITS = range(1, 13)
"""Bits that a table may read."""

_CHUNK = 1 << 22
"""Table entries that the golden model looks up at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables(Operator):
    """``y[j] = table[j, sum_i code(x[wires[j, i]]) << i * b]``, b the bits of an element of x.

    ``wires``: int64 ``[rows, k]``, places of the whole frame as it streams; ``table``: int64
    ``[rows, 2**(k * b)]``, values of ``out``. y: ``[rows]``. A table reads 1 to 12 bits
    (LogicNets, Umuroglu et al. 2020; DWN, Bacellar et al. 2024).

    Always unrolled: a frame is one beat, a beat a cycle, and one register stands behind the tables
    (`bitrill.arith.lut_tables`). A table of up to six bits is one LUT of six inputs.
    """

    kind = "tables"
    component = "bitrill_hw.ops.tables:TablesCore"
    styles = ("unrolled",)
    takes_codes = True
    coefficients: ClassVar[Coefficients] = {
        "lcs": {"one": 1.0, "tables": 1.0, "stages": 0.0},
        "ff": {"one": 1.0, "held": 1.0},
    }

    wires: np.ndarray
    table: np.ndarray
    out: IntType

    def validate(self) -> None:
        wires, table = freeze(self, "wires", ndim=2), freeze(self, "table", ndim=2)
        bits = self.address_bits
        if bits not in ADDRESS_BITS:
            raise SpecError(
                f"{self.name}: a table must read {ADDRESS_BITS[0]} to {ADDRESS_BITS[-1]} bits,"
                f" not {bits}"
            )
        outside = (wires < 0) | (wires >= self.x.size)
        if outside.any():
            row, pin = np.argwhere(outside)[0].tolist()
            raise SpecError(
                f"{self.name}: a wire must lead to one of {self.x.size} inputs, not to input"
                f" {wires[row, pin]} (table {row}, wire {pin})"
            )
        if table.shape != (len(wires), 1 << bits):
            raise SpecError(
                f"{self.name}: tables must have shape {[len(wires), 1 << bits]},"
                f" not {list(table.shape)}"
            )
        if not self.out.holds(table):
            raise SpecError(f"{self.name}: tables must hold values of {self.out}")

    @property
    def rows(self) -> int:
        """The number of tables."""
        return len(self.wires)

    @property
    def address_bits(self) -> int:
        """Bits that a table reads."""
        return self.wires.shape[1] * self.x.type.bits

    def on(self, operands: tuple[Tensor, ...]) -> Tables:
        """The same function of an operand whose codes may have other bits."""
        old, new = self.x.type, operands[0].type
        codes = np.indices((1 << new.bits,) * self.wires.shape[1]).reshape(self.wires.shape[1], -1)
        values = new.decode(codes[::-1])
        held = np.isin(values, old.values())
        shifts = old.bits * np.arange(len(codes))[:, None]
        places = (old.encode(np.where(held, values, old.lo)) << shifts).sum(0)
        return self.replace(operands=operands, table=self.table[:, places])

    @property
    def one_slot(self) -> bool:
        return True

    def infer(self) -> Tensor:
        return Tensor((self.rows,), self.out)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        frames = xs[0].reshape(len(xs[0]), -1)
        codes = self.x.type.encode(frames).astype(np.int16).T.copy()
        y = np.empty((self.rows, len(frames)), np.int64)
        step = max(1, _CHUNK // max(1, len(frames)))
        for start in range(0, self.rows, step):
            part = slice(start, start + step)
            address = codes[self.wires[part, 0]]
            for i in range(1, self.wires.shape[1]):
                address |= codes[self.wires[part, i]] << i * self.x.type.bits
            y[part] = np.take_along_axis(self.table[part], address.astype(np.int64), 1)
        return y.T

    def validate_impl(self, impl: Impl) -> None:
        must_be_style(self, impl)
        if (impl.pe, impl.simd) != (self.rows, self.x.size):
            raise SpecError(
                f"{self.name}: PE and SIMD of tables must be all {self.rows} tables and"
                f" {self.x.size} inputs, not {impl.pe} and {impl.simd}"
            )

    def default_impl(self, lanes: tuple[int | None, ...], *, style: Style) -> Impl:
        return Impl(pe=self.rows, simd=self.x.size, style="unrolled")

    def foldings(self, fixed: Choice) -> Iterator[Impl]:
        yield self.default_impl((), style="unrolled")

    @property
    def lanes_in(self) -> int:
        return self.x.size

    @property
    def lanes_out(self) -> int:
        return self.rows

    @property
    def parallelism(self) -> int:
        return self.rows

    def cost(self) -> Cost:
        cycles = 0 if self.impl is None else 1
        return Cost(weight_bits=self.table.size * self.out.bits, cycles=cycles)

    def schedule(self) -> Schedule:
        return pipeline(n=1, latency=1)

    @cached_property
    def plan(self) -> TablePlan:
        """The LUTs of all output bits, the low bit of each row first."""
        b = self.x.type.bits
        bits = (self.wires[..., None] * b + np.arange(b)).reshape(self.rows, -1)
        values = self.out.encode(self.table)
        planes = values[:, None] >> np.arange(self.out.bits)[:, None] & 1
        wires = np.repeat(bits, self.out.bits, 0)
        return table_plan(self.x.size * b, wires, planes.reshape(len(wires), -1))

    def structure(self) -> Structure:
        s, plan = Structure(), self.plan
        # a function of six inputs is up to three LUTs of four and their multiplexers
        s.luts(tables=plan.luts * (4 if family_of(self.folded.primitives).four_inputs else 1))
        s.flops(held=plan.registers)
        s.pipe(1)
        return s
