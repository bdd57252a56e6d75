"""Folded matrix-vector unit."""

from __future__ import annotations

import numpy as np
from amaranth import *
from amaranth.lib import wiring
from bitrill.ops import MatVec
from bitrill.plan.sums import starts, sum_plan

from ..arith.sums import lane_sums
from ..border import bordered_weights
from ..elastic import Elastic
from ..steps import Steps
from ..stream import OneToOne
from ..tables import table


class MatVecCore(OneToOne):
    """``op`` at its folding: ``op.simd`` columns of ``op.pe`` rows a cycle, ``op.latency`` stages.

    The stages: the weight word and the beat, out of their memories; a second register of the
    word behind block memory; those of the sum; the accumulators, which are the output register.
    """

    op: MatVec

    def elaborate(self, _) -> Module:
        m = Module()
        op, plan = self.op, sum_plan(self.op)
        m.submodules.steps = steps = Steps(
            width=len(self.i.payload), beats=op.beats, passes=op.passes
        )
        wiring.connect(m, wiring.flipped(self.i), steps.i)
        whole = Signal()
        end = op.latency
        pipe = Elastic(m, stages=end, valid=steps.valid, ready=self.o.ready, completes=whole)
        m.d.comb += [steps.ready.eq(pipe.load[1]), self.o.valid.eq(pipe.valid[end])]
        weights = self._weights(m, pipe, steps)
        x = pipe.delay(steps.x, "x", first=2, last=op.read_stages)
        sums = lane_sums(
            m, pipe, plan, stage=op.read_stages + 1, weights=weights, x=x, pe=op.folded.pe
        )
        base = self._starts(m, pipe, steps.turn)
        first = C(1)
        if op.beats == 1:
            m.d.comb += whole.eq(1)
        else:
            first = pipe.delay(steps.first, "first", first=1, last=end - 1)
            m.d.comb += whole.eq(pipe.delay(steps.last, "last", first=1, last=end - 1))
        totals = []
        for p, (start, value) in enumerate(zip(base, sums, strict=True)):
            total = Signal(op.y.type.bits, name=f"total{p}", reset_less=True)
            with m.If(pipe.enters(end)):
                m.d.sync += total.eq(Mux(first, start, total) + value)
            totals.append(total)
        m.d.comb += self.o.payload.eq(Cat(totals))
        return m

    def _weights(self, m: Module, pipe: Elastic, steps: Steps) -> Value:
        """The step's word in stage ``op.read_stages``: bits ``[lane][plane][pe]``."""
        op = self.op
        pe, simd, bits = op.folded.pe, op.folded.simd, op.weight_type.bits
        codes = op.weight_type.encode(op.weights)
        planes = (codes[..., None] >> np.arange(bits)) & 1
        planes = planes.reshape(op.passes, pe, op.beats, simd, bits).transpose(0, 2, 3, 4, 1)
        words = planes.reshape(op.steps, -1)
        if op.inside is not None:
            return bordered_weights(m, pipe, op, steps, words)
        word = table(m, pipe, 1, "weights", words, steps.address, op.folded.memory)
        return pipe.delay(word, "weights", first=2, last=op.read_stages)

    def _starts(self, m: Module, pipe: Elastic, turn: Value) -> list[Value]:
        """What each row's accumulator starts from, in the stage before the last."""
        op = self.op
        bits, pe = op.y.type.bits, op.folded.pe
        codes = ((starts(op)[:, None] >> np.arange(bits)) & 1).reshape(op.passes, pe * bits)
        at = op.latency - 1
        if (codes != codes[0]).any():
            turn = pipe.delay(turn, "turn", first=1, last=at - 1)
        word = table(m, pipe, at, "starts", codes, turn, "distributed")
        return [word[p * bits : (p + 1) * bits] for p in range(pe)]
