"""Hardware of `bitrill.ops.MatVec` in style ``folded``: PE rows times SIMD columns a cycle."""

from __future__ import annotations

import numpy as np
from amaranth import *
from amaranth.lib import wiring
from bitrill.arith.accumulate import SumPlan, sum_plan
from bitrill.ops import MatVec
from bitrill.parts.families import family_of

from ..arith.accumulate import Operands, accumulated, lane_sums, parities, start_words
from ..matvec.beat_control import Steps
from ..matvec.border import bordered_weights
from ..memories.block_rom import BlockRom
from ..memories.constant_tables import filled, table
from ..memories.constant_tables import words as packed
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne


class MatVecCore(OneToOne):
    """The folded unit: ``simd`` columns of ``pe`` rows a cycle, ``op.latency`` pipeline stages.

    The stages: the weight word and the beat of x are read from their memories; a second register
    for the word, if block memory stores it; products and sums of the lanes; the accumulators, which
    are also the output register.
    """

    op: MatVec

    def elaborate(self, _) -> Module:
        m = Module()
        op, plan = self.op, sum_plan(self.op)
        whole = Signal()
        steps, pipe = self._pipeline(m, whole)
        end, cells = op.latency, family_of(op.folded.primitives).cells
        operands = self._operands(m, pipe, steps, plan)
        first: Value = C(1)
        if op.longest == 1:
            m.d.comb += whole.eq(1)
        else:
            first = pipe.delay(steps.first, "first", first=1, last=op.read_stages)
            m.d.comb += whole.eq(pipe.delay(steps.last, "last", first=1, last=end - 1))
        columns = lane_sums(
            pipe,
            plan,
            operands,
            self._starts(m, pipe, steps.turn, first),
            stage=op.read_stages + 1,
            cells=cells,
        )
        if op.longest > 1:
            first = pipe.delay(first, "first", first=op.read_stages + 1, last=end - 1)
        self._accumulate(m, pipe, columns, first)
        return m

    def _operands(self, m: Module, pipe: Elastic, steps: Steps, plan: SumPlan) -> Operands:
        """The operands of a step's products: weights and x, in stage ``op.read_stages``."""
        op = self.op
        weights = self._weights(m, pipe, steps)
        shared = parities(m, plan.products, steps.x, bits=op.x.type.bits)
        x = pipe.delay(steps.x, "x", first=2, last=op.read_stages)
        shared = pipe.delay(shared, "shared", first=2, last=op.read_stages)
        pe, lanes = op.folded.pe, op.lanes
        return Operands(m, plan.products, weights, x, shared, lanes, pe)

    def _pipeline(self, m: Module, whole: Value) -> tuple[Steps, Elastic]:
        """Add the steps and the pipeline that they feed; ``whole``: the next item ends a result."""
        op, end = self.op, self.op.latency
        m.submodules.steps = steps = self._steps(m)
        wiring.connect(m, wiring.flipped(self.i), steps.i)
        pipe = Elastic(
            m,
            stages=end,
            valid=steps.valid,
            ready=self.o.ready,
            completes=whole,
            ahead=True,
            primitives=op.folded.primitives,
        )
        steps.load = pipe.copy(1)
        m.d.comb += [steps.ready.eq(pipe.copy(1)), self.o.valid.eq(pipe.valid[end])]
        return steps, pipe

    def _accumulate(
        self, m: Module, pipe: Elastic, columns: list[list[Value]], first: Value
    ) -> None:
        """Add the rows' sums to the output register; ``first`` starts a new result."""
        op, totals = self.op, []
        for p in range(op.folded.pe):
            total = Signal(op.y.type.bits, name=f"total{p}", reset_less=True)
            before = None if op.longest == 1 else total
            cells = family_of(op.folded.primitives).cells
            value = accumulated(m, columns, p, before, first, cells=cells)
            with m.If(pipe.enters(op.latency)):
                m.d.sync += total.eq(value)
            totals.append(total)
        m.d.comb += self.o.payload.eq(Cat(totals))

    def _steps(self, m: Module) -> Steps:
        return self._folded_steps(self.op.neuron_fold)

    def _folded_steps(self, turns: int) -> Steps:
        """`Steps` that read each vector ``turns`` times."""
        return Steps(
            width=len(self.i.payload),
            beats=self.op.synapse_fold,
            turns=turns,
            styled=family_of(self.op.folded.primitives).distributed_memory,
        )

    def _weights(self, m: Module, pipe: Elastic, steps: Steps) -> Value:
        """The weights of a step, in stage ``op.memory_stages``: bits ``[lane][plane][pe]``."""
        op = self.op
        words = op.weight_words()
        if op.inside is not None:
            return bordered_weights(m, pipe, op, steps, words)
        return self._word(m, pipe, words, steps.address)

    def _word(self, m: Module, pipe: Elastic, words: np.ndarray, address: Value) -> Value:
        """Word ``address`` of the weight memory, in stage ``op.memory_stages``."""
        op = self.op
        if op.folded.in_block and family_of(op.folded.primitives).block_register:
            m.submodules.weights = rom = BlockRom(
                packed(words), words.shape[1], address=address, load=pipe.copy
            )
            return rom.data
        if op.unit.fills_blocks(op):
            word = filled(m, pipe, 1, "weights", words, address)
        else:
            word = table(m, pipe, 1, "weights", words, address, op.folded.memory)
        return pipe.delay(word, "weights", first=2, last=op.memory_stages)

    def _starts(self, m: Module, pipe: Elastic, turn: Value, first: Value) -> list[Value]:
        """The starting values of the rows' sums: for each bit, a word with one bit a row."""
        op = self.op
        return start_words(m, pipe, op, sum_plan(op), turn, first, "turn")
