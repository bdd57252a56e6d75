"""The operator `Divide`: quotients of two streams, rounded down, as a softmax needs them."""

from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from ..ir import WIDEST, IntType, Joined, Structure, Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Divide(Joined):
    """``y = min(levels * x_0 // x_1, levels)``, element by element; ``levels`` where x_1 is 0.

    Two operands of one shape that are never negative. ``levels``: ``2**n - 1`` for n bits of y.
    Where x_0 is a part of x_1, y is the share that it has, in steps of ``1 / levels``.

    Behind the operands' registers (see `Joined`): the numerator ``levels * x_0``; then a stage for
    each bit of y, which subtracts x_1 from the remainder if it holds x_1 (restoring division).
    """

    kind = "divide"
    component = "bitrill_hw.ops.divide:DivideCore"

    levels: int

    def validate(self) -> None:
        if len(self.operands) != 2:
            raise SpecError(f"{self.name}: operands must be 2, not {len(self.operands)}")
        super().validate()
        if any(t.type.lo < 0 for t in self.operands):
            types = " and ".join(str(t.type) for t in self.operands)
            raise SpecError(f"{self.name}: operands must never be negative, not {types}")
        if not 1 <= self.levels < 1 << 16 or self.levels & (self.levels + 1):
            raise SpecError(
                f"{self.name}: levels must be 2**n - 1 for 1 to 16 bits, not {self.levels}"
            )
        if self.numerator.bits > WIDEST:
            raise SpecError(
                f"{self.name}: its numerator must fit {WIDEST} bits, not {self.numerator.bits}"
            )

    @property
    def n_bits(self) -> int:
        """Bits of a quotient."""
        return self.levels.bit_length()

    @property
    def numerator(self) -> IntType:
        """The type of ``levels * x_0``."""
        return IntType.for_range(lo=0, hi=self.levels * self.x.type.hi)

    def infer(self) -> Tensor:
        return Tensor(self.x.shape, IntType(0, self.levels))

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        a, b = (x.astype(np.int64) for x in xs)
        quotient = self.levels * a // np.maximum(b, 1)
        return np.where(b > 0, np.minimum(quotient, self.levels), self.levels)

    @property
    def latency(self) -> int:
        return 2 + self.n_bits

    @property
    def rest_bits(self) -> int:
        """Bits of a remainder, which is below x_1 or starts as the numerator's upper bits."""
        return max(self.operands[1].type.bits, self.numerator.bits - self.n_bits)

    def structure(self) -> Structure:
        s, pe, n = Structure(), self.folded.pe, self.n_bits
        divisor = self.operands[1].type.bits
        s.flops(held=pe * sum(t.type.bits for t in self.operands) + 2 + self.latency - 1)
        s.luts(sum=pe * self.numerator.bits)
        # the numerator's bits that are left shrink as those of the quotient grow
        s.flops(held=pe * (n + 1) * (divisor + self.rest_bits + n + 1))
        s.luts(divided=pe * n * (self.rest_bits + 1))
        return s
