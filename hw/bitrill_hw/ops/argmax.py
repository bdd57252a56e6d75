"""Hardware of `bitrill.ops.ArgMax`: registers with the best channels so far, sorted by score."""

from __future__ import annotations

import numpy as np
from amaranth import *
from bitrill.ops import ArgMax

from ..memories.constant_tables import table
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne


class ArgMaxCore(OneToOne):
    """Inserts each element into a sorted list of the ``op.k`` best ones; sends it after the last.

    Stages: the element with its gain and offset; its score (one stage for both if every score is
    the element itself); the insertion. While a list is sent, the next vector is sorted.
    """

    op: ArgMax

    def elaborate(self, _) -> Module:
        m = Module()
        op, bits = self.op, self.op.y.type.bits
        before = op.latency - 1
        free, last = Signal(), Signal()
        # only the last element of a vector waits for the output register
        pipe = Elastic(m, stages=before, valid=self.i.valid, ready=free | ~last)
        m.d.comb += self.i.ready.eq(pipe.load[1])
        channel = Signal(bits)
        with m.If(pipe.enters(1)):
            m.d.sync += channel.eq(Mux(channel == op.x.channels - 1, 0, channel + 1))
        score = self._score(m, pipe, channel)
        index = pipe.delay(channel, "index", first=1, last=before)
        m.d.comb += last.eq(index == op.x.channels - 1)
        inserts = pipe.valid[before] & (free | ~last)
        best = self._places(m, score, index, inserts=inserts, ends=last)
        unsent, out = Signal(range(op.k + 1)), Signal(bits * op.k)
        sends = self.o.valid & self.o.ready
        m.d.comb += [
            free.eq((unsent == 0) | ((unsent == 1) & self.o.ready)),
            self.o.valid.eq(unsent != 0),
            self.o.payload.eq(out),
        ]
        with m.If(sends):
            m.d.sync += [unsent.eq(unsent - 1), out.eq(out >> bits)]
        with m.If(inserts & last):
            m.d.sync += [unsent.eq(op.k), out.eq(Cat(best))]
        return m

    def _score(self, m: Module, pipe: Elastic, channel: Value) -> Value:
        """``gain * x + offset`` of the element in the last stage of ``pipe``."""
        op, t = self.op, self.op.x.type
        x: Value = pipe.register(1, self.i.payload, "x1")
        x = x.as_signed() if t.signed else x
        if t.coding.is_bipolar:
            x = Cat(C(1, 1), ~x).as_signed()
        if op.plain:
            return x
        bits = op.score_type.bits  # modulo 2**bits all the way: scores fit
        fields = np.stack([op.gain, op.offset], 1)[..., None] >> np.arange(bits) & 1
        words = fields.reshape(op.x.channels, -1)
        word = table(m, pipe, 1, "scores", words, channel, op.folded.memory)
        gain, offset = word[:bits].as_signed(), word[bits:].as_signed()
        score = (gain * x + offset)[:bits]
        held = pipe.register(2, score, "score")
        return held.as_signed() if op.score_type.signed else held

    def _places(
        self, m: Module, score: Value, index: Value, *, inserts: Value, ends: Value
    ) -> list[Value]:
        """The sorted indices with the new element inserted; at equal scores, earlier ones first."""
        scores = [Signal(score.shape(), name=f"score{j}") for j in range(self.op.k)]
        indices = [Signal(len(index), name=f"place{j}") for j in range(self.op.k)]
        taken = Signal(self.op.k)
        above = [~taken[j] | beats(score, scores[j]) for j in range(self.op.k)]
        best: list[Value] = []
        for j in range(self.op.k):
            new_score: Value = Mux(above[j], score, scores[j])
            new_index: Value = Mux(above[j], index, indices[j])
            if j > 0:
                new_score = Mux(above[j - 1], scores[j - 1], new_score)
                new_index = Mux(above[j - 1], indices[j - 1], new_index)
            best.append(new_index)
            with m.If(inserts):
                m.d.sync += [scores[j].eq(new_score), indices[j].eq(new_index)]
        with m.If(inserts):
            m.d.sync += taken.eq(Mux(ends, 0, Cat(C(1, 1), taken)))
        return best


def beats(score: Value, other: Value) -> Value:
    """Whether ``score`` is sorted before ``other``, the score of an earlier element."""
    return score > other
