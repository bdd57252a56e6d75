"""The unrolled unit: the weights are part of the logic, and a beat is a whole vector."""

from ...arith.unrolled_plan import unrolled_plan
from ...errors import SpecError
from ...ir import Impl, Schedule, Structure, Work, pipeline
from ...parts.families import family_of
from .base import Unit
from .matrix_like import MatrixLike


class Unrolled(Unit, style="unrolled", multiply="lut"):
    """An adder graph of all rows and columns, without a weight memory."""

    component = "bitrill_hw.matvec.unrolled:UnrolledCore"
    takes_lanes = False

    def check(self, op: MatrixLike, impl: Impl) -> None:
        if (impl.pe, impl.simd) != (op.rows, op.cols):
            raise SpecError(
                f"{op.name}: PE and SIMD of an unrolled matvec must be all {op.rows} rows and"
                f" {op.cols} columns, not {impl.pe} and {impl.simd}"
            )
        if op.inside is not None:
            raise SpecError(f"{op.name}: a matvec behind a border must be folded, not unrolled")
        if op.free:
            raise SpecError(f"{op.name}: the weights of style 'unrolled' must be constants")

    def default_impl(self, op: MatrixLike, given: int | None) -> Impl | None:
        if op.inside is not None:
            return None
        return Impl(pe=op.rows, simd=op.cols, style=self.style)

    def latency(self, op: MatrixLike) -> int:
        return unrolled_plan(op).latency

    def schedule(self, op: MatrixLike) -> Schedule:
        return pipeline(n=op.x.size // op.cols, latency=self.latency(op))

    def work(self, op: MatrixLike) -> Work:
        """A result bit of an adder for each of its LUTs; the weights are not read."""
        return Work(add_bits=op.x.size // op.cols * round(unrolled_plan(op).luts))

    def structure(self, op: MatrixLike) -> Structure:
        s, plan = Structure(), unrolled_plan(op)
        logic = 1 if family_of(op.folded.primitives).cells else 2
        s.luts(unrolled=logic * plan.luts)
        s.flops(unrolled=plan.flops)
        s.pipe(op.latency)
        return s
