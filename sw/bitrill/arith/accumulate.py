"""How a step's products are summed: computed here, rendered by ``bitrill_hw.arith.accumulate``.

The bits of the products (see `products`) form a heap of columns of weight ``2**column``, which
counters (see `compress`; Dadda 1965) turn into two rows. The accumulator's carry chain adds both at
once, one LUT a bit, and a third bit of the lowest column. What a row's products are too large by is
the value that its accumulator starts from (`starts`): it joins the heap in a result's first step.
Sums are taken modulo ``2**y.bits``: exact, since every result lies in the range of ``y``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np

from ..ir.operator import FOUR_INPUTS, Impl
from ..ir.types import IntType
from .compress import Counter, compress
from .l1_products import distance_starts, distances, stored_distances
from .products import Products, constants, products, stored

if TYPE_CHECKING:
    from ..ops.l1matvec import L1MatVec
    from ..ops.matvec import MatVec

    Matrices: TypeAlias = MatVec | L1MatVec


@dataclass(frozen=True)
class Fabric:
    """What a plan is made for: ``levels`` of LUTs between two registers, of four inputs or six.

    Gates take one level (two where their inputs are too many), counters one each, the chain two;
    parities that are not registered before come on top, in the first stage.
    """

    levels: int
    four: bool


@dataclass(frozen=True)
class SumPlan:
    """Bits are numbered: the gates first, in order, then ``start``, then each counter's outputs.

    ``start``: bits of the value that a result starts from, low first; they are there behind the
    first stage. ``stages``: the levels of counters between registers; the first stage begins with
    the gates. ``columns``: what is left for the accumulator: at most two bits each, the lowest
    three, and with ``carry`` four, the last of which takes a place of the chain for itself.
    ``added``: whether these rows are added in a stage of their own, so that the accumulator adds
    one number, as suits LUTs of four inputs.
    """

    products: Products
    start: tuple[int, ...]
    stages: tuple[tuple[tuple[Counter, ...], ...], ...]
    columns: tuple[tuple[int, ...], ...]
    carry: bool
    added: bool = False

    @property
    def counters(self) -> tuple[Counter, ...]:
        """All of them, in order."""
        return tuple(c for stage in self.stages for level in stage for c in level)

    @property
    def held(self) -> int:
        """Bits of a row in registers between the gates and the accumulator."""
        alive, held = len(self.products.gates), 0
        for k, stage in enumerate(self.stages):
            for counter in (c for level in stage for c in level):
                alive += len(counter.outputs) - len(counter.inputs) - len(counter.above)
            held += alive
            alive += len(self.start) if k == 0 else 0
        return held

    @property
    def width(self) -> int:
        """Bits of the sum, and of the accumulator."""
        return len(self.columns)

    @property
    def luts(self) -> float:
        """Physical LUTs of a row, its accumulator with them, on parts with LUT6_2 and carries."""
        return self.products.luts + sum(c.luts for c in self.counters) + self.width + self.carry


def _of_distances(op: Matrices) -> TypeGuard[L1MatVec]:
    return op.kind == "l1matvec"


def sum_plan(op: Matrices) -> SumPlan:
    """The plan of one row's sum in one step of a folded ``op``."""
    if _of_distances(op):
        return _distance_plan(
            op.x.type, op.folded.simd, op.y.type.bits, op.read_stages > 1, fabric(op.folded)
        )
    return _plan(
        op.weight_type,
        op.x.type,
        op.folded.simd,
        op.y.type.bits,
        not op.popcount,
        op.read_stages > 1,
        op.inside is None,
        fabric(op.folded),
    )


def fabric(impl: Impl) -> Fabric:
    """That of an ``impl``."""
    return Fabric(impl.levels, impl.primitives in FOUR_INPUTS)


def sum_stages(op: Matrices) -> int:
    """Registers from the products' operands to the accumulator's adder."""
    plan = sum_plan(op)
    return len(plan.stages) + plan.added


def starts(op: Matrices) -> np.ndarray:
    """What each row's accumulator starts from, int64 ``[rows]``."""
    if _of_distances(op):
        return distance_starts(op)
    if op.popcount:
        return np.zeros(op.rows, np.int64)
    return -constants(op.weight_type, op.x.type, op.weights).sum(1)


def stored_weights(op: Matrices) -> np.ndarray:
    """The bits of the weights as the plan of a folded ``op`` reads them: ``[rows, cols, bits]``."""
    if _of_distances(op):
        return stored_distances(op)
    found = sum_plan(op).products
    return stored(op.weight_type, op.x.type, op.weights, op.folded.simd, triples=found.triples)


@lru_cache(maxsize=256)
def _plan(
    weight: IntType,
    x: IntType,
    simd: int,
    width: int,
    starting: bool,
    early: bool,
    triples: bool,
    fabric: Fabric,
) -> SumPlan:
    """The least LUTs of what is tried: with the chain's place for a fourth lowest bit, or without.

    ``early``: whether parities are registered before the first stage; ``triples``: whether lanes
    may store parities, as they may not where a border forces weights. LUTs of four inputs have no
    use for those: a majority of three products takes four of them, and a count of two bits as many.
    """
    found = products(weight, x, simd, width, triples and not fabric.four)
    return _cheapest(found, width, starting, early, fabric)


@lru_cache(maxsize=256)
def _distance_plan(x: IntType, simd: int, width: int, early: bool, fabric: Fabric) -> SumPlan:
    """As `_plan`, of an `L1MatVec`."""
    return _cheapest(distances(x, simd, width), width, True, early, fabric)


def _cheapest(found: Products, width: int, starting: bool, early: bool, fabric: Fabric) -> SumPlan:
    """With the chain's place for a fourth lowest bit, or without."""
    carries = (False,) if fabric.four else (False, True)
    return min(
        (_with(found, width, starting, early, carry, fabric) for carry in carries),
        key=lambda p: (p.luts, len(p.stages)),
    )


def _with(
    found: Products, width: int, starting: bool, early: bool, carry: bool, fabric: Fabric
) -> SumPlan:
    per_stage = fabric.levels
    head = max(0, per_stage - 1 - (not early and bool(found.shared)))
    heap: list[list[tuple[int, int]]] = [[] for _ in range(width)]
    for bit, g in enumerate(found.gates):
        more = fabric.four and len(g.inputs) > 4
        heap[g.column].append((min(head, found.levels(g) - 1 + more), bit))
    n = len(found.gates)
    start = tuple(range(n, n + width)) if starting else ()
    for column, bit in zip(heap, start, strict=False):
        column.append((head, bit))
    room = [3 + carry] + [2] * (width - 1)
    counters, left = compress(heap, room=room, first=n + len(start), adders=fabric.four)
    levels: list[list[Counter]] = [[] for _ in range(max((t for t, _ in counters), default=0))]
    for level, counter in counters:
        levels[level - 1].append(counter)
    cuts = [0, head, *range(head + per_stage, len(levels) + per_stage, per_stage)]
    stages = tuple(
        tuple(tuple(level) for level in levels[a:b])
        for a, b in pairwise(cuts)
        if a < len(levels) or a == 0
    )
    return SumPlan(
        found,
        start,
        stages,
        tuple(map(tuple, left)),
        carry and len(left[0]) > 3,
        added=fabric.four and any(len(c) > 1 for c in left),
    )


def counted_plan(found: Products, width: int, given: Fabric) -> SumPlan:
    """The plan of ``found`` alone: no start, and no more than two bits of a column are left, but
    three of the lowest, for a carry chain of two rows that begins with a bit."""
    return _with(found, width, False, True, False, given)
