"""Tables: functions that are not monotone, so that no thresholds give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import SpecError
from ..ir.operator import Cost, Impl, Operator, frozen_array, must_divide
from ..ir.schedule import Schedule, pipeline
from ..ir.types import IntType, Tensor

ADDRESS_BITS = 16
"""The widest operand: a table has a word for each of its codes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lookup(Operator):
    """``y = table[c, n]`` for x the n-th value of its type (``n = x - lo``; else its code).

    ``table``: int64 ``[C, values]`` of values of ``out``, or ``[1, values]``, the same for all
    channels. ``pe`` channels a beat, one beat a cycle, one stage: a memory for each lane.
    """

    kind: ClassVar[str] = "lookup"
    takes_codes: ClassVar[bool] = True

    table: np.ndarray
    out: IntType

    def validate(self) -> None:
        table = frozen_array(self.table, name=f"{self.name}: table", ndim=2)
        object.__setattr__(self, "table", table)
        want = (self.x.channels, self.x.type.n_values)
        if table.shape not in (want, (1, want[1])):
            raise SpecError(
                f"{self.name}: table must have shape {list(want)} or {[1, want[1]]},"
                f" not {list(table.shape)}"
            )
        if self.x.type.bits > ADDRESS_BITS:
            raise SpecError(
                f"{self.name}: x must have at most {ADDRESS_BITS} bits, not {self.x.type.bits}"
            )
        if not self.out.holds(table):
            raise SpecError(f"{self.name}: table must hold values of {self.out}")

    def validate_impl(self, impl: Impl) -> None:
        must_divide(name=self.name, what="PE", value=impl.pe, of="channels", total=self.x.channels)
        if impl.simd != impl.pe:
            raise SpecError(f"{self.name}: SIMD must equal PE ({impl.pe}), not {impl.simd}")

    def infer(self) -> Tensor:
        return Tensor(self.x.shape, self.out)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        t = self.x.type
        index = xs[0].astype(np.int64) - t.lo if t.coding == "integer" else t.encode(xs[0])
        return self.table[np.arange(self.x.channels) % len(self.table), index]

    def cost(self) -> Cost:
        return Cost(
            weight_bits=self.table.size * self.out.bits,
            cycles=0 if self.impl is None else self.x.size // self.impl.pe,
        )

    def schedule(self) -> Schedule:
        return pipeline(n=self.x.size // self.folded.pe, latency=1)

    @property
    def lanes_in(self) -> int:
        return self.folded.pe

    @property
    def lanes_out(self) -> int:
        return self.folded.pe
