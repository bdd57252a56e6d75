"""Sums of distances: the dense layers of AdderNet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..arith.accumulate import sum_stages
from ..arith.l1_products import front_stages
from ..errors import SpecError
from ..ir.operator import Cost, Impl, frozen_array, must_divide
from ..ir.types import IntType, Tensor
from .matvec import Matrix

X_BITS = 8
"""Widest operand."""

WEIGHT_BITS = 16
"""Widest weights; what of them lies outside the operand's range takes no memory."""

_CHUNK = 1 << 20
"""Elements of x that are looked at together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class L1MatVec(Matrix):
    """``y[r] = -sum_j |w[r, j] - x[j]|`` over the innermost axis (Chen et al. 2020, AdderNet).

    ``weights``: int64 ``[rows, cols]``, of at most 16 bits, on the scale of x. x: integers of at
    most 8 bits, ``[.., cols]``; y: ``[.., rows]``, of the range that these weights can reach. As of
    `MatVec`, a column for each element of an x of several axes makes one vector of all of it.

    Folded as a `MatVec`: ``simd`` columns a step, ``pe`` rows at once, the same steps, replay and
    accumulators. Wide distances take more stages before their sums (see
    `bitrill.arith.l1_products`).
    """

    kind: ClassVar[str] = "l1matvec"

    def validate(self) -> None:
        weights = frozen_array(self.weights, name=f"{self.name}: weights", ndim=2)
        object.__setattr__(self, "weights", weights)
        if self.cols not in (self.x.channels, self.x.size):
            raise SpecError(
                f"{self.name}: weights must have {self.x.channels} columns, not {self.cols}"
            )
        if not self.x.type.coding.binary or self.x.type.bits > X_BITS:
            raise SpecError(
                f"{self.name}: x must be integers of at most {X_BITS} bits, not {self.x.type}"
            )
        given = IntType.for_range(lo=int(weights.min()), hi=int(weights.max()))
        if given.bits > WEIGHT_BITS:
            raise SpecError(
                f"{self.name}: weights must have at most {WEIGHT_BITS} bits, not {given.bits}"
            )
        if abs(self._range.lo) >= 1 << 31:
            raise SpecError(f"{self.name}: the accumulator must fit 32 bits, not {self._range}")

    def validate_impl(self, impl: Impl) -> None:
        must_divide(name=self.name, what="PE", value=impl.pe, of="rows", total=self.rows)
        must_divide(name=self.name, what="SIMD", value=impl.simd, of="columns", total=self.cols)
        if impl.style != "folded":
            raise SpecError(
                f"{self.name}: the style of an l1matvec must be 'folded', not {impl.style!r}"
            )

    @cached_property
    def reached(self) -> np.ndarray:
        """The weights, or the nearest value of x's range: ``|w - x|`` less that is a constant."""
        return np.clip(self.weights, self.x.type.lo, self.x.type.hi)

    @property
    def weight_type(self) -> IntType:
        """What the memory holds: bits of x's values."""
        return IntType(0, (1 << self.x.type.bits) - 1)

    @property
    def popcount(self) -> bool:
        """Never: a row has a start."""
        return False

    @property
    def inside(self) -> None:
        """No border."""
        return None

    @cached_property
    def _range(self) -> IntType:
        t, w = self.x.type, self.weights
        most = np.maximum(np.abs(w - t.lo), np.abs(w - t.hi)).sum(1)
        least = np.abs(w - self.reached).sum(1)
        return IntType.for_range(lo=-int(most.max()), hi=-int(least.min()))

    def infer(self) -> Tensor:
        places = self.x.shape[:-1] if self.cols == self.x.channels else ()
        return Tensor((*places, self.rows), self._range)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        x = xs[0].reshape(-1, self.cols).astype(np.int32)
        w = self.weights.astype(np.int32)
        y = np.empty((len(x), self.rows), np.int32)
        few = max(1, _CHUNK // self.cols)
        for start in range(0, len(x), few):
            part = x[start : start + few]
            distance = np.empty_like(part)
            for r, row in enumerate(w):
                np.abs(np.subtract(part, row, out=distance), out=distance)
                y[start : start + few, r] = -distance.sum(1, dtype=np.int32)
        return y.reshape(len(xs[0]), *self.y.shape)

    def cost(self) -> Cost:
        vectors = self.x.size // self.cols
        replays = self.impl is not None and self.passes > 1
        return Cost(
            weight_bits=self.rows * self.cols * self.weight_type.bits,
            state_bits=2 * self.cols * self.x.type.bits if replays else 0,
            macs=vectors * self.rows * self.cols,
            cycles=0 if self.impl is None else vectors * self.steps,
        )

    @property
    def read_stages(self) -> int:
        return self.memory_stages + front_stages(self)

    @property
    def latency(self) -> int:
        return self.read_stages + sum_stages(self) + 1
