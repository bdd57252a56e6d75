"""The writable unit: folded, with weights that the host writes between frames."""

from ...ir import Impl, Structure
from .base import MatrixLike, require_free
from .folded import Folded


class Runtime(Folded, style="runtime", multiply="lut"):
    """A `Folded` unit whose tables have bus registers (`bitrill.runtime.register_map`)."""

    component = "bitrill_hw.matvec.writable:RuntimeMatVecCore"
    free_weights = True
    coded = False

    def check(self, op: MatrixLike, impl: Impl) -> None:
        require_free(op, self.style)

    def structure(self, op: MatrixLike) -> Structure:
        s, impl = super().structure(op), op.folded
        words = op.neuron_fold * op.synapse_fold
        s.registers(words, impl.pe * impl.simd * op.weight_type.bits)
        if not op.popcount:
            s.registers(op.neuron_fold, impl.pe * op.y.type.bits)
        return s
