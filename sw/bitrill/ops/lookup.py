"""The operator `Lookup`: a table, for functions that are not monotone and so have no thresholds."""

from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from ..ir import (
    Cost,
    EvenLanes,
    Impl,
    IntType,
    Ranges,
    Schedule,
    Structure,
    Tensor,
    Wiring,
    alike,
    channelwise,
    different_bits,
    freeze,
    pipeline,
)
from ..parts.memories import HALF_BITS, halves, place

ADDRESS_BITS = 16
"""The widest operand: a table has a word for each of its codes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lookup(EvenLanes):
    """``y = table[c, n]`` if x is the n-th value of its type (``n = x - lo`` for integers).

    ``table``: int64 ``[C, values]`` of values of ``out``, or ``[1, values]``, the same for all
    channels. ``pe`` channels a beat, one beat a cycle, one stage: a memory for each lane.
    """

    kind = "lookup"
    by_rows = True
    component = "bitrill_hw.ops.lookup:LookupCore"
    block_choice = True
    fixed_range = True
    takes_codes = True

    table: np.ndarray
    out: IntType

    def validate(self) -> None:
        table = freeze(self, "table", ndim=2)
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

    def stored_bits(self, impl: Impl) -> int:
        return self.cost().weight_bits

    def on(self, operands: tuple[Tensor, ...]) -> "Lookup":
        """The same function; its table keeps only the words of values that x still has."""
        kept = np.isin(self.x.type.values(), operands[0].type.values())
        return self.replace(operands=operands, table=self.table[:, kept])

    def infer(self) -> Tensor:
        return Tensor(self.x.shape, self.out)

    def wiring(self) -> tuple[Wiring, ...]:
        own = len(self.table) > 1
        return channelwise(self.x.channels, alike(self.table) if own else None)

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        values, (x,) = self.x.type.values(), xs
        met = (values >= x.lo[:, None]) & (values <= x.hi[:, None])
        lo = np.where(met, self.table, self.out.hi).min(1)
        return (Ranges(lo, np.where(met, self.table, self.out.lo).max(1)),)

    def select(
        self,
        operands: tuple[Tensor, ...],
        ins: tuple[np.ndarray, ...],
        outs: tuple[np.ndarray, ...],
    ) -> "Lookup":
        """The words of the values that x still has; any word for one that it did not have."""
        old, new = self.x.type.values(), operands[0].type.values()
        words = np.searchsorted(old, new).clip(0, len(old) - 1)
        table = self.table[outs[0]] if len(self.table) > 1 else self.table
        return self.replace(operands=operands, table=table[:, words])

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        index = self.x.type.coding.rank(xs[0].astype(np.int64))
        return self.table[np.arange(self.x.channels) % len(self.table), index]

    def cost(self) -> Cost:
        return Cost(
            weight_bits=self.table.size * self.out.bits,
            cycles=0 if self.impl is None else self.x.size // self.impl.pe,
        )

    def schedule(self) -> Schedule:
        return pipeline(n=self.x.size // self.folded.pe, latency=1)

    def structure(self) -> Structure:
        s, pe, bits = Structure(), self.folded.pe, self.out.bits
        own, same = len(self.table) > 1, len(self.table) == 1
        turns = self.x.channels // pe if own else 1
        depth = turns << self.x.type.bits
        s.counters(turns)
        block = self.folded.in_block and place(depth, bits, pe, same=same) != "distributed"
        if block:
            used = halves(depth, bits, pe, same=same)
            s.blocks(used, min(used * HALF_BITS, pe * depth * bits))
        for p in range(0 if block else pe):
            words = self.table[p::pe] if own else self.table
            s.rom(depth, bits, different=different_bits(words.reshape(-1, 1), bits))
        s.luts(lanes=pe if own else 1)
        return s
