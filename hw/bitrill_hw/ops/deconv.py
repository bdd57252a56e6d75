"""Hardware of `bitrill.ops.Deconv`: inserts pixels of zeros, as a transposed convolution does."""

from __future__ import annotations

from functools import reduce
from operator import and_

from amaranth import *
from bitrill.ops import Deconv

from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne, code, elements


class DeconvCore(OneToOne):
    """One register, loaded with a beat of x or with zeros."""

    op: Deconv

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        real, valid = Signal(), Signal()
        pipe = Elastic(m, stages=1, valid=valid, ready=self.o.ready)
        values = [code(x, op.y.type) for x in elements(self.i.payload, op.x.type)]
        m.d.comb += [
            real.eq(self._walk(m, pipe.enters(1))),
            valid.eq(self.i.valid | ~real),
            self.i.ready.eq(pipe.load[1] & real),
            self.o.valid.eq(pipe.valid[1]),
            self.o.payload.eq(pipe.register(1, Mux(real, Cat(values), 0), "held")),
        ]
        return m

    def _walk(self, m: Module, moves: Value) -> Value:
        """Count the position in y; return whether its next beat is a beat of x, not zeros."""
        op = self.op
        on_grid = []
        ends = moves
        beat = Signal(range(max(2, op.pixel)), name="beat")
        counters = [(beat, op.pixel, None)]
        for axis in reversed(range(len(op.strides))):
            size, stride = op.y.shape[axis], op.strides[axis]
            place = Signal(range(max(2, size)), name=f"place{axis}")
            phase = Signal(range(max(2, stride)), name=f"phase{axis}")
            counters.append((place, size, (phase, stride)))
        for count, size, grid in counters:
            end = count == size - 1
            with m.If(ends):
                m.d.sync += count.eq(Mux(end, 0, count + 1))
                if grid is not None:
                    phase, stride = grid
                    m.d.sync += phase.eq(Mux(end | (phase == stride - 1), 0, phase + 1))
            if grid is not None:
                on_grid.append(grid[0] == 0)
            ends = ends & end
        return reduce(and_, on_grid)
