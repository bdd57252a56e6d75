"""The unrolled matrix unit: weights are part of its adders, and it accepts a vector a cycle."""

from __future__ import annotations

from typing import TypeAlias

from amaranth import *
from bitrill.arith.adder_graph import Operand
from bitrill.arith.unrolled_plan import element, unrolled_plan
from bitrill.ir import IntType
from bitrill.ops import MatVec
from bitrill.parts.families import family_of

from ..arith.compressors import Adders, Bit
from ..arith.heaps import heap_sum
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne

Columns: TypeAlias = list[list[Bit]]
"""The bits of a number; entry ``k`` has those of weight ``2**k``."""


class UnrolledCore(OneToOne):
    """The unrolled unit, planned by `bitrill.arith.unrolled_plan`: ``op.latency`` stages."""

    op: MatVec

    def elaborate(self, _: object) -> Module:
        m = Module()
        op, plan = self.op, unrolled_plan(self.op)
        graph = plan.graph
        pipe = Elastic(
            m,
            stages=op.latency,
            valid=self.i.valid,
            ready=self.o.ready,
            ahead=op.latency > 2,
            primitives=op.folded.primitives,
        )
        m.d.comb += [self.i.ready.eq(pipe.load[1]), self.o.valid.eq(pipe.valid[op.latency])]
        adders = Adders(m, cells=True, xc7=family_of(op.folded.primitives).cells)
        numbers = _Numbers(pipe, *self._elements(m, pipe))
        for k, number in enumerate(graph.numbers[graph.n_inputs :], graph.n_inputs):
            heap = graph.plan(number)
            begin = plan.ready[k] - len(heap.stages)
            bits = numbers.gathered(number.operands, begin, number.bits)
            made = heap_sum(adders, pipe, heap, bits, stage=begin + 1, name=f"sum{k}")
            numbers.add(made, plan.ready[k])
        rows: list[Value] = []
        for r, row in enumerate(graph.rows):
            heap = graph.row_plan(row)
            begin = plan.rows_ready[r] - len(heap.stages)
            bits = numbers.gathered(row.operands, begin, row.width)
            made = heap_sum(adders, pipe, heap, bits, stage=begin + 1, name=f"row{r}", plain=True)
            first = plan.rows_ready[r] + 1
            value = Cat(c[0].plain() if c else C(0, 1) for c in made)
            value = pipe.delay(value, f"row{r}_", first=first, last=op.latency)
            above = value[-1] if row.signed else C(0, 1)
            rows.append(Cat(value, above.replicate(op.y.type.bits - row.width)))
        m.d.comb += self.o.payload.eq(Cat(rows))
        return m

    def _elements(self, m: Module, pipe: Elastic) -> tuple[list[Columns], int]:
        """The input's elements as bits, and their stage: 1 if codes are decoded first, else 0.

        The top bit of a signed element is complemented.
        """
        t, out = self.op.x.type, []
        if self.op.spans:
            return [self._within(c, *span) for c, span in enumerate(self.op.spans)], 0
        for c in range(self.op.cols):
            element = Signal(t.bits, name=f"x{c}")
            m.d.comb += element.eq(self.i.payload[c * t.bits : (c + 1) * t.bits])
            planes: Value = element
            if t.coding.one_hot:
                planes = Cat(element == k + 1 for k in range(t.coding.planes))
                planes = pipe.register(1, planes, f"planes{c}")
            n = len(planes)
            out.append([[Bit(planes[k], t.signed and k == n - 1)] for k in range(n)])
        return out, int(t.coding.one_hot)

    def _within(self, column: int, lo: int, hi: int) -> Columns:
        """The low bits of an element in ``lo..hi``, as many as needed; none if it is constant."""
        if lo == hi:
            return []
        t, part = self.op.x.type, IntType(lo, hi)
        first, n = column * t.bits, element(part).bits
        bits = self.i.payload[first : first + n]
        return [[Bit(bits[k], part.signed and k == part.bits - 1)] for k in range(n)]


class _Numbers:
    """The bits of each number of the adder graph, registered for each stage that reads them."""

    def __init__(self, pipe: Elastic, inputs: list[Columns], first: int):
        self.pipe = pipe
        self.held = [{first: bits} for bits in inputs]

    def add(self, bits: Columns, stage: int) -> None:
        """Add the next number of the graph; its bits are in registers of stage ``stage``."""
        self.held.append({stage: bits})

    def at(self, number: int, stage: int) -> Columns:
        """The bits of a number in registers of stage ``stage``, delayed if it was ready earlier."""
        held = self.held[number]
        if stage not in held:
            before = self.at(number, stage - 1)
            bits = [b for column in before for b in column]
            kept = self.pipe.register(stage, Cat(b.value for b in bits), f"n{number}_{stage}")
            delayed = iter(Bit(kept[k], b.inverted) for k, b in enumerate(bits))
            held[stage] = [[next(delayed) for _ in column] for column in before]
        return held[stage]

    def gathered(self, operands: tuple[Operand, ...], stage: int, width: int) -> list[Bit]:
        """The operands' bits in ``stage``, column by column, as a heap's plan numbers them."""
        columns: list[list[Bit]] = [[] for _ in range(width)]
        for o in operands:
            for k, column in enumerate(self.at(o.number, stage), o.shift):
                if k < width:
                    columns[k] += [Bit(b.value, b.inverted != o.negative) for b in column]
        return [bit for column in columns for bit in column]
