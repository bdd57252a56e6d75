"""The indexed matrix unit: a table for each lane behind the memory of its weights' numbers."""

from __future__ import annotations

from amaranth import *
from bitrill.arith.lut_tables import TablePlan
from bitrill.arith.shared_values import lookup
from bitrill.ops.units.indexed import Indexed
from bitrill.parts.families import family_of

from ..arith.lut_cells import table_bits
from ..memories.constant_tables import split
from ..ops.matvec import MatVecCore
from ..pipeline.elastic import Elastic
from .beat_control import Steps


class Decoder(Elaboratable):
    """The output bits ``o`` of a table at the code ``i``."""

    def __init__(self, plan: TablePlan, cells: bool):
        self.plan, self.cells = plan, cells
        self.i = Signal(plan.inputs)
        self.o = Signal(len(plan.outputs))

    def elaborate(self, _) -> Module:
        m = Module()
        m.d.comb += self.o.eq(Cat(table_bits(m, self.plan, self.i, xc7=self.cells)))
        return m


class IndexedMatVecCore(MatVecCore):
    """A `MatVecCore` with tables and one more register between weight memory and sums."""

    def _weights(self, m: Module, pipe: Elastic, steps: Steps) -> Value:
        op, unit = self.op, Indexed()
        word = super()._weights(m, pipe, steps)
        planes = split(m, word, op.folded.pe, "index")
        bits = unit.code_bits(op)
        codes = [
            [Cat(plane[p] for plane in planes[lane * bits : (lane + 1) * bits])]
            for lane in range(op.lanes)
            for p in range(op.folded.pe)
        ]
        return self._decoded(m, pipe, [code for (code,) in codes], lookup(unit.table(op)))

    def _decoded(self, m: Module, pipe: Elastic, codes: list[Value], plan: TablePlan) -> Value:
        """The weights of ``codes``, a row of them after the other for each lane, registered.

        The result's bits are ``[lane][plane][row]``.
        """
        pe, cells = self.op.folded.pe, family_of(self.op.folded.primitives).cells
        decoders: list[Decoder] = []
        for k, code in enumerate(codes):
            decoders.append(Decoder(plan, cells))
            m.submodules[f"decoder{k}"] = decoders[k]
            m.d.comb += decoders[k].i.eq(code)
        word = Cat(
            decoders[lane + p].o[plane]
            for lane in range(0, len(codes), pe)
            for plane in range(len(plan.outputs))
            for p in range(pe)
        )
        return pipe.register(self.op.read_stages, word, "decoded")
