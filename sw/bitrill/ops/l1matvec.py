"""The operator `L1MatVec`, AdderNet's dense layer: sums of absolute differences, not products."""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from ..arith.l1_products import front_stages, groups
from ..arith.matrix_protocols import DistanceMatrix
from ..errors import SpecError
from ..ir import Impl, IntType, Ranges, Structure, freeze, must_be_style
from .units.base import Unit
from .units.folded import Folded
from .units.matrix import Matrix
from .units.matrix_like import MatrixLike

X_BITS = 8
"""Bits of the widest operand."""

WEIGHT_BITS = 16
"""Bits of the widest weights; their memory holds only the operand's range."""

_CHUNK = 1 << 20
"""Elements of x that are evaluated together."""


class Distances(Folded):
    """A folded unit with stages of comparisons between the weight memory and the sums."""

    component = "bitrill_hw.ops.l1matvec:L1MatVecCore"

    def read_stages(self, op: MatrixLike) -> int:
        return op.memory_stages + front_stages(cast(DistanceMatrix, op))

    def front(self, s: Structure, op: MatrixLike) -> None:
        impl, bits, links = op.folded, op.x.type.bits, len(groups(op.x.type))
        lanes = impl.pe * impl.simd
        s.luts(sums=lanes * links)
        for stage in range(front_stages(cast(DistanceMatrix, op))):
            known = min(links, (stage + 1) * impl.levels)
            s.flops(held=lanes * (bits + known) + impl.simd * bits)


@dataclass(frozen=True, kw_only=True, eq=False)
class L1MatVec(Matrix):
    """``y[r] = -sum_j |w[r, j] - x[j]|`` over the innermost axis (Chen et al. 2020, AdderNet).

    ``weights``: int64 ``[rows, cols]``, of at most 16 bits, on the scale of x. x: integers of at
    most 8 bits, ``[.., cols]``; y: ``[.., rows]``, with the range that these weights can reach. If
    ``cols`` is the number of all elements of an x of several axes, x is taken as one vector.

    It is folded like a `MatVec`: ``simd`` columns a step, ``pe`` rows at once, with the same steps,
    replay buffer and accumulators. Wide distances take more stages before their sums (see
    `bitrill.arith.l1_products`).
    """

    kind = "l1matvec"

    distances = True

    def validate(self) -> None:
        weights = freeze(self, "weights", ndim=2)
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

    def validate_impl(self, impl: Impl) -> None:
        must_be_style(self, impl)
        super().validate_impl(impl)

    def unit_of(self, style: str, multiply: str = "lut") -> Distances:
        """Its only unit; `validate_impl` refuses other styles."""
        return Distances()

    def units(self) -> list[Unit]:
        return [self.unit_of("folded")]

    @property
    def reached(self) -> np.ndarray:
        """The weights, clipped to x's range; that changes ``|w - x|`` only by a constant."""
        return np.clip(self.weights, self.x.type.lo, self.x.type.hi)

    @property
    def weight_type(self) -> IntType:
        """The type of the memory's fields: as many bits as x has."""
        return IntType(0, (1 << self.x.type.bits) - 1)

    @property
    def popcount(self) -> bool:
        """Never: each row's sum starts from a number."""
        return False

    @property
    def inside(self) -> None:
        """Never set: there is no border that counts 0."""
        return None

    @property
    def accumulator(self) -> IntType:
        return self._range

    @cached_property
    def _range(self) -> IntType:
        t, w = self.x.type, self.weights
        most = np.maximum(np.abs(w - t.lo), np.abs(w - t.hi)).sum(1)
        least = np.abs(w - self.reached).sum(1)
        return IntType.for_range(lo=-int(most.max()), hi=-int(least.min()))

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        places, w = self.cols // len(xs[0].lo), self.weights
        lo, hi = np.tile(xs[0].lo, places), np.tile(xs[0].hi, places)
        most = np.maximum(np.abs(w - lo), np.abs(w - hi)).sum(1)
        return (Ranges(-most, -np.abs(w - np.clip(w, lo, hi)).sum(1)),)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        x = xs[0].reshape(-1, self.cols).astype(np.int32)
        w = self.weights.astype(np.int32)
        y = np.empty((len(x), self.rows), np.int32 if self.accumulator.bits <= 32 else np.int64)
        few = max(1, _CHUNK // self.cols)
        for start in range(0, len(x), few):
            part = x[start : start + few]
            distance = np.empty_like(part)
            for r, row in enumerate(w):
                np.abs(np.subtract(part, row, out=distance), out=distance)
                y[start : start + few, r] = -distance.sum(1, dtype=y.dtype)
        return y.reshape(len(xs[0]), *self.y.shape)
