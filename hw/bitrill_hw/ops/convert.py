"""Hardware of `bitrill.ops.Convert`: a stream width converter."""

from __future__ import annotations

from math import gcd

from amaranth import *
from bitrill.ops import Convert

from ..pipeline.stream import OneToOne


class ConvertCore(OneToOne):
    """A shift register of ``op.capacity`` elements, the oldest in the low bits.

    Elements are counted in units of the greatest common divisor of the two widths. Units that hold
    no elements are 0, so a new beat is inserted by OR. Its position depends on registers only:
    while a whole output beat is held, a new beat is accepted only if the held one leaves.
    """

    op: Convert

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        common = gcd(op.lanes_in, op.lanes_out)
        n_in, n_out = op.lanes_in // common, op.lanes_out // common
        unit = common * op.x.type.bits
        capacity = op.capacity // common
        shift = Signal(capacity * unit)
        held = Signal(range(capacity + 1))
        sends, takes = self.o.valid & self.o.ready, self.i.valid & self.i.ready
        # registers: whether an output beat is held; whether an input beat fits once it has left
        valid, fits = Signal(), Signal(init=1)
        place = Signal.like(held)
        rest = Signal.like(shift)
        m.d.comb += [
            # a beat is accepted if no output beat is held, or if it fits and the held one leaves
            self.i.ready.eq(~valid | (fits & self.o.ready)),
            self.o.valid.eq(valid),
            self.o.payload.eq(shift),
            place.eq(Mux(valid, held - n_out, held)),
            rest.eq(Mux(valid, shift >> (n_out * unit), shift)),
        ]
        with m.If(takes):
            m.d.sync += [
                held.eq(place + n_in),
                valid.eq(
                    Mux(valid, at_least(held, 2 * n_out - n_in), at_least(held, n_out - n_in))
                ),
                fits.eq(
                    ~Mux(valid, at_least(held, 3 * n_out - n_in), at_least(held, 2 * n_out - n_in))
                ),
            ]
            with m.Switch(place):
                for n in range(capacity - n_in + 1):
                    with m.Case(n):
                        m.d.sync += shift.eq(rest | (self.i.payload << (n * unit)))
        with m.Elif(sends):
            m.d.sync += [
                held.eq(place),
                valid.eq(~fits),
                fits.eq(~at_least(held, 3 * n_out)),
                shift.eq(rest),
            ]
        return m


def at_least(held: Value, n: int) -> Value:
    """The comparison ``held >= n``; a constant if it is always or never true."""
    if n <= 0:
        return C(1, 1)
    return held >= n if n < 1 << len(held) else C(0, 1)
