"""Plans matrix units in DSP slices, where weights of several rows share a slice's multiplier.

A slice of the 7 series (DSP48E1, Xilinx UG479) multiplies 25 by 18 bits and adds 48 bits. A word
with the weights of several rows, ``spacing`` bits apart, times one x contains all their products:

    (w0 + w1 * 2**S + ..) * x = w0 * x + w1 * x * 2**S + ..

A chain of slices sums the products of several lanes, one stage after the other, before the fields
are separated (as Xilinx WP486 does for two). The first slice of a chain adds a constant that
keeps every field from falling below 0. So no field borrows from the next one, and each is an
unsigned number. It is too large by a constant, which the rows' accumulators subtract at their
start. With products in ``lo .. hi`` and chains of L lanes

    S = bits(L * (hi - lo)), and at least the bits of a weight and a borrow
    rows a slice = the most n with bits(w * (1 + 2**S + .. + 2**(S * (n - 1)))) <= 25

First the number of rows is chosen, as large as possible, then the longest chain that fits the
words. The memory stores the fields of the words without repeated sign bits. The fields of the
chains go through counters into the accumulator.

    slices = ceil(PE / n) * SIMD
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from ..errors import SpecError
from ..ir import IntType, Primitives
from .accumulate import Fabric, SumPlan, fabric_of, tree
from .gates import Gate
from .matrix_protocols import FoldedMatrix
from .products import Products

WEIGHT_BITS, X_BITS, SUM_BITS = 25, 18, 48
"""The ports of a slice, all two's complement."""

SLICES: Primitives = "xc7"
"""The cells that slices belong to."""

CHAIN = 4
"""The longest chain; from its fourth lane on, operands wait in registers outside of the slices."""


@dataclass(frozen=True)
class Packing:
    """The way in which rows share DSP slices, and lanes share chains of slices.

    ``rows``: the most rows of a slice, their fields ``spacing`` bits apart; ``chains``: the number
    of lanes of each chain; ``lo .. hi``: the range of a product; ``fields``: bits that the memory
    holds of a word's lowest field, and of each further one.
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
        """Number of rows in each slice of a lane."""
        return [min(self.rows, pe - first) for first in range(0, pe, self.rows)]

    def slices(self, pe: int) -> int:
        """DSP slices of a unit of ``pe`` rows."""
        return len(self.groups(pe)) * sum(self.chains)

    def bits(self, pe: int) -> int:
        """Bits of a lane in a word of the memory."""
        return sum(self.fields[0] + self.fields[1] * (n - 1) for n in self.groups(pe))

    def width(self, lanes: int) -> int:
        """Bits of a field at the end of a chain of ``lanes``."""
        return (lanes * (self.hi - self.lo)).bit_length() or 1

    def bias(self, lanes: int) -> int:
        """The constant that keeps a field of a chain from falling below 0.

        It is a multiple of the greatest power of two that does not widen the field, so that the
        constant of a row has few bits that are 1.
        """
        most = (1 << self.width(lanes)) - 1
        for e in reversed(range(self.width(lanes) + 1)):
            constant = -(lanes * self.lo >> e) << e
            if constant + lanes * self.hi <= most:
                return constant
        return -lanes * self.lo


@dataclass(frozen=True)
class DspPlan:
    """The slices of a step, and the sum of their fields.

    The bits of ``sums`` are numbered: those of each chain's field, then one for each column of
    ``start``, which is 1 in the first step of a result.
    """

    packing: Packing
    start: tuple[int, ...]
    sums: SumPlan

    @property
    def latency(self) -> int:
        """Stages from a step's operands to the accumulator.

        One for the product, one for each lane of a chain, those of the counters, the accumulator.
        """
        return self.packing.chain + 1 + len(self.sums.stages) + self.sums.added + 1


def check_dsp(name: str, weight: IntType, x: IntType) -> None:
    """Raise `SpecError` for types that are too wide for the slices' ports."""
    for what, t in (("the weights", weight), ("x", x)):
        if not t.coding.binary:
            raise SpecError(f"{name}: {what} of multiply 'dsp' must be integers, not {t}")
    wide = [
        f"{what} of {port(t)} bits"
        for what, t, most in (("weights", weight, WEIGHT_BITS), ("x", x, X_BITS))
        if port(t) > most
    ]
    if wide:
        raise SpecError(
            f"{name}: multiply 'dsp' takes weights of at most {WEIGHT_BITS} bits and x of at most"
            f" {X_BITS}, signs included, not {' and '.join(wide)}"
        )


def fits_slice(weight: IntType, x: IntType) -> bool:
    """Return whether a slice multiplies these types: integers that fit its ports."""
    ports = ((weight, WEIGHT_BITS), (x, X_BITS))
    return all(t.coding.binary and port(t) <= most for t, most in ports)


def port(t: IntType) -> int:
    """Return the bits of a number of this type in two's complement."""
    return t.bits + (not t.signed)


@lru_cache(maxsize=256)
def packing(weight: IntType, x: IntType, pe: int, simd: int) -> Packing:
    """The packing with the most rows in a slice, and then the longest chains."""
    ends = [w * v for w, v in product((weight.lo, weight.hi), (x.lo, x.hi))]
    lo, hi = min(0, *ends), max(0, *ends)
    span = max(1, hi - lo)

    borrows = IntType.for_range(lo=weight.lo - weight.signed, hi=weight.hi).bits

    def spacing(lanes: int) -> int:
        return max((lanes * span).bit_length(), borrows)

    def fits(rows: int, lanes: int) -> bool:
        ones = sum(1 << spacing(lanes) * k for k in range(rows))
        word = IntType.for_range(lo=min(0, weight.lo * ones), hi=max(0, weight.hi * ones))
        return port(word) <= WEIGHT_BITS and spacing(lanes) * rows < SUM_BITS

    rows = max(n for n in range(1, min(pe, WEIGHT_BITS) + 1) if n == 1 or fits(n, 1))
    lanes = max(k for k in range(1, min(CHAIN, simd) + 1) if k == 1 or fits(rows, k))
    n = -(-simd // lanes)
    chains = tuple(simd // n + (k < simd % n) for k in range(n))
    return Packing(rows, spacing(max(chains)), chains, lo, hi, (weight.bits, borrows))


def dsp_plan(op: FoldedMatrix) -> DspPlan:
    """The plan of a folded matrix of multiply ``dsp``."""
    impl = op.folded
    packed = packing(op.weight_type, op.x.type, impl.pe, impl.simd)
    return _plan(packed, op.synapse_fold, op.y.type.bits, fabric_of(impl))


def stored_fields(op: FoldedMatrix) -> np.ndarray:
    """The memory's words, ``[steps, bits]``, bits ``[lane][slice][field]``."""
    packed, impl = dsp_plan(op).packing, op.folded
    rows = op.weights.reshape(op.neuron_fold, impl.pe, op.synapse_fold, impl.simd)
    rows = rows.transpose(0, 2, 3, 1)
    parts: list[np.ndarray] = []
    first = 0
    for n in packed.groups(impl.pe):
        word = np.zeros(rows.shape[:-1], np.int64)
        for k in range(n):
            bits = packed.fields[k > 0]
            borrow = (word < 0).astype(np.int64)  # a negative word below borrows 1 from this field
            code = rows[..., first + k] - borrow
            parts.append(code[..., None] >> np.arange(bits) & 1)
            word = word + (rows[..., first + k] << packed.spacing * k)
        first += n
    return np.concatenate(parts, axis=-1).reshape(op.steps, -1)


@lru_cache(maxsize=256)
def _plan(packed: Packing, beats: int, width: int, fabric: Fabric) -> DspPlan:
    carries = (False,) if fabric.four else (False, True)
    start = -beats * sum(packed.bias(n) for n in packed.chains)
    columns = tuple(c for c in range(width) if start >> c & 1)
    heap: list[list[tuple[int, int]]] = [[] for _ in range(width)]
    gates = [
        Gate(k, (("x", chain, k),), 2)
        for chain, lanes in enumerate(packed.chains)
        for k in range(min(width, packed.width(lanes)))
    ] + [Gate(c, (("p", 0, 0),), 2) for c in columns]
    for bit, g in enumerate(gates):
        heap[g.column].append((0, bit))
    plans = (tree(Products(tuple(gates)), (), heap, carry, fabric) for carry in carries)
    return DspPlan(packed, columns, min(plans, key=lambda p: (p.luts, len(p.stages))))
