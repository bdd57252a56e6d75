"""Hardware of `bitrill.ops.Pad`: adds a border of a constant around each feature map."""

from __future__ import annotations

from amaranth import *
from bitrill.ops import Pad

from ..pipeline.counters import count_up
from ..pipeline.stream import OneToOne, code, elements


class PadCore(OneToOne):
    """A register for a beat of x; output beats on the border are a constant instead.

    The top border is sent only once the frame's first beat is held, so that a border never leaves
    before its frame arrives. After the first inner beat (``begun``), the border needs no input.
    """

    op: Pad

    def elaborate(self, _) -> Module:
        m = Module()
        op, (height, width), (top, before, bottom, after) = self.op, self.op.plane, self.op.sides
        sent = Signal()
        _, column, row = count_up(
            m,
            sent,
            piece=op.x.channels // op.lanes_in,
            column=before + width + after,
            row=top + height + bottom,
        )
        inside, begun, full = Signal(), Signal(), Signal()
        held = Signal(len(self.i.payload), reset_less=True)
        m.d.comb += [
            inside.eq(
                within(row.value, top, top + height) & within(column.value, before, before + width)
            ),
            sent.eq(self.o.valid & self.o.ready),
            self.o.valid.eq(full | (begun & ~inside)),
            self.i.ready.eq(~full | (sent & inside)),
        ]
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.payload), full.eq(self.i.valid)]
        with m.If(sent):
            m.d.sync += begun.eq((begun | inside) & ~row.ends)
        t = op.y.type
        border = Cat([C(int(t.encode(op.value)), t.bits)] * op.lanes_out)
        data = Cat(code(x, t) for x in elements(held, op.x.type))
        m.d.comb += self.o.payload.eq(Mux(inside, data, border))
        return m


def within(place: Value, first: int, end: int) -> Value:
    """Whether ``first <= place < end``."""
    return (place >= first) & (place < end)
