"""Hardware of `bitrill.ops.Split`: distributes the beats of each pixel to several streams."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.ir.schedule import port
from bitrill.ops import Split

from ..pipeline.stream import beats
from ..pipeline.turns import turns


class SplitCore(wiring.Component):
    """A register for a beat, which is offered to the result that it belongs to.

    Members
    -------
    i : ``op.lanes_in`` elements of ``op.x.type``
    o, o1, .. : ``op.lanes_out`` elements of the same
    """

    def __init__(self, op: Split):
        self.op = op
        signature = beats(op.lanes_in * op.x.type.bits)
        outs = {port("o", j): Out(signature) for j in range(len(op.sizes))}
        super().__init__({"i": In(signature), **outs})

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
