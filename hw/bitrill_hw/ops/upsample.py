"""Hardware of `bitrill.ops.Upsample`: nearest-neighbour upsampling."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import memory
from bitrill.ops import Upsample

from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne


class UpsampleCore(OneToOne):
    """A buffer of ``op.capacity`` beats, from which pixels and rows are read several times."""

    op: Upsample

    def elaborate(self, _) -> Module:
        m = Module()
        op, capacity = self.op, self.op.capacity
        m.submodules.ring = ring = memory.Memory(
            shape=unsigned(len(self.i.payload)),
            depth=capacity,
            init=[],
            attrs={"ram_style": op.folded.memory},
        )
        write, read = ring.write_port(), ring.read_port()
        held, unread = Signal(range(capacity + 1)), Signal(range(capacity + 1))
        takes, offered = Signal(), Signal()
        pipe = Elastic(m, stages=1, valid=offered, ready=self.o.ready)
        fires = pipe.enters(1)
        first, final = self._walk(m, fires, read)
        m.d.comb += [
            self.i.ready.eq(held != capacity),
            takes.eq(self.i.valid & self.i.ready),
            offered.eq(~first | (unread != 0)),
            write.data.eq(self.i.payload),
            write.en.eq(takes),
            read.en.eq(pipe.load[1]),
            self.o.payload.eq(read.data),
            self.o.valid.eq(pipe.valid[1]),
        ]
        m.d.sync += [
            held.eq(held + takes - (fires & final)),
            unread.eq(unread + takes - (fires & first)),
        ]
        with m.If(takes):
            m.d.sync += write.addr.eq(self._after(write.addr))
        return m

    def _walk(self, m: Module, fires: Value, read: memory.ReadPort) -> tuple[Value, Value]:
        """Advance the read address; return whether a read is the first and the last of its beat."""
        op = self.op
        down, across = op.copies
        of_row, of_pixel = Signal.like(read.addr), Signal.like(read.addr)
        beat, again, pixel, pass_ = (
            Signal(range(max(2, n)), name=name)
            for name, n in (
                ("beat", op.pixel),
                ("again", across),
                ("pixel", op.row),
                ("pass_", down),
            )
        )
        ends = [c == n - 1 for c, n in ((beat, op.pixel), (again, across), (pixel, op.row))]
        end_pixel, end_copies, end_row = ends[0], ends[0] & ends[1], ends[0] & ends[1] & ends[2]
        after = self._after(read.addr)
        with m.If(fires):
            m.d.sync += [read.addr.eq(after), beat.eq(Mux(end_pixel, 0, beat + 1))]
            with m.If(end_pixel):
                m.d.sync += [again.eq(Mux(ends[1], 0, again + 1)), read.addr.eq(of_pixel)]
            with m.If(end_copies):
                m.d.sync += [
                    pixel.eq(Mux(ends[2], 0, pixel + 1)),
                    of_pixel.eq(after),
                    read.addr.eq(after),
                ]
            with m.If(end_row):
                m.d.sync += pass_.eq(Mux(pass_ == down - 1, 0, pass_ + 1))
                with m.If(pass_ == down - 1):
                    m.d.sync += of_row.eq(after)
                with m.Else():
                    m.d.sync += [read.addr.eq(of_row), of_pixel.eq(of_row)]
        return (again == 0) & (pass_ == 0), ends[1] & (pass_ == down - 1)

    def _after(self, address: Signal) -> Value:
        return Mux(address == self.op.capacity - 1, 0, address + 1)
