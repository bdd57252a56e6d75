"""Multi-threshold activation: any quantized monotone function of an integer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..errors import SpecError
from ..ir.operator import Cost, Impl, Operator, frozen_array, must_be_numbers, must_divide
from ..ir.schedule import Schedule, pipeline
from ..ir.types import IntType, Tensor

STYLES = ("parallel", "search", "runtime")

MOST_WITHIN = 16
"""Thresholds that a comparator may choose among by itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Threshold(Operator):
    """``n = #{k : x >= thresholds[c, k]}``; ``y = decode(N - n if inverted[c] else n)``.

    ``decode(n)`` is the n-th value of ``out``: ``out.lo + n``; ``2n - 1`` when it is bipolar (then
    N = 1); when it is logarithmic 0, or ``2**(n - 1)``.
    ``thresholds``: int64 ``[C, N]``, ascending along N, each in ``x.lo .. x.hi + 1`` (the ends
    mean always and never); ``inverted``: bool ``[C]``, for falling functions. C is the number of
    channels. (FINN's MultiThreshold, Umuroglu et al. 2017.)

    ``pe`` channels a beat, one beat a cycle, ``latency`` cycles. Style ``parallel``: all N
    comparisons at once, then a count; ``search``: one comparison a stage, binary search (in memory
    ``block``, steps of few bits stay in logic);
    ``runtime``: as ``parallel``, in a memory that can be written (`bitrill.runtime.register_map`).
    """

    kind: ClassVar[str] = "threshold"

    thresholds: np.ndarray
    inverted: np.ndarray
    out: IntType

    def validate(self) -> None:
        set_ = object.__setattr__
        set_(
            self,
            "thresholds",
            frozen_array(self.thresholds, name=f"{self.name}: thresholds", ndim=2),
        )
        set_(
            self,
            "inverted",
            frozen_array(self.inverted, name=f"{self.name}: inverted", ndim=1, dtype=bool),
        )
        must_be_numbers(self)
        c, n = self.thresholds.shape
        if c != self.x.channels or self.inverted.shape != (c,):
            raise SpecError(
                f"{self.name}: thresholds and inverted must have {self.x.channels} channels,"
                f" not {c} and {self.inverted.shape[0]}"
            )
        if n != self.out.n_values - 1:
            raise SpecError(
                f"{self.name}: {self.out} must have {self.out.n_values - 1} thresholds, not {n}"
            )
        if np.any(np.diff(self.thresholds, axis=1) < 0):
            raise SpecError(f"{self.name}: thresholds must ascend")
        if self.thresholds.min() < self.x.type.lo or self.thresholds.max() > self.x.type.hi + 1:
            raise SpecError(
                f"{self.name}: thresholds must lie in {self.x.type.lo}..{self.x.type.hi + 1}"
            )

    def validate_impl(self, impl: Impl) -> None:
        must_divide(name=self.name, what="PE", value=impl.pe, of="channels", total=self.x.channels)
        if impl.simd != impl.pe:
            raise SpecError(f"{self.name}: SIMD must equal PE ({impl.pe}), not {impl.simd}")
        if impl.style not in STYLES:
            raise SpecError(
                f"{self.name}: the style of a threshold must be {' or '.join(map(repr, STYLES))},"
                f" not {impl.style!r}"
            )

    @property
    def levels(self) -> int:
        """N, the number of thresholds a channel."""
        return self.thresholds.shape[1]

    def within(self, words: int) -> bool:
        """Whether a table of so many thresholds lies in the comparator that reads it, where the
        primitives have cells for it (`bitrill_hw.arith.reached`)."""
        impl = self.folded
        kept = impl.style == "search" or (impl.style == "parallel" and impl.memory != "block")
        return (
            impl.primitives == "xc7"
            and self.x.type.coding.binary
            and kept
            and 1 < words <= MOST_WITHIN
        )

    def infer(self) -> Tensor:
        return Tensor(self.x.shape, self.out)

    @cached_property
    def _columns(self) -> list[np.ndarray]:
        exact32 = max(abs(self.x.type.lo), abs(self.x.type.hi) + 1) < 1 << 24
        t = self.thresholds.astype(np.float32 if exact32 else np.float64)
        return [np.ascontiguousarray(t[:, k]) for k in range(self.levels)]

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        x = xs[0]
        n = (x >= self._columns[0]).astype(np.float32)
        for column in self._columns[1:]:
            n += x >= column
        if self.inverted.any():
            n = np.where(self.inverted, np.float32(self.levels) - n, n)
        return self.out.coding.nth(n)

    def cost(self) -> Cost:
        word = IntType.for_range(lo=self.x.type.lo, hi=self.x.type.hi + 1).bits
        return Cost(
            weight_bits=self.thresholds.size * word,
            macs=0,
            cycles=0 if self.impl is None else self.x.size // self.impl.pe,
        )

    @property
    def latency(self) -> int:
        """``parallel``: read, compare, and for N > 1 count; ``search``: two a bit of the count."""
        if self.folded.style != "search":
            return 2 if self.levels == 1 else 3
        return 2 * self.levels.bit_length()

    def schedule(self) -> Schedule:
        return pipeline(n=self.x.size // self.folded.pe, latency=self.latency)

    @property
    def lanes_in(self) -> int:
        return self.folded.pe

    @property
    def lanes_out(self) -> int:
        return self.folded.pe
