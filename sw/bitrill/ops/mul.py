"""The operator `Mul`: two tensors multiplied element by element, for gates and squeeze-excite."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from ..arith.dsp_packing import WEIGHT_BITS, X_BITS, port
from ..errors import SpecError
from ..ir import BIPOLAR, WIDEST, Impl, IntType, Joined, Ranges, Structure, Tensor, Work
from ..parts.families import family_of
from .units.slice_choice import SliceChoice


@dataclass(frozen=True, kw_only=True, eq=False)
class Mul(SliceChoice, Joined):
    """``y = (x_0 + offsets[0]) * (x_1 + offsets[1])``, element by element, exact integers.

    Two operands of one shape, any types; ``offsets``: an integer for each, where an operand's real
    0 is not the integer 0. y is bipolar if both operands are and offsets are 0, else it has the
    range that products can reach. One scalar for each channel is a map of 1x1 behind an `Upsample`,
    which holds it for all pixels. (Hu et al. 2018, squeeze-and-excitation; Gao et al. 2019, FBS.)

    Behind the operands' registers (see `Joined`): sums with the offsets, if there are any; then the
    products. An operand of one bit gates the other or its sign. Multiply ``dsp``: a DSP slice a
    lane, with a register behind the product and one behind the slice's adder.
    """

    kind = "mul"
    component = "bitrill_hw.ops.mul:MulCore"

    offsets: tuple[int, int] = (0, 0)

    def validate(self) -> None:
        if len(self.operands) != 2:
            raise SpecError(f"{self.name}: operands must be 2, not {len(self.operands)}")
        super().validate()
        if len(self.offsets) != 2 or any(abs(o) >= 1 << WIDEST for o in self.offsets):
            raise SpecError(
                f"{self.name}: offsets must be 2 integers of at most {WIDEST} bits,"
                f" not {self.offsets}"
            )

    def validate_impl(self, impl: Impl) -> None:
        super().validate_impl(impl)
        if impl.in_slices and not self.slices:
            raise SpecError(
                f"{self.name}: multiply 'dsp' takes integers of 2 to {WEIGHT_BITS} and 2 to"
                f" {X_BITS} bits, signs included, not {' and '.join(map(str, self.factors))}"
            )

    @cached_property
    def factors(self) -> tuple[IntType, ...]:
        """The types of the two numbers that are multiplied: operands with their offsets."""
        return tuple(
            IntType.for_range(lo=t.type.lo + o, hi=t.type.hi + o) if o else t.type
            for t, o in zip(self.operands, self.offsets, strict=True)
        )

    def infer(self) -> Tensor:
        if all(t.coding.is_bipolar for t in self.factors):
            return Tensor(self.x.shape, BIPOLAR)
        a, b = self.factors
        ends = [p * q for p, q in product((a.lo, a.hi), (b.lo, b.hi))]
        return Tensor(self.x.shape, IntType.for_range(lo=min(ends), hi=max(ends)))

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        a, b = (((x.lo + o), (x.hi + o)) for x, o in zip(xs, self.offsets, strict=True))
        ends = np.stack([p * q for p, q in product(a, b)])
        return (Ranges(ends.min(0), ends.max(0)),)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        t = self.y.type
        largest = max(abs(e) for f in (t, *self.factors) for e in (f.lo, f.hi))
        exact = np.float32 if largest <= 1 << 24 else np.int64
        a, b = (
            x.astype(exact, copy=False) + exact(o) for x, o in zip(xs, self.offsets, strict=True)
        )
        return a * b

    @property
    def moved(self) -> bool:
        """Whether sums with offsets take a stage."""
        return any(self.offsets)

    @property
    def slices(self) -> int:
        bits = sorted(map(port, self.factors))
        several = all(f.bits > 1 for f in self.factors)
        return int(several and bits[0] <= X_BITS and bits[1] <= WEIGHT_BITS)

    @property
    def latency(self) -> int:
        return 2 + self.moved + self.folded.in_slices

    def work(self) -> Work:
        a, b = self.factors
        bits = self.y.size * a.bits * b.bits
        return Work(slice_bits=bits) if self.folded.in_slices else Work(product_bits=bits)

    def structure(self) -> Structure:
        s, pe = Structure(), self.folded.pe
        operands = sum(t.type.bits for t in self.operands)
        s.flops(held=pe * operands + len(self.operands) + self.latency - 1)
        if self.moved:
            moved = [f.bits for f, o in zip(self.factors, self.offsets, strict=True) if o]
            s.luts(sum=pe * sum(moved))
            s.flops(held=pe * sum(f.bits for f in self.factors))
        if self.folded.in_slices and family_of(self.folded.primitives).cells:
            s.dsp = pe
            return s
        s.flops(held=pe * self.y.type.bits)
        narrow, wide = sorted(self.factors, key=lambda f: f.bits)
        if any(t.type.bits == 1 for t in self.operands) and (
            self.moved or narrow.coding.is_bipolar
        ):
            s.luts(turned=pe * self.y.type.bits)  # one of two multiples
        elif narrow.bits == 1:
            s.luts(gate=pe * wide.bits)
        else:
            s.luts(times=pe * (narrow.bits - 1) * (wide.bits + 1))
            s.luts(sign=pe * self.y.type.bits * (narrow.signed and wide.signed))
        return s
