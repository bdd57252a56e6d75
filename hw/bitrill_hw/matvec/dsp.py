"""The matrix unit of DSP slices, whose words are packed by `bitrill.arith.dsp_packing`."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth import *
from bitrill.arith.dsp_packing import Packing, dsp_plan, stored_fields
from bitrill.parts.families import family_of

from ..arith.accumulate import lane_sums
from ..arith.dsp_slice import INNER, Slice
from ..memories.constant_tables import split
from ..ops.matvec import MatVecCore
from ..pipeline.elastic import Elastic


@dataclass
class _Bits:
    """Summands for `lane_sums`: bits of the chains' sums and of the starting values, by number."""

    m: Module
    bits: list[Value]
    pe: int

    def gates(self, cells: bool) -> dict[int, Value]:
        return dict(enumerate(self.bits))


class DspMatVecCore(MatVecCore):
    """The unit that multiplies in DSP slices, planned by `bitrill.arith.dsp_packing`.

    Pipeline stages: the weight word and the beat are read, as in `MatVecCore`; the products; one
    stage for each lane of a chain, which adds its product; the stages that add the chains; the
    accumulators. Shorter chains begin later, so that all end in the same stage.
    """

    def elaborate(self, _) -> Module:
        m = Module()
        op, plan = self.op, dsp_plan(self.op)
        whole = Signal()
        steps, pipe = self._pipeline(m, whole)
        end, chain = op.latency, plan.packing.chain
        first: Value = C(1)
        at = op.read_stages + chain + 1
        if op.synapse_fold == 1:
            m.d.comb += whole.eq(1)
        else:
            first = pipe.delay(steps.first, "first", first=1, last=at)
            m.d.comb += whole.eq(pipe.delay(steps.last, "last", first=1, last=end - 1))
        word = self._word(m, pipe, stored_fields(op), steps.address)
        x = pipe.delay(steps.x, "x", first=2, last=op.read_stages)
        sums = self._chains(m, pipe, word, x)
        fields = [
            self._column(m, [p[k] for p in rows], f"field{c}_{k}")
            for c, rows in enumerate(sums)
            for k in range(min(op.y.type.bits, plan.packing.width(plan.packing.chains[c])))
        ]
        start = [first.replicate(op.folded.pe)] * len(plan.start)
        columns = lane_sums(
            pipe,
            plan.sums,
            _Bits(m, [*fields, *start], op.folded.pe),
            [],
            stage=at + 1,
            cells=family_of(op.folded.primitives).cells,
        )
        if op.synapse_fold > 1:
            first = pipe.delay(first, "first", first=at + 1, last=end - 1)
        self._accumulate(m, pipe, columns, first)
        return m

    def _chains(self, m: Module, pipe: Elastic, word: Value, x: Value) -> list[list[Value]]:
        """For each chain, the sum of every row, still packed as a field of the slice's result."""
        op, packing = self.op, dsp_plan(self.op).packing
        lanes = split(m, word, packing.bits(op.folded.pe), "lane")
        operands = split(m, x, op.x.type.bits, "operand")
        sums: list[list[Value]] = []
        lane = 0
        for c, n in enumerate(packing.chains):
            above: list[Slice] = []
            for k in range(n):
                late = packing.chain - n + k
                above = self._lane(
                    m, pipe, lanes[lane], operands[lane], above, (lane, n, late), packing
                )
                lane += 1
            rows = []
            for s, size in zip(above, packing.groups(op.folded.pe), strict=True):
                for r in range(size):
                    rows.append(Signal(packing.width(n), name=f"chain{c}_row{len(rows)}"))
                    m.d.comb += rows[-1].eq(s.p[r * packing.spacing :])
            sums.append(rows)
        return sums

    def _lane(
        self,
        m: Module,
        pipe: Elastic,
        word: Value,
        x: Value,
        above: list[Slice],
        at: tuple[int, int, int],
        packing: Packing,
    ) -> list[Slice]:
        """The slices of a lane, which work ``late`` stages after the first lane of their chain.

        So their operands pass ``late`` registers before the multiplier: as many as the slice has in
        itself, and the others, if more are needed, outside before it.
        """
        op, (lane, n, late) = self.op, at
        begin = op.read_stages
        outside, inside = max(0, late - INNER), min(late, INNER)
        word = pipe.delay(word, f"word{lane}_", first=begin + 1, last=begin + outside)
        x = pipe.delay(x, f"x{lane}_", first=begin + 1, last=begin + outside)
        x = x.as_signed() if op.x.type.signed else x
        loads: list[Value] = [pipe.load[begin + outside + 1 + k] for k in range(inside + 2)]
        slices, used = [], 0
        for g, size in enumerate(packing.groups(op.folded.pe)):
            bits = packing.fields[0] + packing.fields[1] * (size - 1)
            a = self._factor(word[used : used + bits], size, packing)
            bias = sum(packing.bias(n) << packing.spacing * r for r in range(size))
            label = f"slice{lane}_{g}"
            s = Slice(
                a,
                x,
                above[g] if above else bias,
                registers=inside,
                loads=loads,
                cells=family_of(op.folded.primitives).cells,
                label=label,
            )
            m.submodules[label] = s
            slices.append(s)
            used += bits
        return slices

    def _factor(self, fields: Value, size: int, packing: Packing) -> Value:
        """The factor of several rows: the stored fields, each sign-extended up to the next one."""
        signed, parts, used = self.op.weight_type.signed, [], 0
        for r in range(size):
            bits = packing.fields[r > 0]
            field = fields[used : used + bits]
            used += bits
            parts.append(field)
            if r < size - 1:
                top = field[-1] if signed else C(0, 1)
                parts.append(top.replicate(packing.spacing - bits))
        word = Cat(parts)
        return word.as_signed() if signed else word

    def _column(self, m: Module, bits: list[Value], name: str) -> Value:
        word = Signal(len(bits), name=name)
        m.d.comb += word.eq(Cat(bits))
        return word
