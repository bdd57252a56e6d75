"""Hardware of `bitrill.ops.Concat`: takes the beats of several streams in turn."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.ir.schedule import port
from bitrill.ops import Concat

from ..pipeline.elastic import Elastic
from ..pipeline.elements import code, elements
from ..pipeline.stream import beats
from ..pipeline.turns import turns


class ConcatCore(wiring.Component):
    """One register, filled from the operand whose turn it is, multiplied by its gain.

    Members
    -------
    i, i1, .. : ``op.lanes_in`` elements of each operand's type
    o : ``op.lanes_out`` elements of ``op.y.type``
    """

    def __init__(self, op: Concat):
        self.op = op
        ins = {
            port("i", j): In(beats(op.lanes_in * t.type.bits)) for j, t in enumerate(op.operands)
        }
        super().__init__({**ins, "o": Out(beats(op.lanes_out * op.y.type.bits))})

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        valid, moves, beat = Signal(), Signal(), Signal.like(self.o.payload)
        pipe = Elastic(m, stages=1, valid=valid, ready=self.o.ready)
        m.d.comb += moves.eq(pipe.enters(1))
        mine = turns(m, op.turns, moves)
        for j, (t, gain) in enumerate(zip(op.operands, op.gains, strict=True)):
            i = getattr(self, port("i", j))
            m.d.comb += i.ready.eq(mine[j] & pipe.load[1])
            values = [code(gain * x, op.y.type) for x in elements(i.payload, t.type)]
            with m.If(mine[j]):
                m.d.comb += [valid.eq(i.valid), beat.eq(Cat(values))]
        m.d.comb += [
            self.o.valid.eq(pipe.valid[1]),
            self.o.payload.eq(pipe.register(1, beat, "held")),
        ]
        return m
