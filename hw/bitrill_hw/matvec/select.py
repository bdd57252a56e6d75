"""The selecting matrix unit: a stored index chooses the column that each lane multiplies."""

from __future__ import annotations

from amaranth import *
from bitrill.arith.accumulate import SumPlan
from bitrill.ops.units.select import Select

from ..arith.accumulate import Operands, parities
from ..memories.constant_tables import split
from ..ops.matvec import MatVecCore
from ..pipeline.elastic import Elastic
from .beat_control import Steps


class SelectMatVecCore(MatVecCore):
    """A `MatVecCore` with a stage of multiplexers between the weight memory and the sums."""

    def _operands(self, m: Module, pipe: Elastic, steps: Steps, plan: SumPlan) -> Operands:
        op, stage = self.op, self.op.read_stages
        pe, lanes, c = op.folded.pe, op.lanes, Select().choice(op)
        word = self._weights(m, pipe, steps)
        x = pipe.delay(steps.x, "offered", first=2, last=op.memory_stages)
        bits = lanes * pe * op.weight_type.bits
        chosen = self._chosen(m, x, word[bits:])
        own = 1 if c.shared else pe
        shared = parities(m, plan.products, chosen, bits=op.x.type.bits, pe=own)
        return Operands(
            m,
            plan.products,
            pipe.register(stage, word[:bits], "weight_chosen"),
            pipe.register(stage, chosen, "x"),
            pipe.delay(shared, "shared", first=stage, last=stage),
            lanes,
            pe,
            own=not c.shared,
        )

    def _chosen(self, m: Module, x: Value, indices: Value) -> Value:
        """The element of each lane, ``[lane][plane][row]``; one row if all rows share indices."""
        op, c = self.op, Select().choice(self.op)
        bits, rows = op.x.type.bits, 1 if c.shared else op.folded.pe
        elements = split(m, x, bits, "element")
        planes = split(m, indices, rows, "index")
        out: list[Value] = []
        for lane in range(op.lanes):
            own = planes[lane * c.index_bits : (lane + 1) * c.index_bits]
            inputs = [elements[k] for k in c.inputs_of(lane)]
            words = []
            for r in range(rows):
                words.append(Signal(bits, name=f"chosen{lane}_{r}"))
                m.d.comb += words[r].eq(Array(inputs)[Cat(plane[r] for plane in own)])
            out += [Cat(word[p] for word in words) for p in range(bits)]
        return Cat(out)
