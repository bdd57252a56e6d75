"""The base of components that join several streams beat by beat: a register for each operand."""

from __future__ import annotations

from functools import reduce
from operator import and_

from amaranth import *
from bitrill.ir.schedule import port

from .elastic import Elastic
from .stream import ManyToOne, elements


class JoinedCore(ManyToOne):
    """Base of the components of a `bitrill.ir.Joined`; a subclass fills the stages behind."""

    def joined(self, m: Module) -> tuple[Elastic, list[list[Value]]]:
        """The pipeline behind the operands' registers, and the elements of each operand."""
        op, fires = self.op, Signal()
        held = [self._operand(m, j, fires) for j in range(len(op.operands))]
        end = op.latency - 1
        valid = reduce(and_, (present for _, present in held))
        pipe = Elastic(m, stages=end, valid=valid, ready=self.o.ready)
        m.d.comb += [fires.eq(pipe.enters(1)), self.o.valid.eq(pipe.valid[end])]
        terms = [elements(x, t.type) for (x, _), t in zip(held, op.operands, strict=True)]
        return pipe, terms

    def _operand(self, m: Module, j: int, fires: Value) -> tuple[Value, Value]:
        """The register of operand ``j``, and whether it is full."""
        i = getattr(self, port("i", j))
        held = Signal(len(i.payload), name=f"x{j}", reset_less=True)
        present = Signal(name=f"present{j}")
        m.d.comb += i.ready.eq(~present | fires)
        with m.If(i.ready):
            m.d.sync += [held.eq(i.payload), present.eq(i.valid)]
        return held, present
