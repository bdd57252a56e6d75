"""Folded units whose weights change: written by the host between frames, or streamed."""

from dataclasses import replace

import numpy as np

from ...ir import Rule, Structure
from .folded import Folded
from .matrix_like import MatrixLike

WORDS = 2
"""Slots of the FIFO in which words of weights wait for their steps."""


class Runtime(Folded, style="runtime", multiply="lut"):
    """A `Folded` unit whose tables have bus registers (`bitrill.runtime.register_map`)."""

    component = "bitrill_hw.matvec.writable:RuntimeMatVecCore"
    free_weights = True
    coded = False

    def structure(self, op: MatrixLike) -> Structure:
        s, impl = super().structure(op), op.folded
        words = op.neuron_fold * op.synapse_fold
        s.registers(words, impl.pe * impl.simd * op.weight_type.bits)
        if not op.popcount:
            s.registers(op.neuron_fold, impl.pe * op.y.type.bits)
        return s


class Streamed(Folded, style="streamed", multiply="lut"):
    """A `Folded` unit without a weight memory: stream ``in1`` has a word for each step."""

    component = "bitrill_hw.matvec.writable:StreamedMatVecCore"
    free_weights = True
    coded = False

    def memory_stages(self, op: MatrixLike) -> int:
        return 1

    def word_rules(self, fires: str, steps: int) -> tuple[Rule, ...]:
        """A step takes a word out of the FIFO."""
        s = np.arange(steps)
        return Rule(fires, "in1", s, 1), Rule("in1", fires, s - WORDS, 1)

    def structure(self, op: MatrixLike) -> Structure:
        s = super().structure(op.at(replace(op.folded, memory="distributed")))
        for name in ("table", "rom"):
            s.lcs.pop(name, None)
        impl = op.folded
        word = impl.pe * impl.simd * op.weight_type.bits
        word += 0 if op.popcount else impl.pe * op.y.type.bits
        s.luts(words=word)
        s.flops(words=2 * word)
        return s
