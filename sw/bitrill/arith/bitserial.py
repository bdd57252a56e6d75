"""Plans bit-serial matrix units, which multiply one plane of the weights by one of x a cycle.

With planes ``w = sum(+-2**i * w_i)`` and ``x = sum(+-2**j * x_j)``, the top one of a signed type
negative, a row of a vector is

    y = sum(+-2**(i + j) * popcount(w_i & x_j))

(Umuroglu et al. 2018). For each `Pair` of planes, the unit reads all beats of the vector from the
replay buffer. Pairs are sorted by ``i + j``, ascending. When ``i + j`` grows, the accumulator is
halved, and the bit that is shifted out is a bit of y. So the accumulator needs only the bits of a
few pairs' counts; the lower bits of y go into a shift register, which takes no LUT. Counts of
negative pairs are subtracted.

    LUTs of a row = gates + counters + adder of the count + half a LUT a bit of the count
                    + one a bit of the accumulator
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..errors import SpecError
from ..ir import IntType
from .accumulate import Fabric, SumPlan, counted_plan, fabric_of
from .matrix_protocols import ConstantMatrix, SerialMatrix
from .products import products

_BIT = IntType(0, 1)

READ_STAGES = 2
"""Registers up to the operands: the word and the beat, then the plane of x within the beat."""


@dataclass(frozen=True)
class Pair:
    """A plane of w and a plane of x, which are multiplied in one pass over the vector.

    ``w``, ``x``: the planes' numbers; ``negative``: whether their count is subtracted; ``halves``:
    whether the accumulator is halved first.
    """

    w: int
    x: int
    negative: bool
    halves: bool


@dataclass(frozen=True)
class SerialPlan:
    """The order of the planes, the adders of a step, and the size of the accumulator.

    ``count``: the adders of one step's products; ``total``: the accumulator's range; ``shifts``:
    how often it is halved, which is also the number of low bits of a result in the shift register.
    """

    pairs: tuple[Pair, ...]
    count: SumPlan
    total: IntType
    shifts: int

    @property
    def luts(self) -> float:
        """Physical LUTs of a row with its accumulator."""
        adder = self.count.width if self.count.added else 0
        each = self.count.products.luts + sum(c.luts for c in self.count.counters)
        return each + adder + self.count.width / 2 + self.total.bits

    @property
    def latency(self) -> int:
        """Stages from a step to the accumulator."""
        return READ_STAGES + len(self.count.stages) + self.count.added + 1


def check_serial(name: str, weight: IntType, x: IntType) -> None:
    """Raise `SpecError` for types that multiply ``serial`` cannot take."""
    if not weight.coding.binary:
        raise SpecError(
            f"{name}: the weights of multiply 'serial' must be integers, not {weight} (multiply"
            f" 'lut' takes them {'at once' if weight.coding.is_bipolar else 'as they are coded'})"
        )
    if x.coding.one_hot:
        raise SpecError(f"{name}: x of multiply 'serial' must be integers or bipolar, not {x}")
    if weight.bits * x.bits == 1:
        raise SpecError(
            f"{name}: multiply 'serial' must have more than one pair of planes, not 1 bit by 1"
        )


@lru_cache(maxsize=256)
def pairs(weight: IntType, x: IntType) -> tuple[Pair, ...]:
    """Every plane of w with every plane of x, by ascending weight."""

    def negative(t: IntType, plane: int) -> bool:
        return t.signed and plane == t.bits - 1

    order = sorted(
        ((i, j) for i in range(weight.bits) for j in range(x.bits)), key=lambda p: (sum(p), p)
    )
    return tuple(
        Pair(i, j, negative(weight, i) != negative(x, j), n > 0 and i + j > sum(order[n - 1]))
        for n, (i, j) in enumerate(order)
    )


def serial_plan(op: SerialMatrix) -> SerialPlan:
    """The plan of a folded matrix of multiply ``serial``."""
    return _plan(op.weight_type, op.x.type, op.serial_range, op.folded.simd, fabric_of(op.folded))


@lru_cache(maxsize=256)
def _plan(weight: IntType, x: IntType, total: IntType, simd: int, fabric: Fabric) -> SerialPlan:
    width, order = simd.bit_length(), pairs(weight, x)
    count = counted_plan(products(_BIT, _BIT, simd, width, False), width, fabric)
    count = replace(count, added=max(map(len, count.columns)) > 1)
    return SerialPlan(order, count, total, sum(p.halves for p in order))


def planes(op: ConstantMatrix) -> np.ndarray:
    """The planes of the weights, 0 or 1: ``[planes, rows, cols]``."""
    codes = op.weight_type.encode(op.weights)
    return codes[None] >> np.arange(op.weight_type.bits)[:, None, None] & 1


def total_range(op: ConstantMatrix) -> IntType:
    """The range of the accumulators, over all inputs and rows, at any time."""
    ones = planes(op).sum(2)
    lo, hi = np.zeros(op.rows, np.int64), np.zeros(op.rows, np.int64)
    least, most = 0, 0
    for p in pairs(op.weight_type, op.x.type):
        if p.halves:
            lo, hi = lo >> 1, hi >> 1
        lo, hi = (lo - ones[p.w], hi) if p.negative else (lo, hi + ones[p.w])
        least, most = min(least, int(lo.min())), max(most, int(hi.max()))
    return IntType.for_range(lo=least, hi=most)
