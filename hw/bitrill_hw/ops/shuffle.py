"""Hardware of `bitrill.ops.Shuffle`: permutes the channels of each pixel."""

from amaranth import *
from bitrill.ops import Shuffle

from ..pipeline.stream import OneToOne


class ShuffleCore(OneToOne):
    """Registers that collect the beats of a pixel, and a register that sends the previous pixel."""

    op: Shuffle

    def elaborate(self, _) -> Module:
        m = Module()
        op, beats = self.op, self.op.pixel  # beats of a pixel
        width, bits = len(self.i.payload), op.x.type.bits
        filled = Signal(range(max(2, beats)))  # beats of the present pixel collected so far
        unsent = Signal(range(beats + 1))  # beats in `out` that must still be sent
        out = Signal(beats * width, reset_less=True)
        free, last, takes = Signal(), Signal(), Signal()
        m.d.comb += [
            free.eq((unsent == 0) | ((unsent == 1) & self.o.ready)),
            last.eq(filled == beats - 1),
            self.i.ready.eq(free | ~last),
            takes.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(unsent != 0),
            self.o.payload.eq(out),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [unsent.eq(unsent - 1), out.eq(out >> width)]
        collected = []
        for k in range(beats - 1):
            held = Signal(width, name=f"beat{k}", reset_less=True)
            with m.If(takes & (filled == k)):
                m.d.sync += held.eq(self.i.payload)
            collected.append(held)
        x = Cat(*collected, self.i.payload)
        with m.If(takes):
            m.d.sync += filled.eq(Mux(last, 0, filled + 1))
            with m.If(last):
                m.d.sync += [
                    unsent.eq(beats),
                    out.eq(Cat(x[c * bits : (c + 1) * bits] for c in op.order.tolist())),
                ]
        return m
