"""Hardware of `bitrill.ops.Requantize`: multiply, add, shift."""

from __future__ import annotations

import numpy as np
from amaranth import *
from bitrill.ir import IntType
from bitrill.ops import Requantize
from bitrill.ops.requantize import LATENCY

from ..memories.tables import table
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne, code, elements


class RequantizeCore(OneToOne):
    """Three stages: the element, its gain and offset; their product and sum; shift and clamp."""

    op: Requantize

    def elaborate(self, _) -> Module:
        m = Module()
        op, pe = self.op, self.op.folded.pe
        pipe = Elastic(m, stages=LATENCY, valid=self.i.valid, ready=self.o.ready)
        m.d.comb += [self.i.ready.eq(pipe.load[1]), self.o.valid.eq(pipe.valid[LATENCY])]
        turns = op.x.channels // pe
        turn = Signal(range(max(2, turns)))
        with m.If(pipe.enters(1)):
            m.d.sync += turn.eq(Mux(turn == turns - 1, 0, turn + 1))
        gains = self._constants(m, pipe, "gains", op.gain, turn)
        offsets = self._constants(m, pipe, "offsets", op.offset, turn)
        x = elements(pipe.register(1, self.i.payload, "x"), op.x.type)
        out = []
        for p in range(pe):
            total = code(gains[p] * x[p] + offsets[p], op.sum_type)
            held = pipe.register(2, total.as_signed() if op.sum_type.signed else total, f"sum{p}")
            y = held >> op.shift
            clamped = Mux(y < op.out.lo, op.out.lo, Mux(y > op.out.hi, op.out.hi, y))
            out.append(pipe.register(3, code(clamped, op.out), f"y{p}"))
        m.d.comb += self.o.payload.eq(Cat(out))
        return m

    def _constants(
        self, m: Module, pipe: Elastic, name: str, values: np.ndarray, turn: Value
    ) -> list[Value]:
        """The constant of each lane's channel, in stage 1."""
        t = IntType.for_range(lo=int(values.min()), hi=int(values.max()))
        words = (t.encode(values)[:, None] >> np.arange(t.bits) & 1).reshape(
            -1, self.op.lanes_in, t.bits
        )
        words = words.reshape(len(words), -1)
        return elements(table(m, pipe, 1, name, words, turn, self.op.folded.memory), t)
