"""Hardware of `bitrill.ops.Lookup`: a table for each lane."""

import numpy as np
from amaranth import *
from bitrill.ops import Lookup

from ..memories.constant_tables import tables
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne


class LookupCore(OneToOne):
    """A memory for each lane, addressed by the element's code and the number of the beat."""

    op: Lookup

    def elaborate(self, _) -> Module:
        m = Module()
        op, bits = self.op, self.op.x.type.bits
        pipe = Elastic(m, stages=1, valid=self.i.valid, ready=self.o.ready)
        m.d.comb += [self.i.ready.eq(pipe.load[1]), self.o.valid.eq(pipe.valid[1])]
        turns = op.x.channels // op.folded.pe if len(op.table) > 1 else 1
        turn = Signal(range(max(2, turns)))
        with m.If(pipe.enters(1)):
            m.d.sync += turn.eq(Mux(turn == turns - 1, 0, turn + 1))
        words = self._words(turns)
        own = [words[:, p] for p in range(words.shape[1])]
        addresses = []
        for p in range(op.folded.pe):
            code = self.i.payload[p * bits : (p + 1) * bits]
            addresses.append(Cat(code, turn) if turns > 1 else code)
        contents = [own[p % len(own)] for p in range(op.folded.pe)]
        out = tables(m, pipe, 1, "table", contents, addresses, op.folded.memory)
        m.d.comb += self.o.payload.eq(Cat(out))
        return m

    def _words(self, turns: int) -> np.ndarray:
        """The tables as bits ``[beat and code, lane, bit]``; the entries of unused codes are 0."""
        op = self.op
        by_code = np.zeros((len(op.table), 1 << op.x.type.bits), np.int64)
        by_code[:, op.x.type.encode(op.x.type.values())] = op.out.encode(op.table)
        lanes = by_code.reshape(turns, -1, by_code.shape[1]).swapaxes(1, 2)
        codes = lanes.reshape(-1, lanes.shape[2])
        return codes[..., None] >> np.arange(op.out.bits) & 1
