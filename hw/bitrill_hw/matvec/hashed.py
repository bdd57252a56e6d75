"""The hashed matrix unit: the place of each weight says which of few numbers it is."""

from __future__ import annotations

from amaranth import *
from amaranth.utils import exact_log2
from bitrill.arith.place_hash import BITS, COLUMN_MASKS, MIXED, ROW_MASKS, taps
from bitrill.arith.shared_values import lookup
from bitrill.ops.units.hashed import Hashed

from ..pipeline.elastic import Elastic
from .beat_control import Steps
from .indexed import IndexedMatVecCore


class HashedMatVecCore(IndexedMatVecCore):
    """An `IndexedMatVecCore` whose codes are hashes; what all lanes share is mixed once."""

    def _weights(self, m: Module, pipe: Elastic, steps: Steps) -> Value:
        op, unit = self.op, Hashed()
        shared = pipe.register(1, self._mixed(steps), "mixed")
        codes: list[Value] = []
        for lane, rows in enumerate(unit.own_bits(op).tolist()):
            for p, own in enumerate(rows):
                u = Signal(MIXED, name=f"place{lane}_{p}")
                m.d.comb += u.eq(shared ^ sum(bit << k for k, bit in enumerate(own)))
                codes.append(Cat(_hashed(u, k) for k in range(BITS)))
        return self._decoded(m, pipe, codes, lookup(unit.table(op)))

    def _mixed(self, steps: Steps) -> Value:
        """The mixed bits of the first row and column of the step that is offered."""
        op = self.op
        numbers = ((steps.turn, op.folded.pe, op.neuron_fold, ROW_MASKS),)
        numbers += ((steps.beat, op.folded.simd, op.synapse_fold, COLUMN_MASKS),)
        bits: list[Value] = []
        for k in range(MIXED):
            added: list[Value] = [C(0, 1)]
            for number, lanes, count, masks in numbers:
                low = exact_log2(lanes)
                used = len(number) if count > 1 else 0
                added += [number[b] for b in range(used) if masks[k, (b + low) % MIXED]]
            bits.append(Cat(added).xor())
        return Cat(bits)


def _hashed(u: Value, k: int) -> Value:
    """Bit ``k`` of the hash of mixed bits."""
    a, b, c, d, e, f = (u[tap] for tap in taps(k))
    return a ^ b ^ (c & d) ^ (e & f)
