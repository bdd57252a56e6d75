"""Products in DSP slices of the 7 series (DSP48E1, Xilinx UG479): 25 by 18 bits, sums of 48.

A word of several rows' weights, ``spacing`` bits apart, times one x gives all of their products:

    (w0 + w1 * 2**S + ..) * x = w0 * x + w1 * x * 2**S + ..

and a chain of slices sums those of several lanes, one stage after the other, before the fields are
taken apart (as Xilinx WP486 does for two). The first slice of a chain adds a constant that keeps
all fields from falling below 0, so none borrows of the next: a field is just its bits, too large by
a constant, which the rows' accumulators take back as they start. So with products in
``lo .. hi`` and chains of L lanes

    S = bits(L * (hi - lo)), and not less than a weight and a borrow have
    rows a slice = the most n with bits(w * (1 + 2**S + .. + 2**(S * (n - 1)))) <= 25

the most rows first, then the longest chain that the words leave room for. The memory holds the
fields of the words, without bits that repeat the sign; what is left of a step, a field of each
chain, goes through counters into the accumulator.

    slices = ceil(PE / n) * SIMD
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SpecError
from ..ir.types import IntType
from .accumulate import Fabric, SumPlan, fabric
from .compress import Counter, compress
from .gates import Gate
from .products import Products

if TYPE_CHECKING:
    from ..ops.matvec import MatVec

WEIGHT_BITS, X_BITS, SUM_BITS = 25, 18, 48
"""The ports of a slice, all two's complement."""

CHAIN = 4
"""The longest chain: lanes past the third of one wait in registers outside of the slices."""


@dataclass(frozen=True)
class Packing:
    """``rows`` at most a slice, their fields ``spacing`` bits apart; ``chains``: the lanes of each.

    ``lo .. hi``: the products; ``fields``: bits that the memory holds of a word's lowest field, and
    of each further one.
    """

    rows: int
    spacing: int
    chains: tuple[int, ...]
    lo: int
    hi: int
    fields: tuple[int, int]

    @property
    def chain(self) -> int:
        """Lanes of the longest chain."""
        return max(self.chains)

    def groups(self, pe: int) -> list[int]:
        """Rows of the slices of a lane."""
        return [min(self.rows, pe - first) for first in range(0, pe, self.rows)]

    def slices(self, pe: int) -> int:
        """DSP slices of ``pe`` rows."""
        return len(self.groups(pe)) * sum(self.chains)

    def bits(self, pe: int) -> int:
        """Bits that the memory holds of a lane."""
        return sum(self.fields[0] + self.fields[1] * (n - 1) for n in self.groups(pe))

    def width(self, lanes: int) -> int:
        """Bits of a field of a chain."""
        return (lanes * (self.hi - self.lo)).bit_length() or 1

    def bias(self, lanes: int) -> int:
        """What keeps a field of a chain from falling below 0: a multiple of the greatest power of
        two that leaves it its bits."""
        most = (1 << self.width(lanes)) - 1
        for e in reversed(range(self.width(lanes) + 1)):
            found = -(lanes * self.lo >> e) << e
            if found + lanes * self.hi <= most:
                return found
        return -lanes * self.lo


@dataclass(frozen=True)
class DspPlan:
    """``sums``: bits are numbered: those of each chain's field, then ones where a result begins in
    the columns of ``start``."""

    packing: Packing
    start: tuple[int, ...]
    sums: SumPlan

    @property
    def latency(self) -> int:
        """Stages from a step's operands to the accumulator: a product, a sum for each lane of a
        chain, those of the counters, the accumulator."""
        return self.packing.chain + 1 + len(self.sums.stages) + self.sums.added + 1

    @cached_property
    def luts(self) -> float:
        """Physical LUTs of a row."""
        return self.sums.luts


def check_dsp(name: str, weight: IntType, x: IntType) -> None:
    """Raise `SpecError` for what the slices' ports do not take."""
    for what, t in (("the weights", weight), ("x", x)):
        if not t.coding.binary:
            raise SpecError(f"{name}: {what} of multiply 'dsp' must be integers, not {t}")
    wide = [
        f"{what} of {_port(t)} bits"
        for what, t, most in (("weights", weight, WEIGHT_BITS), ("x", x, X_BITS))
        if _port(t) > most
    ]
    if wide:
        raise SpecError(
            f"{name}: multiply 'dsp' takes weights of at most {WEIGHT_BITS} bits and x of at most"
            f" {X_BITS}, signs with them, not {' and '.join(wide)}"
        )


def _port(t: IntType) -> int:
    """Bits of two's complement."""
    return t.bits + (not t.signed)


@lru_cache(maxsize=256)
def packing(weight: IntType, x: IntType, pe: int, simd: int) -> Packing:
    """The most rows a slice, then the longest chains."""
    ends = [w * v for w, v in product((weight.lo, weight.hi), (x.lo, x.hi))]
    lo, hi = min(0, *ends), max(0, *ends)
    span = max(1, hi - lo)

    borrows = IntType.for_range(lo=weight.lo - weight.signed, hi=weight.hi).bits

    def spacing(lanes: int) -> int:
        return max((lanes * span).bit_length(), borrows)

    def fits(rows: int, lanes: int) -> bool:
        ones = sum(1 << spacing(lanes) * k for k in range(rows))
        word = IntType.for_range(lo=min(0, weight.lo * ones), hi=max(0, weight.hi * ones))
        return _port(word) <= WEIGHT_BITS and spacing(lanes) * rows < SUM_BITS

    rows = max(n for n in range(1, min(pe, WEIGHT_BITS) + 1) if n == 1 or fits(n, 1))
    lanes = max(k for k in range(1, min(CHAIN, simd) + 1) if k == 1 or fits(rows, k))
    n = -(-simd // lanes)
    chains = tuple(simd // n + (k < simd % n) for k in range(n))
    return Packing(rows, spacing(max(chains)), chains, lo, hi, (weight.bits, borrows))


def dsp_plan(op: MatVec) -> DspPlan:
    """The plan of a folded ``op`` of multiply ``dsp``."""
    impl = op.folded
    found = packing(op.weight_type, op.x.type, impl.pe, impl.simd)
    return _plan(found, op.beats, op.y.type.bits, fabric(impl))


def stored_fields(op: MatVec) -> np.ndarray:
    """The memory's words, ``[steps, bits]``, bits ``[lane][slice][field]``."""
    found, impl = dsp_plan(op).packing, op.folded
    rows = op.weights.reshape(op.passes, impl.pe, op.beats, impl.simd).transpose(0, 2, 3, 1)
    parts: list[np.ndarray] = []
    first = 0
    for n in found.groups(impl.pe):
        word = np.zeros(rows.shape[:-1], np.int64)
        for k in range(n):
            bits = found.fields[k > 0]
            borrow = (word < 0).astype(np.int64)  # what is below it takes one of it
            code = rows[..., first + k] - borrow
            parts.append(code[..., None] >> np.arange(bits) & 1)
            word = word + (rows[..., first + k] << found.spacing * k)
        first += n
    return np.concatenate(parts, axis=-1).reshape(op.steps, -1)


@lru_cache(maxsize=256)
def _plan(found: Packing, beats: int, width: int, given: Fabric) -> DspPlan:
    carries = (False,) if given.four else (False, True)
    start = -beats * sum(found.bias(n) for n in found.chains)
    columns = tuple(c for c in range(width) if start >> c & 1)
    heap: list[list[tuple[int, int]]] = [[] for _ in range(width)]
    gates = [
        Gate(k, (("x", chain, k),), 2)
        for chain, lanes in enumerate(found.chains)
        for k in range(min(width, found.width(lanes)))
    ] + [Gate(c, (("p", 0, 0),), 2) for c in columns]
    for bit, g in enumerate(gates):
        heap[g.column].append((0, bit))
    plans = (_sums(Products(tuple(gates)), heap, carry, given) for carry in carries)
    return DspPlan(found, columns, min(plans, key=lambda p: (p.luts, len(p.stages))))


def _sums(
    found: Products, heap: list[list[tuple[int, int]]], carry: bool, given: Fabric
) -> SumPlan:
    room = [3 + carry] + [2] * (len(heap) - 1)
    counters, left = compress(heap, room=room, first=len(found.gates), adders=given.four)
    levels: list[list[Counter]] = [[] for _ in range(max((t for t, _ in counters), default=0))]
    for level, counter in counters:
        levels[level - 1].append(counter)
    stages = tuple(
        tuple(map(tuple, levels[first : first + given.levels]))
        for first in range(0, len(levels), given.levels)
    )
    return SumPlan(
        found,
        (),
        stages,
        tuple(map(tuple, left)),
        carry and len(left[0]) > 3,
        added=given.four and any(len(c) > 1 for c in left),
    )
