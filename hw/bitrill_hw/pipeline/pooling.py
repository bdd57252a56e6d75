"""The pooling component: merges windows beat by beat, along the rows and then down the columns."""

from __future__ import annotations

from abc import abstractmethod

from amaranth import *
from bitrill.geometry.pooling import Pooling
from bitrill.ir import IntType

from ..memories.constant_tables import split
from .counters import Ends, count_up
from .elastic import Elastic
from .running_results import Running
from .stream import OneToOne, code, elements


class PoolingCore(OneToOne):
    """Base of pooling components: two stages, each with running results of the open windows.

    A beat leaves the first stage for the second only if a window ends there in its row, and the
    second for the output only if one ends there in its column.
    """

    op: Pooling

    @abstractmethod
    def merge(self, a: Value, b: Value, t: IntType) -> Value:
        """The code of the combination of two results; all are codes of ``t``."""

    def elaborate(self, _) -> Module:
        m = Module()
        op, w = self.op, self.op.windows
        (kh, kw), (sh, sw), (_, wo) = w.kernel, w.stride, w.out
        along, down = Signal(), Signal()  # a beat leaves the first stage; the second one
        go_along, go_down = Signal(), Signal()
        first = Elastic(m, stages=1, valid=self.i.valid, ready=go_along)
        piece, column = count_up(m, along, piece=op.pieces, column=w.width)
        across = Ends(m, along & piece.ends, column.top, span=kw, stride=sw, name="across")
        second = Elastic(m, stages=1, valid=first.valid[1] & across.here, ready=go_down)
        _, line, row = count_up(m, down, result=op.pieces, line=wo, row=w.height)
        under = Ends(m, down & line.ends, row.top, span=kh, stride=sh, name="under")
        m.d.comb += [
            self.i.ready.eq(first.load[1]),
            go_along.eq(~across.here | second.load[1]),
            along.eq(first.valid[1] & go_along),
            go_down.eq(~under.here | self.o.ready),
            down.eq(second.valid[1] & go_down),
            self.o.valid.eq(second.valid[1] & under.here),
        ]
        narrow, wide = op.merged(kw), op.y.type
        n_down, n_along = op.open_windows
        x = as_codes(first.register(1, self.i.payload, "x"), op.x.type, narrow)
        results = self._axis(m, first, along, x, narrow, across, sw, n_along, op.pieces, "open_row")
        held = second.register(1, Cat(results), "held")
        x = as_codes(held, narrow, wide)
        depth = op.pieces * wo
        results = self._axis(m, second, down, x, wide, under, sh, n_down, depth, "open_column")
        m.d.comb += self.o.payload.eq(Cat(results))
        return m

    def _axis(
        self,
        m: Module,
        pipe: Elastic,
        leaves: Value,
        x: list[Value],
        t: IntType,
        ends: Ends,
        stride: int,
        slots: int,
        depth: int,
        name: str,
    ) -> list[Value]:
        """Merge the beat in ``pipe`` into ``slots`` open windows, and return the oldest one.

        When the oldest window ends, the others move up; the newest one starts with this beat.
        """
        if not slots:
            return x
        size = len(x) * t.bits
        running = Running(m, pipe, 1, depth=depth, width=slots * size, name=name)
        words = split(m, running.word, t.bits, f"{name}_word")
        merged: list[Signal] = []
        for j in range(slots):
            starts = ends.since == j * stride
            lanes = [
                Mux(starts, new, self.merge(old, new, t))
                for old, new in zip(words[j * len(x) : (j + 1) * len(x)], x, strict=True)
            ]
            merged.append(Signal(size, name=f"{name}_merged{j}"))
            m.d.comb += merged[j].eq(Cat(lanes))
        running.update(leaves, Mux(ends.here, Cat(*merged[1:], *x), Cat(merged)))
        return split(m, merged[0], t.bits, f"{name}_result")


def as_codes(payload: Value, given: IntType, t: IntType) -> list[Value]:
    """The elements of a beat, of type ``given``, as codes of ``t``."""
    return [code(x, t) for x in elements(payload, given)]
