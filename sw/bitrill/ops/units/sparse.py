"""The sparse unit: a folded unit that leaves out the steps whose weights are all 0."""

import numpy as np

from ...arith.accumulate import starts
from ...arith.column_steps import ColumnSteps
from ...errors import SpecError
from ...ir import Impl, Primitives, Rule, Schedule, Structure, bits_for, different_bits
from ...parts.families import family_of
from ...parts.memories import deep_enough, worth_block
from .base import REPLAY_BLOCK
from .folded import Folded
from .matrix_like import MatrixLike

VECTORS = 2
"""Vectors that the replay buffer holds."""

LEAST_SAVED = 1 / 8
"""Share of the cycles that must be saved for the folding search to look at it: nearly all weights
of few bits have some zeros."""


class Sparse(Folded, style="sparse", multiply="lut"):
    """A `Folded` unit that reads only the beats of `bitrill.arith.column_steps`.

    An index memory stores for each step the beat that it reads from the replay buffer, and whether
    it is the last step of its rows. Its word is read one step ahead, so the pipeline is that of
    `Folded`. The steps of a vector begin when the whole vector is in the buffer; the last one frees
    it.
    """

    component = "bitrill_hw.matvec.sparse:SparseMatVecCore"
    leaves_zeros_out = True

    def check(self, op: MatrixLike, impl: Impl) -> None:
        if op.free:
            raise SpecError(f"{op.name}: the weights of style 'sparse' must be constants, not free")
        if op.popcount or op.inside is not None:
            raise SpecError(
                f"{op.name}: a matvec of style 'sparse' must have weights that can be 0, not"
                f" {op.weight_type} by {op.x.type}"
            )
        if impl.pe == op.rows:
            raise SpecError(
                f"{op.name}: PE of style 'sparse' must be below all {op.rows} rows, or there is one"
                " group of them, and no columns to leave out for it"
            )

    def searched(self, op: MatrixLike, primitives: Primitives) -> bool:
        constant = not op.free and not op.popcount and op.inside is None
        return constant and bool((op.weights == 0).any())

    def worth(self, op: MatrixLike, pe: int, simd: int, *, settled: bool) -> bool:
        if pe == op.rows:
            return False
        turns, beats = op.rows // pe, op.cols // simd
        cycles = max(beats, len(op.column_plans.at(pe, simd).beats))
        return settled or cycles <= (1 - LEAST_SAVED) * turns * beats

    def steps(self, op: MatrixLike) -> int:
        return len(self._plan(op).beats)

    def longest(self, op: MatrixLike) -> int:
        return int(self._plan(op).counts.max())

    def stepped(self, op: MatrixLike, words: np.ndarray) -> np.ndarray:
        plan = self._plan(op)
        return words[plan.groups, plan.beats]

    def starts(self, op: MatrixLike) -> np.ndarray:
        return starts(op, read=self._plan(op).read(op.weights.shape, op.folded.pe, op.folded.simd))

    def index_words(self, op: MatrixLike) -> np.ndarray:
        """Words of the index memory, uint8 ``[steps, bits]``, see `ColumnSteps.words`."""
        return self._plan(op).words(bits_for(op.synapse_fold))

    def index_in_block(self, op: MatrixLike) -> bool:
        """Return whether the index memory is built in block memory."""
        depth, width = op.steps, bits_for(op.synapse_fold) + 1
        if family_of(op.folded.primitives).fills_blocks:
            return worth_block(depth, width)
        return deep_enough(depth, depth * width)

    def stored_bits(self, op: MatrixLike) -> int:
        impl, steps = op.folded, op.steps
        index = bits_for(op.synapse_fold) + 1
        return steps * (impl.pe * impl.simd * op.weight_type.bits + index)

    def default_impl(self, op: MatrixLike, given: int | None) -> Impl | None:
        if op.rows == 1 or op.popcount or op.inside is not None:
            return None
        chosen = super().default_impl(op, None)
        if chosen is None or chosen.pe < op.rows:
            return chosen
        pe = max(n for n in range(1, op.rows) if op.rows % n == 0)
        memory = self.default_memory(op, pe, chosen.simd, "portable")
        return Impl(pe=pe, simd=chosen.simd, memory=memory, style=self.style)

    def memory_depth(self, op: MatrixLike, pe: int, simd: int) -> int:
        return len(op.column_plans.at(pe, simd).beats)

    def schedule(self, op: MatrixLike) -> Schedule:
        """The rules of one frame.

        The pipeline is that of `Folded`, with results of unlike numbers of steps. After a stall the
        steps of a result enter the accumulator one a cycle: ``out[k] >= out[j] + n`` where results
        ``j + 1 .. k`` have ``n`` steps or more. One rule for each number of steps says so.
        """
        counts, latency = self._plan(op).counts, self.latency(op)
        vectors, steps, turns = op.x.size // op.cols, op.steps, op.neuron_fold
        s, k = np.arange(vectors * steps), np.arange(vectors * turns)
        ends = np.cumsum(counts)

        def result(step: np.ndarray) -> np.ndarray:
            """The result of each step, in earlier and later vectors, too."""
            vector, place = np.divmod(step, steps)
            return vector * turns + np.searchsorted(ends, place, side="right")

        def last(result: np.ndarray) -> np.ndarray:
            vector, place = np.divmod(result, turns)
            return vector * steps + ends[place] - 1

        done = Rule("out", "step", last(k), latency)
        room = Rule("step", "out", result(s - latency + 1) - 1, 0)
        merged = (
            Rule("out", "out", result(last(k) - n + 1) - 1, int(n)) for n in np.unique(counts)
        )
        beats = op.synapse_fold
        i = np.arange(vectors * beats)
        arrived = Rule("step", "in", (s // steps + 1) * beats - 1, 1)
        freed = Rule("in", "step", (i // beats - VECTORS + 1) * steps - 1, 1)
        return Schedule(len(i), len(s), len(k), (arrived, freed, done, room, *merged))

    def control(self, s: Structure, op: MatrixLike) -> None:
        impl, beats = op.folded, op.synapse_fold
        width, half = impl.simd * op.x.type.bits, 1 << bits_for(beats)
        block = VECTORS * half >= REPLAY_BLOCK
        s.ram(VECTORS * half, width, block=block)
        s.flops(held=0 if block else width)
        s.counters(op.steps, op.neuron_fold, beats, VECTORS, VECTORS, VECTORS + 1)
        words = self.index_words(op)
        different = different_bits(words, 1)
        s.rom(len(words), words.shape[1], block=self.index_in_block(op), different=different)

    def _plan(self, op: MatrixLike) -> ColumnSteps:
        return op.column_plans.at(op.folded.pe, op.folded.simd)
