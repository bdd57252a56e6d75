"""Hardware of `bitrill.ops.Fork`: copies of a stream."""

from amaranth import *
from bitrill.ir.schedule import port

from ..pipeline.stream import OneToMany


class ForkCore(OneToMany):
    """A register for a beat, and for each copy a flag whether it must still be taken."""

    def elaborate(self, _) -> Module:
        m = Module()
        outs = [getattr(self, port("o", j)) for j in range(self.op.copies)]
        held = Signal(len(self.i.payload), reset_less=True)
        left = Signal(len(outs))  # copies still to be taken
        kept = Signal.like(left)
        m.d.comb += [
            *(kept[j].eq(left[j] & ~o.ready) for j, o in enumerate(outs)),
            self.i.ready.eq(kept == 0),
        ]
        for j, o in enumerate(outs):
            m.d.comb += [o.valid.eq(left[j]), o.payload.eq(held)]
        m.d.sync += left.eq(kept)
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.payload), left.eq(self.i.valid.replicate(len(outs)))]
        return m
