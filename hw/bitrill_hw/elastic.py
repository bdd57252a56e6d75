"""Elastic pipelines: every stage has a valid bit, and bubbles close up while the end stands."""

from __future__ import annotations

from amaranth import *
from amaranth.hdl import ValueLike

from .arith.cells import Enable

ENABLED = 5
"""Stages whose valid bits one enable reads."""


class Elastic:
    """Control of a pipeline of ``stages`` registers, numbered from 1, in module ``m``.

    Stage ``s`` loads at an edge at which it is empty or its content moves on:
    ``load[s] = ~valid[s] | load[s + 1]``, where ``load[stages + 1]`` is ``ready``. Stage 1 takes
    what ``valid`` announces. An item is in stage ``s`` in the ``s``-th cycle after it entered, at
    the earliest; this is `bitrill.ir.pipeline` of as many stages.

    ``completes``: for an accumulating last stage, whether the item that comes makes its content
    whole, so that it is offered; others merge into it. ``cells``: the enables are LUTs of their
    own (`arith.cells.Enable`), at most one level for five stages.
    """

    def __init__(
        self,
        m: Module,
        *,
        stages: int,
        valid: Value,
        ready: Value,
        completes: Value | None = None,
        cells: bool = False,
    ):
        self.m = m
        self.stages = stages
        self.valid = [valid, *(Signal(name=f"valid{s + 1}") for s in range(stages))]
        self.load = [C(0), *(Signal(name=f"load{s + 1}") for s in range(stages)), ready]
        for s in range(1, stages + 1):
            comes = self.valid[s - 1]
            if s == stages and completes is not None:
                comes = comes & completes
            if cells:
                far = min(s + ENABLED, stages + 1)
                cell = Enable(self.valid[s:far], self.load[far], o=self.load[s])
                m.submodules[f"enable{s}"] = cell
            else:
                m.d.comb += self.load[s].eq(~self.valid[s] | self.load[s + 1])
            with m.If(self.load[s]):
                m.d.sync += self.valid[s].eq(comes)

    def enters(self, stage: int) -> Value:
        """Whether an item enters this stage at the coming edge."""
        return self.valid[stage - 1] & self.load[stage]

    def register(self, stage: int, value: ValueLike, name: str) -> Signal:
        """``value`` held in stage ``stage``."""
        held = Signal(Value.cast(value).shape(), name=name, reset_less=True)
        with self.m.If(self.load[stage]):
            self.m.d.sync += held.eq(value)
        return held

    def delay(self, value: Value, name: str, *, first: int, last: int) -> Value:
        """``value`` carried through the stages ``first .. last`` (none when last < first)."""
        for stage in range(first, last + 1):
            value = self.register(stage, value, f"{name}{stage}")
        return value
