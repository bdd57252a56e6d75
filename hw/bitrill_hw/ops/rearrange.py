"""Hardware of `bitrill.ops.Rearrange`: blocks of pixels become channels, or the reverse."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import memory
from amaranth.utils import ceil_log2
from bitrill.ops import Rearrange

from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne


class RearrangeCore(OneToOne):
    """A memory of two halves, each for the rows of a block: one is written, the older is read."""

    op: Rearrange

    def elaborate(self, _) -> Module:
        m = Module()
        outer, inner, run = self.op.beats
        band = outer * inner * run
        bits = ceil_log2(band)
        m.submodules.bands = bands = memory.Memory(
            shape=unsigned(len(self.i.payload)),
            depth=2 << bits,
            init=[],
            attrs={"ram_style": self.op.folded.memory},
        )
        write, read = bands.write_port(), bands.read_port()
        slot, address = Signal(range(band), name="slot"), Signal(range(band), name="address")
        into, source, full = Signal(), Signal(), Signal(2)  # full: bands that are not read yet
        takes, offered = Signal(), Signal()
        pipe = Elastic(m, stages=1, valid=offered, ready=self.o.ready)
        fires = pipe.enters(1)
        fills, empties = takes & (slot == band - 1), fires & self._walk(m, fires, address)
        m.d.comb += [
            self.i.ready.eq(full != 2),
            takes.eq(self.i.valid & self.i.ready),
            offered.eq((full != 0) | (address < slot)),
            write.addr.eq(Cat(slot[:bits], into)),
            write.data.eq(self.i.payload),
            write.en.eq(takes),
            read.addr.eq(Cat(address[:bits], source)),
            read.en.eq(pipe.load[1]),
            self.o.payload.eq(read.data),
            self.o.valid.eq(pipe.valid[1]),
        ]
        m.d.sync += full.eq(full + fills - empties)
        with m.If(takes):
            m.d.sync += slot.eq(Mux(fills, 0, slot + 1))
        with m.If(fills):
            m.d.sync += into.eq(~into)
        with m.If(empties):
            m.d.sync += source.eq(~source)
        return m

    def _walk(self, m: Module, fires: Value, address: Signal) -> Value:
        """Advance the read address: through a run, then along the outer axis, then the inner one.

        Returns whether this beat is the last one that is read of the band.
        """
        outer, inner, run = self.op.beats
        beat, far, near = (
            Signal(range(max(2, n)), name=name)
            for name, n in (("beat", run), ("far", outer), ("near", inner))
        )
        end = [c == n - 1 for c, n in ((beat, run), (far, outer), (near, inner))]
        first = Signal.like(address, name="first")  # first address of this turn of the outer axis
        with m.If(fires):
            m.d.sync += [beat.eq(Mux(end[0], 0, beat + 1)), address.eq(address + 1)]
            with m.If(end[0]):
                m.d.sync += [
                    far.eq(Mux(end[1], 0, far + 1)),
                    address.eq(address + (inner - 1) * run + 1),
                ]
                with m.If(end[1]):
                    m.d.sync += [
                        near.eq(Mux(end[2], 0, near + 1)),
                        first.eq(Mux(end[2], 0, first + run)),
                        address.eq(Mux(end[2], 0, first + run)),
                    ]
        return end[0] & end[1] & end[2]
