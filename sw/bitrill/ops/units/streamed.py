"""The streamed unit: folded, with the word of each step from a second stream."""

import dataclasses

import numpy as np

from ...ir import Impl, Rule, Structure
from .base import MatrixLike, require_free
from .folded import Folded

WORDS = 2
"""Slots of the FIFO in which words of weights wait for their steps."""


class Streamed(Folded, style="streamed", multiply="lut"):
    """A `Folded` unit without a weight memory: stream ``in1`` has a word for each step."""

    component = "bitrill_hw.matvec.writable:StreamedMatVecCore"
    free_weights = True
    coded = False

    def check(self, op: MatrixLike, impl: Impl) -> None:
        require_free(op, self.style)

    def memory_stages(self, op: MatrixLike) -> int:
        return 1

    def word_rules(self, fires: str, steps: int) -> tuple[Rule, ...]:
        """A step takes a word out of the FIFO."""
        s = np.arange(steps)
        return Rule(fires, "in1", s, 1), Rule("in1", fires, s - WORDS, 1)

    def structure(self, op: MatrixLike) -> Structure:
        s = super().structure(op.at(dataclasses.replace(op.folded, memory="distributed")))
        for name in ("table", "rom"):
            s.lcs.pop(name, None)
        impl = op.folded
        word = impl.pe * impl.simd * op.weight_type.bits
        word += 0 if op.popcount else impl.pe * op.y.type.bits
        s.luts(words=word)
        s.flops(words=2 * word)
        return s
