"""The hashed unit: a folded unit without a memory of weights, whose places say which they are."""

import numpy as np

from ...arith.place_hash import BITS, MIXED, mixed
from ...arith.products import stored
from ...errors import SpecError
from ...ir import Impl, Memory, Primitives, Structure, bits_for
from .indexed import Shared
from .matrix_like import MatrixLike


class Hashed(Shared, style="hashed", multiply="lut"):
    """The codes are a hash of row and column (`bitrill.arith.place_hash`), made in a stage."""

    component = "bitrill_hw.matvec.hashed:HashedMatVecCore"

    def check(self, op: MatrixLike, impl: Impl) -> None:
        super().check(op, impl)
        if op.shared_values.hashed is None:
            raise SpecError(
                f"{op.name}: the weights of style 'hashed' must be the same wherever the hash of"
                " their row and column is"
            )
        if not self._fits(impl.pe, impl.simd):
            raise SpecError(
                f"{op.name}: PE and SIMD of style 'hashed' must be powers of two, not {impl.pe} and"
                f" {impl.simd}"
            )

    def _fits(self, pe: int, simd: int) -> bool:
        return pe & (pe - 1) == 0 and simd & (simd - 1) == 0

    def searched(self, op: MatrixLike, primitives: Primitives) -> bool:
        return (
            not self.excludes(op) and op.shared_values.few and op.shared_values.hashed is not None
        )

    def worth(self, op: MatrixLike, pe: int, simd: int, *, settled: bool) -> bool:
        return self._fits(pe, simd)

    def memory_stages(self, op: MatrixLike) -> int:
        return 1

    def fills_blocks(self, op: MatrixLike) -> bool:
        return False

    def default_memory(self, op: MatrixLike, pe: int, simd: int, primitives: Primitives) -> Memory:
        return "distributed"

    def default_impl(self, op: MatrixLike, given: int | None) -> Impl | None:
        if not self.searched(op, "portable"):
            return None
        pe, simd = op.rows & -op.rows, op.cols & -op.cols
        return Impl(pe=min(pe, 8), simd=min(simd, 8), style=self.style)

    def table(self, op: MatrixLike) -> np.ndarray:
        values = op.shared_values.hashed
        assert values is not None
        return stored(op.weight_type, op.x.type, values[None], 1, triples=False)[0]

    def own_bits(self, op: MatrixLike) -> np.ndarray:
        """The mixed bits that each lane complements, uint8 ``[lane, row, MIXED]``."""
        return mixed(np.arange(op.folded.pe)[None], np.arange(op.folded.simd)[:, None])

    def stored_bits(self, op: MatrixLike) -> int:
        return op.weight_type.bits << BITS

    def front(self, s: Structure, op: MatrixLike) -> None:
        lanes, read = op.folded.pe * op.folded.simd, bits_for(op.steps)
        s.luts(multiplexers=MIXED * -(-read // 10) + lanes * BITS)
        s.flops(held=MIXED)
        super().front(s, op)

    def _weights(self, s: Structure, op: MatrixLike) -> None:
        """Count nothing: there is no memory."""
