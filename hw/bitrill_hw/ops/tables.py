"""Hardware of `bitrill.ops.Tables`: all truth tables in one cycle, and their results' registers."""

from amaranth import *
from bitrill.ops import Tables
from bitrill.parts.families import family_of

from ..arith.lut_cells import table_bits
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne


class TablesCore(OneToOne):
    """One stage: the tables' results; equal tables share one register."""

    op: Tables

    def elaborate(self, _) -> Module:
        m = Module()
        op, plan = self.op, self.op.plan
        pipe = Elastic(
            m, stages=1, valid=self.i.valid, ready=self.o.ready, primitives=op.folded.primitives
        )
        m.d.comb += [self.i.ready.eq(pipe.copy(1)), self.o.valid.eq(pipe.valid[1])]
        xc7 = family_of(op.folded.primitives).cells
        bits = dict(zip(plan.outputs, table_bits(m, plan, self.i.payload, xc7=xc7), strict=True))
        nodes = sorted(n for n in bits if n > 1)
        held = pipe.register(1, Cat(bits[n] for n in nodes), "y") if nodes else C(0, 0)
        values = {0: C(0, 1), 1: C(1, 1)} | {n: held[k] for k, n in enumerate(nodes)}
        m.d.comb += self.o.payload.eq(Cat(values[n] for n in plan.outputs))
        return m
