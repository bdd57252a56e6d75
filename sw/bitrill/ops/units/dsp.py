"""The DSP unit: several rows' products in one DSP slice (`bitrill.arith.dsp_packing`)."""

from ...arith.dsp_packing import SLICES, check_dsp, dsp_plan, fits_slice, packing
from ...ir import Impl, Primitives, Structure, Work
from ...parts.families import family_of
from .base import Unit
from .matrix_like import MatrixLike


class Dsp(Unit, style="folded", multiply="dsp"):
    """Chains of DSP slices and words of packed weights; it has the steps of a folded unit."""

    component = "bitrill_hw.matvec.dsp:DspMatVecCore"
    coefficients = " dsp"
    primitives = SLICES

    def check(self, op: MatrixLike, impl: Impl) -> None:
        check_dsp(op.name, op.weight_type, op.x.type)

    def searched(self, op: MatrixLike, primitives: Primitives) -> bool:
        return family_of(primitives).cells and fits_slice(op.weight_type, op.x.type)

    def latency(self, op: MatrixLike) -> int:
        return op.memory_stages + dsp_plan(op).latency

    def stored_bits(self, op: MatrixLike) -> int:
        impl = op.folded
        packed = packing(op.weight_type, op.x.type, impl.pe, impl.simd)
        return op.steps * impl.simd * packed.bits(impl.pe)

    def products(self, count: int, w: int, x: int) -> Work:
        return Work(slice_bits=count * w * x)

    def structure(self, op: MatrixLike) -> Structure:
        s, plan, impl = Structure(), dsp_plan(op), op.folded
        packing = plan.packing
        s.counters(op.steps, op.synapse_fold, op.neuron_fold)
        bits = packing.bits(impl.pe)
        self.weight_memory(s, op, op.steps, impl.simd * bits)
        late = sum(max(0, packing.chain - n + k - 2) for n in packing.chains for k in range(n))
        s.flops(held=late * (bits + op.x.type.bits) + impl.simd * op.x.type.bits)
        plain = 0
        if family_of(impl.primitives).cells:
            s.dsp += packing.slices(impl.pe)
        else:  # other families: plain products in logic
            s.luts(sums=impl.pe * impl.simd * op.weight_type.bits * op.x.type.bits)
            plain = sum(c.luts for c in plan.sums.counters)
        s.luts(sums=impl.pe * (plan.sums.luts + plain))
        s.flops(held=impl.pe * (plan.sums.held + op.y.type.bits))
        s.flops(held=3 * op.latency)
        self.replay(s, op)
        s.pipe(op.latency)
        return s
