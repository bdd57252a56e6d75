"""The prefix unit: a folded unit whose weights are stored in a prefix code of bounded length."""

import numpy as np

from ...arith.prefix_code import HELD, WORD, PrefixCode, Tape, tape
from ...arith.shared_values import lookup
from ...ir import Impl, Memory, Primitives, Structure, bits_for
from ...parts.families import family_of
from ...parts.memories import HALF_BITS, LUTS_OF_HALF, deep_enough, worth_block
from .indexed import Shared
from .matrix_like import MatrixLike

LEAST_BITS = HALF_BITS
"""Least number of weight bits for which the search tries prefix codes; fewer fit half a RAMB36."""

LANES = 64
"""Most lanes that the search looks at; each has a memory and a decoder of its own."""


class Prefix(Shared, style="prefix", multiply="lut"):
    """Each lane reads a stream of its own, a weight a step (`bitrill.arith.prefix_code`).

    The decoder holds a window of the stream; a table says how long its first code is, another one,
    a stage later, which weight. So there is a step a cycle, as in `Folded`. After the last step of
    a vector the streams begin anew.
    """

    component = "bitrill_hw.matvec.prefix:PrefixMatVecCore"

    def searched(self, op: MatrixLike, primitives: Primitives) -> bool:
        if self.excludes(op) or op.weights.size * op.weight_type.bits < LEAST_BITS:
            return False
        shared = op.shared_values
        plain = op.weights.size * op.weight_type.bits
        return shared.few and 8 * shared.code_bits(shared.codes()[-1]) <= 7 * plain

    def worth(self, op: MatrixLike, pe: int, simd: int, *, settled: bool) -> bool:
        return settled or pe * simd <= LANES

    def memory_stages(self, op: MatrixLike) -> int:
        return 1

    def fills_blocks(self, op: MatrixLike) -> bool:
        return False

    def code(self, op: MatrixLike) -> PrefixCode:
        """Return the code of fewest LUTs, bits of memory counted as their share of block memory."""
        lanes = op.folded.pe * op.folded.simd

        def cost(code: PrefixCode) -> float:
            bits = op.shared_values.code_bits(code)
            return lanes * self._luts(op, code) + bits * LUTS_OF_HALF / HALF_BITS

        return min(op.shared_values.codes(), key=cost)

    def lengths(self, code: PrefixCode) -> np.ndarray:
        """The bits that a step takes, for each window, ``[2**window, bits]`` of 0 and 1."""
        return code.lengths[code.symbols][:, None] >> np.arange(bits_for(code.window + 1)) & 1

    def weights_of(self, op: MatrixLike, code: PrefixCode) -> np.ndarray:
        """The bits that products read, for each window, ``[2**window, bits]``."""
        return self.planes(op)[code.symbols]

    def tapes(self, op: MatrixLike) -> list[list[Tape]]:
        """The stream of each lane: ``[lane][row]``."""
        pe, simd, code = op.folded.pe, op.folded.simd, self.code(op)
        lanes = op.shared_values.indices.reshape(op.neuron_fold, pe, op.synapse_fold, simd)
        return [[tape(code, lanes[:, p, :, s].ravel()) for p in range(pe)] for s in range(simd)]

    def depth(self, op: MatrixLike) -> int:
        """Words of the longest memory of a lane."""
        return op.shared_values.tape_depth(self.code(op), op.folded.pe, op.folded.simd)

    def stored_bits(self, op: MatrixLike) -> int:
        return sum(WORD * (len(t.words) + HELD - 1) for lane in self.tapes(op) for t in lane)

    def default_memory(self, op: MatrixLike, pe: int, simd: int, primitives: Primitives) -> Memory:
        shared = op.shared_values
        if not shared.few:
            return "distributed"  # `check` refuses it
        depth = shared.tape_depth(shared.codes()[-1], pe, simd)
        if family_of(primitives).fills_blocks:
            return "block" if worth_block(depth, WORD) else "distributed"
        return "block" if deep_enough(depth, depth * WORD) else "distributed"

    def default_impl(self, op: MatrixLike, given: int | None) -> Impl | None:
        possible = not self.excludes(op) and op.shared_values.few
        return super().default_impl(op, given) if possible else None

    def front(self, s: Structure, op: MatrixLike) -> None:
        """Count the decoders, and the tables that convert codes to weights."""
        code, lanes = self.code(op), op.folded.pe * op.folded.simd
        plan = lookup(self.weights_of(op, code))
        s.luts(multiplexers=lanes * self._luts(op, code))
        s.flops(held=lanes * (plan.registers + code.window + 3 * WORD + bits_for(WORD)))
        s.flops(held=op.folded.simd * op.x.type.bits)
        s.counters(*[self.depth(op)] * lanes)

    def _luts(self, op: MatrixLike, code: PrefixCode) -> float:
        """LUTs of a lane: windows, lengths, the next place, words that move on, and weights.

        The numbers beside the tables are those that Yosys takes (`benchmarks/shared_values.py`).
        """
        tables = lookup(self.weights_of(op, code)).luts + lookup(self.lengths(code)).luts
        return 4 * code.window + bits_for(WORD) + 1 + 2 * WORD + tables

    def _weights(self, s: Structure, op: MatrixLike) -> None:
        for _ in range(op.folded.pe * op.folded.simd):
            s.rom(self.depth(op), WORD, block=op.folded.in_block)
