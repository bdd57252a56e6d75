"""The folded unit: products in LUTs, ``simd`` columns of ``pe`` rows a step."""

from ...arith.accumulate import sum_plan, sum_stages
from ...arith.border import border
from ...ir import Primitives, Structure, bits_for, different_bits
from ...parts.families import family_of
from ...parts.memories import spilled
from .base import Unit
from .matrix_like import MatrixLike

TRIED = 1 << 16
"""Most bits of weights whose different bit columns are counted; beyond, a number is expected."""


class Folded(Unit, style="folded", multiply="lut"):
    """Constant weights in a memory with a word for each step; compressors and carry chains add."""

    component = "bitrill_hw.ops.matvec:MatVecCore"
    coded = True

    def searched(self, op: MatrixLike, primitives: Primitives) -> bool:
        return not self.free_weights

    def latency(self, op: MatrixLike) -> int:
        return op.read_stages + sum_stages(op) + 1

    def structure(self, op: MatrixLike) -> Structure:
        s, pe = Structure(), op.folded.pe
        self.control(s, op)
        self._weights(s, op)
        self.front(s, op)
        add_sums(s, op, pe)
        _starts(s, op, self)
        s.flops(held=pe * op.y.type.bits)
        s.pipe(op.latency, 1 if self.longest(op) == 1 else 3)
        return s

    def control(self, s: Structure, op: MatrixLike) -> None:
        """Count what steps through the weights, and the replay buffer."""
        s.counters(op.steps, op.synapse_fold, op.neuron_fold)
        self.replay(s, op)

    def front(self, s: Structure, op: MatrixLike) -> None:
        """Count the logic between the weight memory and the sums; here there is none."""

    def word_bits(self, op: MatrixLike) -> int:
        """Bits of a word of the weight memory."""
        return op.folded.pe * op.folded.simd * self.code_bits(op)

    def _weights(self, s: Structure, op: MatrixLike) -> None:
        impl, steps, width = op.folded, op.steps, self.word_bits(op)
        if self.fills_blocks(op):
            rest = spilled(steps, width)
            s.rom(steps, width - rest, block=True)
            s.rom(steps, rest)
        elif op.inside is not None:
            s.rom(steps + (not impl.in_block), width, block=impl.in_block)
            s.counters(*(len(taps) for taps in op.inside))
            s.luts(outside=border(op).groups * (2 + bits_for(steps + 1)))
        else:
            known = op.weights.size * op.weight_type.bits <= TRIED
            different = different_bits(op.weight_words(), 1) if known else None
            s.rom(steps, width, block=impl.in_block, different=different)
        if op.memory_stages == 2:
            s.flops(held=width + impl.simd * op.x.type.bits)


def _starts(s: Structure, op: MatrixLike, unit: Unit) -> None:
    """Count the table of the values that each row's sum starts from."""
    values = unit.starts(op)
    if op.popcount or op.neuron_fold == 1 or len(set(values.tolist())) == 1:
        return
    pe, bits = op.folded.pe, op.y.type.bits
    codes = values.reshape(op.neuron_fold, pe)
    s.rom(op.neuron_fold, pe * bits, different=different_bits(codes, bits))
    s.flops(held=bits_for(op.neuron_fold) * max(0, op.latency - 2))


def add_sums(s: Structure, op: MatrixLike, pe: int) -> None:
    """Count the sums of ``pe`` rows and the carry chains of their accumulators."""
    plan = sum_plan(op)
    if family_of(op.folded.primitives).cells:
        s.luts(sums=pe * plan.luts)
    else:  # counters of seven bits, and chains of three rows, as plain logic: about twice the LUTs
        counters = sum(2 * c.luts for c in plan.counters)
        s.luts(sums=pe * (plan.products.luts + counters + 2 * plan.width))
    s.flops(held=pe * plan.held)
    if op.x.type.coding.one_hot:  # planes decoded once for all rows, two of them a LUT
        s.luts(sums=len(plan.products.shared) / 2)
        s.flops(held=len(plan.products.shared) * (op.read_stages - 1))
