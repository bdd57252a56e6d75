"""Hardware of `bitrill.ops.Add`: adds several streams element by element."""

from __future__ import annotations

from functools import reduce
from operator import add, and_

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.ir.schedule import port
from bitrill.ops import Add

from ..pipeline.elastic import Elastic
from ..pipeline.elements import code, elements
from ..pipeline.stream import beats


class AddCore(wiring.Component):
    """A register for each operand, products if gains need them, then a tree of adders.

    Members
    -------
    i, i1, .. : ``op.lanes_in`` elements of each operand's type
    o : ``op.lanes_out`` elements of ``op.y.type``
    """

    def __init__(self, op: Add):
        self.op = op
        ins = {
            port("i", j): In(beats(op.lanes_in * t.type.bits)) for j, t in enumerate(op.operands)
        }
        super().__init__({**ins, "o": Out(beats(op.lanes_out * op.y.type.bits))})

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
