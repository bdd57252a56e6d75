"""The operator `Add`: tensors added element by element, for residual connections."""

from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from ..ir import IntType, Joined, Ranges, Structure, Tensor

GAIN_BITS = 16
"""Bits of the widest gain; the gains that passes choose have far fewer."""


def check_gains(name: str, gains: tuple[int, ...], operands: tuple[Tensor, ...]) -> None:
    """Raise `SpecError` unless there are two operands or more, each with a legal gain."""
    if len(operands) < 2:
        raise SpecError(f"{name}: operands must be at least 2, not {len(operands)}")
    if len(gains) != len(operands):
        raise SpecError(f"{name}: gains must be {len(operands)}, one an operand, not {len(gains)}")
    for gain in gains:
        if gain == 0 or abs(gain) >= 1 << GAIN_BITS:
            raise SpecError(
                f"{name}: gains must be integers of at most {GAIN_BITS} bits and not 0, not {gain}"
            )


def scaled(t: IntType, gain: int) -> tuple[int, int]:
    """Return the lowest and highest value of ``gain * x``."""
    a, b = gain * t.lo, gain * t.hi
    return min(a, b), max(a, b)


@dataclass(frozen=True, kw_only=True, eq=False)
class Add(Joined):
    """``y = sum(gains[j] * x_j)``, element by element; operands of one shape, any types.

    ``gains``: an integer for each operand, not 0; they bring operands of different scales to one
    grid. y has exactly the range that the sum can reach. (He et al. 2016, residual connections.)

    Behind the operands' registers (see `Joined`): the products, if a gain is not plus or minus a
    power of two; then a tree that adds two operands at a time, a level a stage.
    """

    kind = "add"
    additive = True
    component = "bitrill_hw.ops.add:AddCore"

    gains: tuple[int, ...] = (1, 1)

    def validate(self) -> None:
        check_gains(self.name, self.gains, self.operands)
        super().validate()

    def infer(self) -> Tensor:
        ends = [scaled(t.type, g) for t, g in zip(self.operands, self.gains, strict=True)]
        lo, hi = (sum(e) for e in zip(*ends, strict=True))
        return Tensor(self.x.shape, IntType.for_range(lo=lo, hi=hi))

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        parts = [x.times(g) for x, g in zip(xs, self.gains, strict=True)]
        ends = np.array([[p.lo, p.hi] for p in parts]).sum(0)
        return (Ranges(ends[0], ends[1]),)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        ends = (scaled(t.type, g) for t, g in zip(self.operands, self.gains, strict=True))
        exact = np.float32 if sum(max(map(abs, e)) for e in ends) <= 1 << 24 else np.int64
        y = np.multiply(xs[0], self.gains[0], dtype=exact)
        for gain, x in zip(self.gains[1:], xs[1:], strict=True):
            y += x if gain == 1 else np.multiply(x, gain, dtype=exact)
        return y

    @property
    def has_gains(self) -> bool:
        """Whether products take a stage: some gain is more than a shift."""
        return not all(map(_is_shift, self.gains))

    @property
    def latency(self) -> int:
        return 1 + self.has_gains + (len(self.operands) - 1).bit_length()

    def structure(self) -> Structure:
        s, pe = Structure(), self.folded.pe
        widths = [
            t.type.bits + (0 if _is_shift(g) else abs(g).bit_length())
            for t, g in zip(self.operands, self.gains, strict=True)
        ]
        s.flops(held=pe * sum(t.type.bits for t in self.operands) + len(widths) + self.latency - 1)
        signed = any(t.type.lo < 0 for t in self.operands)
        for t, g, bits in zip(self.operands, self.gains, widths, strict=True):
            if bits > t.type.bits:
                overlap = t.type.bits + (1 if t.type.lo < 0 else -1)
                s.luts(times=pe * overlap * (abs(g).bit_count() - 1 or 1))
        s.flops(held=pe * sum(widths) if self.has_gains else 0)
        while len(widths) > 1:
            pairs = [widths[k : k + 2] for k in range(0, len(widths), 2)]
            # a bit that only one of two operands has adds the carry alone, unless the other is
            # sign-extended
            s.luts(sum=pe * sum(max(p) if signed else min(p) for p in pairs if len(p) > 1))
            widths = [max(p) + len(p) - 1 for p in pairs]
            s.flops(held=pe * sum(widths))
        return s


def _is_shift(gain: int) -> bool:
    """Return whether a product with ``gain`` is a shift: plus or minus a power of two."""
    return abs(gain) & (abs(gain) - 1) == 0
