"""Stream width converter."""

from __future__ import annotations

from math import gcd

from amaranth import *
from bitrill.ops import Convert

from ..stream import OneToOne


class ConvertCore(OneToOne):
    """A shift register of ``op.capacity`` elements, the oldest in the low bits.

    Amounts are counted in units of the greatest common divisor of the two widths; what lies
    above the held units is 0, so that a beat is put in place by OR.
    """

    op: Convert

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        common = gcd(op.lanes_in, op.lanes_out)
        units_in, units_out = op.lanes_in // common, op.lanes_out // common
        unit = common * op.x.type.bits
        capacity = op.capacity // common
        shift = Signal(capacity * unit)
        held = Signal(range(capacity + 1))
        gives, takes = self.o.valid & self.o.ready, self.i.valid & self.i.ready
        kept = Signal.like(held)
        rest = Signal.like(shift)
        m.d.comb += [
            kept.eq(Mux(gives, held - units_out, held)),
            rest.eq(Mux(gives, shift >> (units_out * unit), shift)),
            self.o.valid.eq(held >= units_out),
            self.o.payload.eq(shift),
            self.i.ready.eq(kept <= capacity - units_in),
        ]
        m.d.sync += [held.eq(kept), shift.eq(rest)]
        with m.If(takes):
            m.d.sync += held.eq(kept + units_in)
            with m.Switch(kept):
                for place in range(capacity - units_in + 1):
                    with m.Case(place):
                        m.d.sync += shift.eq(rest | (self.i.payload << (place * unit)))
        return m
