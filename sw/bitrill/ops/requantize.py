"""Multiply, add, shift: activations whose steps are even."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..errors import SpecError
from ..ir.operator import Cost, Impl, Operator, frozen_array, must_be_numbers, must_divide
from ..ir.schedule import Schedule, pipeline
from ..ir.types import IntType, Tensor

SUM_BITS = 48
"""The widest sum before the shift: what a DSP block accumulates."""

LATENCY = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Requantize(Operator):
    """``y = min(max((gain[c] * x + offset[c]) >> shift, out.lo), out.hi)``; ``>>`` rounds down.

    ``gain``, ``offset``: int64 ``[C]``; ``shift``: one for all channels. Exact as it stands: that
    it equals a layer's thresholds is proven where it is made (`bitrill.folding.multiply_shift`).
    (Jacob et al. 2018, without the rounding of its parameters.)

    ``pe`` channels a beat, one beat a cycle, 3 stages: operands; sum; shift and clamp.
    """

    kind: ClassVar[str] = "requantize"

    gain: np.ndarray
    offset: np.ndarray
    shift: int
    out: IntType

    def validate(self) -> None:
        must_be_numbers(self)
        for what in ("gain", "offset"):
            array = frozen_array(getattr(self, what), name=f"{self.name}: {what}", ndim=1)
            if array.shape != (self.x.channels,):
                raise SpecError(
                    f"{self.name}: {what} must have {self.x.channels} entries, not {array.shape[0]}"
                )
            object.__setattr__(self, what, array)
        if not self.out.coding.binary:
            raise SpecError(f"{self.name}: the result must be integers, not {self.out}")
        if not 0 <= self.shift < SUM_BITS:
            raise SpecError(f"{self.name}: shift must be in 0..{SUM_BITS - 1}, not {self.shift}")
        x = max(abs(self.x.type.lo), abs(self.x.type.hi))
        gain, offset = (max(map(abs, a.tolist())) for a in (self.gain, self.offset))
        bits = (gain * x + offset).bit_length() + 1
        if bits > SUM_BITS:
            raise SpecError(f"{self.name}: the sum must fit {SUM_BITS} bits, not {bits}")

    def validate_impl(self, impl: Impl) -> None:
        must_divide(name=self.name, what="PE", value=impl.pe, of="channels", total=self.x.channels)
        if impl.simd != impl.pe:
            raise SpecError(f"{self.name}: SIMD must equal PE ({impl.pe}), not {impl.simd}")

    def infer(self) -> Tensor:
        return Tensor(self.x.shape, self.out)

    @cached_property
    def sum_type(self) -> IntType:
        """Range of ``gain * x + offset``."""
        ends = np.stack([self.gain * e + self.offset for e in (self.x.type.lo, self.x.type.hi)])
        return IntType.for_range(lo=int(ends.min()), hi=int(ends.max()))

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        y = (xs[0].astype(np.int64) * self.gain + self.offset) >> self.shift
        return y.clip(self.out.lo, self.out.hi)

    def cost(self) -> Cost:
        ends = [(int(a.min()), int(a.max())) for a in (self.gain, self.offset)]
        word = sum(IntType.for_range(lo=lo, hi=hi).bits for lo, hi in ends)
        return Cost(
            weight_bits=self.x.channels * word,
            macs=self.x.size,
            cycles=0 if self.impl is None else self.x.size // self.impl.pe,
        )

    def schedule(self) -> Schedule:
        return pipeline(n=self.x.size // self.folded.pe, latency=LATENCY)

    @property
    def lanes_in(self) -> int:
        return self.folded.pe

    @property
    def lanes_out(self) -> int:
        return self.folded.pe
