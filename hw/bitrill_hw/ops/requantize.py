"""Hardware of `bitrill.ops.Requantize`: multiplies, adds, shifts and clamps each element."""

from __future__ import annotations

import numpy as np
from amaranth import *
from bitrill.arith.dsp_lines import LOW
from bitrill.ir import IntType
from bitrill.ops import Requantize
from bitrill.parts.families import family_of

from ..arith.dsp_slice import Slice
from ..memories.constant_tables import table
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne, code, elements


class RequantizeCore(OneToOne):
    """Stages: the element with its gain and offset; ``gain * x + offset``; the shift and clamp.

    In DSP slices the product and each sum have a stage of their own.
    """

    op: Requantize

    def elaborate(self, _) -> Module:
        m = Module()
        op, pe, last = self.op, self.op.folded.pe, self.op.latency
        pipe = Elastic(m, stages=last, valid=self.i.valid, ready=self.o.ready)
        m.d.comb += [self.i.ready.eq(pipe.load[1]), self.o.valid.eq(pipe.valid[last])]
        turns = op.x.channels // pe
        turn = Signal(range(max(2, turns)))
        with m.If(pipe.enters(1)):
            m.d.sync += turn.eq(Mux(turn == turns - 1, 0, turn + 1))
        gains = self._constants(m, pipe, "gains", op.gain, op.gain_type, turn)
        offsets = self._constants(m, pipe, "offsets", op.offset, op.offset_type, turn)
        x = elements(pipe.register(1, self.i.payload, "x"), op.x.type)
        total = self._in_slices if op.folded.in_slices else self._in_logic
        out = []
        for p in range(pe):
            y = total(m, pipe, p, gains[p], x[p], offsets[p]) >> op.shift
            clamped = Mux(y < op.out.lo, op.out.lo, Mux(y > op.out.hi, op.out.hi, y))
            out.append(pipe.register(last, code(clamped, op.out), f"y{p}"))
        m.d.comb += self.o.payload.eq(Cat(out))
        return m

    def _in_logic(
        self, m: Module, pipe: Elastic, p: int, gain: Value, x: Value, offset: Value
    ) -> Value:
        total = self._sum(code(gain * x + offset, self.op.sum_type))
        return pipe.register(2, total, f"sum{p}")

    def _in_slices(
        self, m: Module, pipe: Elastic, p: int, gain: Value, x: Value, offset: Value
    ) -> Value:
        op, loads = self.op, pipe.load
        cells = family_of(op.folded.primitives).cells

        def slice_of(k: int, factor: Value, c: Slice | Value) -> Slice:
            s = Slice(
                x,
                factor,
                c,
                registers=k,
                loads=list(loads[2 : 4 + k]),
                cells=cells,
                label=f"slice{p}_{k}",
                shifted=k > 0,
            )
            m.submodules[s.label] = s
            return s

        offset = pipe.register(2, offset, f"offset{p}")
        if op.slices == 1:
            return self._sum(slice_of(0, gain, offset).p[: op.sum_type.bits])
        high = gain[LOW:].as_signed() if op.gain_type.signed else gain[LOW:]
        s = slice_of(1, high, slice_of(0, gain[:LOW], offset))
        return self._sum(Cat(C(0, LOW), s.p[: op.sum_type.bits - LOW]))

    def _sum(self, bits: Value) -> Value:
        return bits.as_signed() if self.op.sum_type.signed else bits

    def _constants(
        self, m: Module, pipe: Elastic, name: str, values: np.ndarray, t: IntType, turn: Value
    ) -> list[Value]:
        """The constant of each lane's channel, read from a table in stage 1."""
        words = (t.encode(values)[:, None] >> np.arange(t.bits) & 1).reshape(
            -1, self.op.lanes_in, t.bits
        )
        words = words.reshape(len(words), -1)
        return elements(table(m, pipe, 1, name, words, turn, self.op.folded.memory), t)
