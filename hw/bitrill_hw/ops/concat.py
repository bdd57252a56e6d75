"""Hardware of `bitrill.ops.Concat`: joins several streams pixel by pixel, by taking turns."""

from amaranth import *
from bitrill.ir.schedule import port

from ..pipeline.counters import turns
from ..pipeline.elastic import Elastic
from ..pipeline.stream import ManyToOne, code, elements


class ConcatCore(ManyToOne):
    """One register, loaded with the operand whose turn it is, multiplied by that operand's gain.

    Gains are constants that convert the operands to the scale of the output.
    """

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        valid, moves, beat = Signal(), Signal(), Signal.like(self.o.payload)
        pipe = Elastic(m, stages=1, valid=valid, ready=self.o.ready)
        m.d.comb += moves.eq(pipe.enters(1))
        turn = turns(m, op.turns, moves)
        for j, (t, gain) in enumerate(zip(op.operands, op.gains, strict=True)):
            i = getattr(self, port("i", j))
            m.d.comb += i.ready.eq(turn[j] & pipe.load[1])
            values = [code(gain * x, op.y.type) for x in elements(i.payload, t.type)]
            with m.If(turn[j]):
                m.d.comb += [valid.eq(i.valid), beat.eq(Cat(values))]
        m.d.comb += [
            self.o.valid.eq(pipe.valid[1]),
            self.o.payload.eq(pipe.register(1, beat, "held")),
        ]
        return m
