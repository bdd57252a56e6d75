"""Hardware of `bitrill.ops.Fork`: copies of a stream."""

from amaranth import *
from bitrill.ir.schedule import port

from ..pipeline.stream import OneToMany


class ForkCore(OneToMany):
    """A register for a beat, and a flag for each copy that its reader has not accepted yet."""

    def elaborate(self, _) -> Module:
        m = Module()
        outs = [getattr(self, port("o", j)) for j in range(self.op.copies)]
        held = Signal(len(self.i.payload), reset_less=True)
        pending = Signal(len(outs), name="left")  # copies that are not accepted yet
        kept = Signal.like(pending)
        m.d.comb += [
            *(kept[j].eq(pending[j] & ~o.ready) for j, o in enumerate(outs)),
            self.i.ready.eq(kept == 0),
        ]
        for j, o in enumerate(outs):
            m.d.comb += [o.valid.eq(pending[j]), o.payload.eq(held)]
        m.d.sync += pending.eq(kept)
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.payload), pending.eq(self.i.valid.replicate(len(outs)))]
        return m
