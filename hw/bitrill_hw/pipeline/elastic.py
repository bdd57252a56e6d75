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

    Stage ``s`` loads at a clock edge if it is empty or its content moves on:
    ``load[s] = ~valid[s] | load[s + 1]``, where ``load[stages + 1]`` is ``ready``. Stage 1 loads
    the item that comes with ``valid``. An item accepted in cycle 0 is in stage ``s`` in cycle ``s``
    at the earliest. The schedule is that of `bitrill.ir.schedule.pipeline`.

    ``completes``: for a last stage that accumulates: 1 where the item entering it is the last of a
    sum; only then does the stage become valid. Other items are only added.

    ``ahead``: shortens the path of the enables. A register (`full`) is computed a cycle ahead and
    says whether all stages are full, so ``load[1]`` reads only that register and ``ready``. Further
    registers say the same of the last stages, one for every group of stages that an enable reads.

    ``primitives``: with those of a family, enables are LUT cells (`arith.cells.Enable`). On parts
    whose LUTs have four inputs, each group of registers (`Family.enable_group`) has its own copy of
    the enable, and ``ahead`` is always on.
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
        self._group = family.enable_group  # registers that share a copy of an enable; 0: no copies
        self._family = family.name
        ahead = ahead or bool(self._group)
        self._cells = ahead and not family.portable  # whether enables are LUT cells
        self._reads = enables.READS if self._group else ENABLED
        self._copies = 0
        self._open: dict[int, tuple[Value, int]] = {}  # a stage's last copy, registers left for it
        if ahead and stages > 1:
            # stage 1, and every (reads - 1)-th stage counted from the end: an enable of any other
            # stage then reads the valid bits up to the next of these, and its register
            self._foresee([1, *range(stages - self._reads + 1, 2, 1 - self._reads)])
        for s in range(1, stages + 1):
            valid_next = self.valid[s - 1]
            if s == stages:
                valid_next = valid_next & self._completes
            self._enable(s, self.load[s])
            with m.If(self.load[s]):
                m.d.sync += self.valid[s].eq(valid_next)

    def _enable(self, s: int, o: Signal) -> None:
        """Drive ``o`` as ``load[s]``."""
        known = min((t for t in self.full if t >= s), default=0)
        if known and known - s < self._reads:
            full, behind = [*self.valid[s:known], self.full[known]], self.load[-1]
        else:
            far = min(s + self._reads if self._cells else s + 1, self.stages + 1)
            full, behind = self.valid[s:far], self.load[far]
        if self._group:
            self.m.submodules[f"{o.name}_cell"] = enables.Enable4(self._family, full, behind, o=o)
        elif self._cells and len(full) > 1:
            self.m.submodules[f"enable{s}"] = Enable(full, behind, o=o)
        else:
            self.m.d.comb += o.eq(~Cat(full).all() | behind)

    def _foresee(self, at: list[int]) -> None:
        """Make registers ``full[s]``, for each s of ``at``: all stages from ``s`` on are full.

        They are full in the next cycle if they are full now and an item that leaves is replaced, or
        if a single stage is empty, no item leaves and one enters: the bubble closes up.
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
        """Return ``value``, registered in ``stage``.

        ``whole``: all bits share one enable. Registers at a carry chain need that on parts where a
        tile of registers has a single enable (iCE40).
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
        """Return ``load[stage]`` for ``bits`` registers: a copy that has room, or a new one."""
        if not self._group:
            return self.load[stage]
        shared, room = self._open.get(stage, (None, 0))
        if shared is None or bits > room:
            shared, room = self.copy(stage), self._group
        self._open[stage] = shared, room - bits
        return shared

    def copy(self, stage: int) -> Signal:
        """Return ``load[stage]`` for few readers: a separate LUT where enables are copied."""
        if not self._group:
            return self.load[stage]
        self._copies += 1
        o = Signal(name=f"load{stage}_{self._copies}")
        self._enable(stage, o)
        return o

    def delay(self, value: Value, name: str, *, first: int, last: int) -> Value:
        """Return ``value``, registered in each stage ``first .. last`` (none if last < first).

        A value without bits is returned as it is: Verilog has no empty registers.
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
