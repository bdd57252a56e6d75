"""The indexed unit: a folded unit whose memory holds the number of each weight among few values."""

import numpy as np

from ...arith.products import stored
from ...arith.shared_values import MOST, lookup, padded
from ...errors import SpecError
from ...ir import Impl, Primitives, Structure
from .folded import Folded
from .matrix_like import MatrixLike


class Shared(Folded):
    """A `Folded` unit of which each lane looks its weight up in a table, by the code read from
    memory."""

    def check(self, op: MatrixLike, impl: Impl) -> None:
        if self.excludes(op):
            raise SpecError(
                f"{op.name}: the weights of style {self.style!r} must be constants of at least two"
                f" bits, not {'free ' if op.free else ''}{op.weight_type}"
            )
        if not op.shared_values.few:
            raise SpecError(
                f"{op.name}: the weights of style {self.style!r} must have at most {MOST} values,"
                f" not {len(op.shared_values.values)}"
            )

    def excludes(self, op: MatrixLike) -> bool:
        """Return whether the matrix has weights that no code replaces."""
        return op.free or op.inside is not None or op.weight_type.bits == 1

    def read_stages(self, op: MatrixLike) -> int:
        return op.memory_stages + 1

    def planes(self, op: MatrixLike) -> np.ndarray:
        """The bits that products read of each value, ``[values, bits]``."""
        values = op.shared_values.values[None]
        return stored(op.weight_type, op.x.type, values, 1, triples=False)[0]

    def code_bits(self, op: MatrixLike) -> int:
        return op.shared_values.index_bits

    def stored(self, op: MatrixLike) -> np.ndarray:
        indices = op.shared_values.indices
        return indices[..., None] >> np.arange(self.code_bits(op)) & 1

    def table(self, op: MatrixLike) -> np.ndarray:
        """The bits that products read for each code, ``[2**bits of a code, bits]``."""
        return padded(self.planes(op), self.code_bits(op))

    def front(self, s: Structure, op: MatrixLike) -> None:
        lanes = op.folded.pe * op.folded.simd
        plan = lookup(self.table(op))
        s.luts(multiplexers=lanes * plan.luts)
        s.flops(held=lanes * plan.registers + op.folded.simd * op.x.type.bits)


class Indexed(Shared, style="indexed", multiply="lut"):
    """The values may be up to 256; the codes are their numbers, in the weights' memory."""

    component = "bitrill_hw.matvec.indexed:IndexedMatVecCore"

    def check(self, op: MatrixLike, impl: Impl) -> None:
        super().check(op, impl)
        bits, most = op.shared_values.index_bits, op.weight_type.bits
        if bits >= most:
            raise SpecError(
                f"{op.name}: the weights of style 'indexed' must have fewer than"
                f" {2 ** (most - 1) + 1} values, so that their numbers are shorter than weights of"
                f" {most} bits, not {len(op.shared_values.values)}"
            )

    def searched(self, op: MatrixLike, primitives: Primitives) -> bool:
        return not self.excludes(op) and op.shared_values.index_bits < op.weight_type.bits

    def default_impl(self, op: MatrixLike, given: int | None) -> Impl | None:
        return super().default_impl(op, given) if self.searched(op, "portable") else None
