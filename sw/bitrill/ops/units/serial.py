"""The bit-serial unit: a plane of weights by a plane of x a step (`bitrill.arith.bitserial`)."""

from ...arith.bitserial import READ_STAGES, check_serial, pairs, serial_plan
from ...ir import Impl, Structure, Work
from ...parts.families import family_of
from .base import Unit
from .matrix_like import MatrixLike

_SELECT = {1: 0.0, 2: 0.5, 4: 1.0, 8: 2.0}
"""LUTs of a multiplexer, by its number of data inputs."""


class Serial(Unit, style="folded", multiply="serial"):
    """Goes over its vector once for each pair of planes; it always has a replay buffer."""

    component = "bitrill_hw.matvec.bitserial:SerialMatVecCore"
    coefficients = " serial"

    def check(self, op: MatrixLike, impl: Impl) -> None:
        check_serial(op.name, op.weight_type, op.x.type)

    def plane_pairs(self, op: MatrixLike) -> int:
        return len(pairs(op.weight_type, op.x.type))

    def word_planes(self, op: MatrixLike) -> int:
        return op.weight_type.bits

    def read_stages(self, op: MatrixLike) -> int:
        return READ_STAGES

    def latency(self, op: MatrixLike) -> int:
        return serial_plan(op).latency

    def products(self, count: int, w: int, x: int) -> Work:
        return super().products(count, 1, 1)

    def structure(self, op: MatrixLike) -> Structure:
        s, plan, impl = Structure(), serial_plan(op), op.folded
        beats, words = op.synapse_fold, op.neuron_fold * op.synapse_fold
        s.counters(beats, op.neuron_fold * op.plane_pairs, op.plane_pairs, op.neuron_fold)
        if beats & (beats - 1):
            s.counters(words, words)
        depth = op.weight_type.bits * words
        self.weight_memory(s, op, depth, impl.pe * impl.simd)
        s.luts(sums=impl.simd * next(n for k, n in _SELECT.items() if op.x.type.bits <= k))
        s.flops(held=impl.simd)
        plain = 0 if family_of(impl.primitives).cells else sum(c.luts for c in plan.count.counters)
        s.luts(sums=impl.pe * (plan.luts + plain))
        held = plan.count.held + (plan.count.width if plan.count.added else 0)
        s.flops(held=impl.pe * (held + plan.total.bits + plan.shifts))
        s.flops(held=4 * op.latency)
        self.replay(s, op)
        s.pipe(op.latency)
        return s
