"""Plan of the adders of a folded matrix unit: from the products of a step to the accumulator.

The bits of the products (see `products`) form a heap: column ``c`` holds bits of weight ``2**c``.
Counters (see `compress`; Dadda 1965) turn it into two rows. The accumulator's carry chain adds both
rows at once, one LUT a bit, and a third bit of the lowest column. Some products are too large by a
constant of the row. The accumulator starts from its negative (`starts`), which joins the heap in a
result's first step. Sums are taken modulo ``2**y.bits``, which is exact because every result lies
in the range of ``y``. `bitrill_hw.arith.accumulate` turns the plan into logic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeGuard

import numpy as np

from ..ir import Impl, IntType
from ..parts.families import family_of
from .columns import Rows, choose
from .compress import Compressor, Level, compress, staged
from .l1_products import distance_starts, distances, stored_distances
from .products import Products, constants, products, stored
from .shapes import DistanceMatrix, FoldedMatrix


@dataclass(frozen=True)
class Fabric:
    """The logic that a plan is made for: LUTs of six inputs, or of four inputs with ``four``.

    ``levels``: LUTs between two registers. Gates take one level (two where their inputs are too
    many), counters one each, the chain two; parities that are not registered before come on top, in
    the first stage.
    """

    levels: int
    four: bool


@dataclass(frozen=True)
class SumPlan:
    """The plan by which the products of one row in a step are summed.

    Bits are numbered: the gates first, in order, then ``start``, then each counter's outputs.

    ``start``: bits of the value that a result starts from, low first; they are there behind the
    first stage. ``stages``: the levels of counters between registers; the first stage begins with
    the gates. ``columns``: the bits that the accumulator adds: at most two in each column, three in
    the lowest, and with ``carry`` four, the last of which takes a place of the chain for itself.
    ``added``: whether these rows are added in a stage of their own, so that the accumulator adds
    one number, as suits LUTs of four inputs.
    """

    products: Products
    start: tuple[int, ...]
    stages: tuple[tuple[Level, ...], ...]
    columns: tuple[tuple[int, ...], ...]
    carry: bool
    added: bool = False

    @property
    def counters(self) -> tuple[Compressor, ...]:
        """The counters of every stage, in order."""
        return tuple(c for stage in self.stages for level in stage for c in level)

    @cached_property
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

    @cached_property
    def luts(self) -> float:
        """Physical LUTs of a row with its accumulator, on parts with LUT6_2 and carry chains."""
        return self.products.luts + sum(c.luts for c in self.counters) + self.width + self.carry


def _sums_distances(op: FoldedMatrix) -> TypeGuard[DistanceMatrix]:
    return op.distances


def sum_plan(op: FoldedMatrix) -> SumPlan:
    """The plan of one row's sum in one step."""
    early, fabric = op.read_stages > 1, fabric_of(op.folded)
    if op.distances:
        return _distance_plan(op.x.type, op.folded.simd, op.y.type.bits, early, fabric)
    return _plan(
        op.weight_type,
        op.x.type,
        op.lanes,
        op.y.type.bits,
        not op.popcount,
        early,
        op.inside is None,
        fabric,
    )


def fabric_of(impl: Impl) -> Fabric:
    """The logic of a folding: its family's LUTs, and its logic levels."""
    return Fabric(impl.levels, family_of(impl.primitives).four_inputs)


def sum_stages(op: FoldedMatrix) -> int:
    """Registers from the products' operands to the accumulator's adder."""
    plan = sum_plan(op)
    return len(plan.stages) + plan.added


def starts(
    op: FoldedMatrix, weights: np.ndarray | None = None, read: np.ndarray | None = None
) -> np.ndarray:
    """The value that each row's accumulator starts from, int64 ``[rows]``.

    ``weights``: those that are multiplied, int64 ``[rows, n]``, all if None; ``read``: which of
    them are, bool, likewise.
    """
    if _sums_distances(op):
        return distance_starts(op)
    if op.popcount:
        return np.zeros(op.rows, np.int64)
    excess = constants(op.weight_type, op.x.type, op.weights if weights is None else weights)
    return -(excess if read is None else excess * read).sum(1)


def stored_weights(op: FoldedMatrix, weights: np.ndarray | None = None) -> np.ndarray:
    """The bits of the weights as the plan's gates read them, ``[rows, n, bits]``.

    ``weights``: int64 ``[rows, n]`` of the lanes of all beats; those of all columns if None.
    """
    if _sums_distances(op):
        return stored_distances(op)
    triples = sum_plan(op).products.triples
    weights = op.weights if weights is None else weights
    return stored(op.weight_type, op.x.type, weights, op.lanes, triples=triples)


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
    """The plan of products with the fewest LUTs.

    ``starting``: whether rows have a start; ``early``: whether parities are registered before the
    first stage; ``triples``: whether lanes may store parities, which a border that forces weights
    forbids. With LUTs of four inputs parities save nothing: a majority of three products takes four
    LUTs, and so does their whole count of two bits.
    """
    gates = products(weight, x, simd, width, triples and not fabric.four)
    return _cheapest(gates, width, starting, early, fabric)


@lru_cache(maxsize=256)
def _distance_plan(x: IntType, simd: int, width: int, early: bool, fabric: Fabric) -> SumPlan:
    """The plan of distances with the fewest LUTs; see `_plan`."""
    return _cheapest(distances(x, simd, width), width, True, early, fabric)


def _cheapest(gates: Products, width: int, starting: bool, early: bool, fabric: Fabric) -> SumPlan:
    """The cheaper of two plans: with the chain's place for a fourth lowest bit, and without it."""
    carries = (False,) if fabric.four else (False, True)
    start, heap, head = _heap(gates, width, starting, early, fabric)
    return min(
        (tree(gates, start, heap, carry, fabric, head=head) for carry in carries),
        key=lambda p: (p.luts, len(p.stages)),
    )


def _heap(
    gates: Products, width: int, starting: bool, early: bool, fabric: Fabric
) -> tuple[tuple[int, ...], list[list[tuple[int, int]]], int]:
    """Return the bits of the start, all bits by column, and the levels of the first stage."""
    head = max(0, fabric.levels - 1 - (not early and bool(gates.shared)))
    heap: list[list[tuple[int, int]]] = [[] for _ in range(width)]
    for bit, g in enumerate(gates.gates):
        wide = fabric.four and len(g.inputs) > 4
        heap[g.column].append((min(head, gates.levels(g) - 1 + wide), bit))
    n = len(gates.gates)
    start = tuple(range(n, n + width)) if starting else ()
    for column, bit in zip(heap, start, strict=False):
        column.append((head, bit))
    return start, heap, head


def tree(
    gates: Products,
    start: tuple[int, ...],
    heap: Sequence[Sequence[tuple[int, int]]],
    carry: bool,
    fabric: Fabric,
    *,
    head: int | None = None,
) -> SumPlan:
    """The counters of ``heap`` (see `compress`), in stages.

    ``head``: levels of counters in the first stage, which then begins with the gates.
    """
    heights = [len(column) for column in heap]
    choices = choose(heights, Rows(3 + carry), full_adders=fabric.four)
    levels, rows = compress(heap, choices, first=len(gates.gates) + len(start))
    first = fabric.levels if head is None else head
    stages = staged(levels, first=first, each=fabric.levels)
    return SumPlan(
        gates,
        start,
        stages or (() if head is None else ((),)),
        tuple(rows),
        carry and len(rows[0]) > 3,
        added=fabric.four and any(len(c) > 1 for c in rows),
    )


def counted_plan(gates: Products, width: int, fabric: Fabric) -> SumPlan:
    """The plan of a count of ``gates``, without a start or an accumulator.

    At most two bits of each column remain, and three of the lowest, for a carry chain that adds two
    rows and a carry in.
    """
    start, heap, head = _heap(gates, width, False, True, fabric)
    return tree(gates, start, heap, False, fabric, head=head)
