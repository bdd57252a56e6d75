"""Elastic pipelines: each stage has a valid bit, and bubbles close up while the end is stalled."""

from __future__ import annotations

from collections.abc import Iterable

from amaranth import *
from amaranth.hdl import ValueLike
from bitrill.ir import Primitives
from bitrill.parts.families import family_of

from ..arith import enables
from ..arith.cells import Enable

ENABLED = 5
"""Number of stages whose valid bits one enable reads."""


class Elastic:
    """Valid bits and enables of a pipeline of ``stages`` registers, numbered from 1, in ``m``.

    Stage ``s`` loads at an edge at which it is empty or its content moves on:
    ``load[s] = ~valid[s] | load[s + 1]``, where ``load[stages + 1]`` is ``ready``. Stage 1 takes
    the item that ``valid`` announces. An item is in stage ``s`` at the earliest in the ``s``-th
    cycle after it entered. The schedule is that of `bitrill.ir.schedule.pipeline`.

    ``completes``: for an accumulating last stage, whether the next item makes its content whole, so
    that it is offered; other items merge into it. ``ahead``: registers know a cycle ahead whether
    all stages are full (`full`), so that ``load[1]`` is a function of two bits; further registers
    do the same for every group of stages that one enable reads.
    ``primitives``: with those of a family, enables are LUT cells (`arith.cells.Enable`); on LUTs of
    four inputs there is one for each group of registers (`Family.enable_group`), and ``ahead`` is
    always on.
    """

    def __init__(
        self,
        m: Module,
        *,
        stages: int,
        valid: Value,
        ready: Value,
        completes: Value | None = None,
        ahead: bool = False,
        primitives: Primitives = "portable",
    ):
        self.m = m
        self.stages = stages
        self.valid = [valid, *(Signal(name=f"valid{s + 1}") for s in range(stages))]
        self.load = [C(0), *(Signal(name=f"load{s + 1}") for s in range(stages)), ready]
        self._completes = C(1) if completes is None else completes
        self.full: dict[int, Signal] = {}
        family = family_of(primitives)
        self._group = family.enable_group
        self._family = family.name if self._group else ""
        ahead = ahead or bool(self._family)
        self._cells = ahead and not family.portable
        self._enabled = enables.READS if self._family else ENABLED
        self._copies = 0
        self._open: dict[int, tuple[Value, int]] = {}
        if ahead and stages > 1:
            self._foresee([1, *range(stages - self._enabled + 1, 2, 1 - self._enabled)])
        for s in range(1, stages + 1):
            comes = self.valid[s - 1]
            if s == stages:
                comes = comes & self._completes
            self._enable(s, self.load[s])
            with m.If(self.load[s]):
                m.d.sync += self.valid[s].eq(comes)

    def _enable(self, s: int, o: Signal) -> None:
        """Drive ``o`` as ``load[s]``."""
        known = min((t for t in self.full if t >= s), default=0)
        if known and known - s < self._enabled:
            full, behind = [*self.valid[s:known], self.full[known]], self.load[-1]
        else:
            far = min(s + self._enabled if self._cells else s + 1, self.stages + 1)
            full, behind = self.valid[s:far], self.load[far]
        if self._family:
            self.m.submodules[f"{o.name}_cell"] = enables.Enable4(self._family, full, behind, o=o)
        elif self._cells and len(full) > 1:
            self.m.submodules[f"enable{s}"] = Enable(full, behind, o=o)
        else:
            self.m.d.comb += o.eq(~Cat(full).all() | behind)

    def _foresee(self, at: list[int]) -> None:
        """Registers ``full[s]``: whether the stages from ``s`` on are all full.

        They are full in the next cycle if they are full now and every item that leaves is replaced,
        or if a single stage is empty, none leaves and an item enters: the bubble closes up.
        """
        valid, ready = self.valid, self.load[-1]
        ends = valid[-1] | self._completes
        for s in at:
            self.full[s] = full = Signal(name=f"full{s}")
            moved = Cat(valid[s : self.stages]).all() & self._completes
            closed = full | (_single(~v for v in valid[s:]) & ends)
            with self.m.If(valid[s - 1]):
                self.m.d.sync += full.eq(Mux(ready, moved, closed))
            with self.m.Elif(ready):
                self.m.d.sync += full.eq(0)

    def enters(self, stage: int) -> Value:
        """Whether an item enters ``stage`` at the next edge."""
        return self.valid[stage - 1] & self.load[stage]

    def register(self, stage: int, value: ValueLike, name: str, *, whole: bool = False) -> Signal:
        """``value``, registered in ``stage``.

        ``whole``: by a single enable, which the registers of a carry chain must have if they stand
        in one tile.
        """
        given = Value.cast(value)
        held = Signal(given.shape(), name=name, reset_less=True)
        group = 0 if whole else self._group
        group = group or max(1, len(held))
        for start in range(0, len(held), group):
            bits = slice(start, start + group)
            with self.m.If(self._shared(stage, len(held[bits]))):
                self.m.d.sync += held[bits].eq(given[bits])
        return held

    def _shared(self, stage: int, bits: int) -> Value:
        """``load[stage]`` for ``bits`` registers: a copy with room for them, or a new copy."""
        if not self._family:
            return self.load[stage]
        shared, room = self._open.get(stage, (None, 0))
        if shared is None or bits > room:
            shared, room = self.copy(stage), self._group
        self._open[stage] = shared, room - bits
        return shared

    def copy(self, stage: int) -> Signal:
        """``load[stage]`` for few readers: on LUTs of four inputs, a LUT of their own."""
        if not self._family:
            return self.load[stage]
        self._copies += 1
        o = Signal(name=f"load{stage}_{self._copies}")
        self._enable(stage, o)
        return o

    def delay(self, value: Value, name: str, *, first: int, last: int) -> Value:
        """``value``, registered in each of the stages ``first .. last`` (none if last < first).

        A value without bits stays as it is: Verilog has no empty registers.
        """
        for stage in range(first, last + 1 if len(value) else first):
            value = self.register(stage, value, f"{name}{stage}")
        return value


def _single(bits: Iterable[Value]) -> Value:
    """Whether exactly one of ``bits`` is 1."""
    none, one = C(1, 1), C(0, 1)
    for bit in bits:
        none, one = none & ~bit, (one & ~bit) | (none & bit)
    return one
