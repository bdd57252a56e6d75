"""Hardware of `bitrill.ops.Add`: adds several streams element by element."""

from __future__ import annotations

from functools import reduce
from operator import add, and_

from amaranth import *
from bitrill.ir.schedule import port

from ..pipeline.elastic import Elastic
from ..pipeline.stream import ManyToOne, code, elements


class AddCore(ManyToOne):
    """A register for each operand, products if gains need them, then a tree of adders."""

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        fires = Signal()
        terms, valid = [], []
        for j, (t, gain) in enumerate(zip(op.operands, op.gains, strict=True)):
            held, present = self._operand(m, j, fires)
            valid.append(present)
            terms.append([gain * x for x in elements(held, t.type)])
        end = op.latency - 1
        pipe = Elastic(m, stages=end, valid=reduce(and_, valid), ready=self.o.ready)
        m.d.comb += [fires.eq(pipe.enters(1)), self.o.valid.eq(pipe.valid[end])]
        sums = []
        for p, lane in enumerate(zip(*terms, strict=True)):
            level, stage = list(lane), 0
            if op.has_gains:
                stage = 1
                level = [pipe.register(1, x, f"product{j}_{p}") for j, x in enumerate(level)]
            while len(level) > 1:
                stage += 1
                pairs = [level[j : j + 2] for j in range(0, len(level), 2)]
                level = [
                    pipe.register(stage, reduce(add, pair), f"sum{stage}_{j}_{p}")
                    for j, pair in enumerate(pairs)
                ]
            sums.append(code(level[0], op.y.type))
        m.d.comb += self.o.payload.eq(Cat(sums))
        return m

    def _operand(self, m: Module, j: int, fires: Value) -> tuple[Value, Value]:
        """The register of operand ``j``, and whether it is full."""
        i = getattr(self, port("i", j))
        held = Signal(len(i.payload), name=f"x{j}", reset_less=True)
        present = Signal(name=f"present{j}")
        m.d.comb += i.ready.eq(~present | fires)
        with m.If(i.ready):
            m.d.sync += [held.eq(i.payload), present.eq(i.valid)]
        return held, present
