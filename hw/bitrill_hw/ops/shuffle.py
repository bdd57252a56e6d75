"""Hardware of `bitrill.ops.Shuffle`: channels in another order."""

from amaranth import *
from bitrill.ops import Shuffle

from ..pipeline.stream import OneToOne


class ShuffleCore(OneToOne):
    """Registers that collect a pixel, and a register of the pixel that is leaving."""

    op: Shuffle

    def elaborate(self, _) -> Module:
        m = Module()
        op, b = self.op, self.op.pixel
        width, bits = len(self.i.payload), op.x.type.bits
        comes = Signal(range(max(2, b)))  # number of the next input beat in its pixel
        left = Signal(range(b + 1))  # beats in `out` that have still to leave
        out = Signal(b * width, reset_less=True)
        free, last, takes = Signal(), Signal(), Signal()
        m.d.comb += [
            free.eq((left == 0) | ((left == 1) & self.o.ready)),
            last.eq(comes == b - 1),
            self.i.ready.eq(free | ~last),
            takes.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(left != 0),
            self.o.payload.eq(out),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [left.eq(left - 1), out.eq(out >> width)]
        collected = []
        for k in range(b - 1):
            held = Signal(width, name=f"beat{k}", reset_less=True)
            with m.If(takes & (comes == k)):
                m.d.sync += held.eq(self.i.payload)
            collected.append(held)
        x = Cat(*collected, self.i.payload)
        with m.If(takes):
            m.d.sync += comes.eq(Mux(last, 0, comes + 1))
            with m.If(last):
                m.d.sync += [
                    left.eq(b),
                    out.eq(Cat(x[c * bits : (c + 1) * bits] for c in op.order.tolist())),
                ]
        return m
