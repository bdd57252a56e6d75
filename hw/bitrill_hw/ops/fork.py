"""Copies of a stream."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.ir.schedule import port
from bitrill.ops import Fork

from ..pipeline.stream import beats


class ForkCore(wiring.Component):
    """One register of a beat, and for each copy whether it is still to be taken.

    Members
    -------
    i : ``op.lanes_in`` elements of ``op.x.type``
    o, o1, .. : the same, ``op.copies`` times
    """

    def __init__(self, op: Fork):
        self.op = op
        signature = beats(op.lanes_in * op.x.type.bits)
        outs = {port("o", j): Out(signature) for j in range(op.copies)}
        super().__init__({"i": In(signature), **outs})

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
