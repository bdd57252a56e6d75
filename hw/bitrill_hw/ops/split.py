"""Hardware of `bitrill.ops.Split`: distributes the beats of each pixel to several streams."""

from amaranth import *
from bitrill.ir.schedule import port

from ..pipeline.counters import turns
from ..pipeline.stream import OneToMany


class SplitCore(OneToMany):
    """A register for a beat, which is offered on the output stream that it belongs to."""

    def elaborate(self, _) -> Module:
        m = Module()
        outs = [getattr(self, port("o", j)) for j in range(len(self.op.sizes))]
        held = Signal(len(self.i.payload), reset_less=True)
        owner = Signal(len(outs))  # at most one bit is 1: the result that the held beat belongs to
        m.d.comb += self.i.ready.eq((owner & ~Cat(o.ready for o in outs)) == 0)
        mine = turns(m, self.op.turns, self.i.valid & self.i.ready)
        for j, o in enumerate(outs):
            m.d.comb += [o.valid.eq(owner[j]), o.payload.eq(held)]
        with m.If(self.i.ready):
            own = Cat(mine) & self.i.valid.replicate(len(outs))
            m.d.sync += [held.eq(self.i.payload), owner.eq(own)]
        return m
