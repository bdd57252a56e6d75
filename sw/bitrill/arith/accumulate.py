"""Plans the adders of a folded matrix unit: from the products of a step to the accumulator.

The bits of the products (see `products`) form a heap: column ``c`` holds bits of weight ``2**c``.
Counters (see `compress`; Dadda 1965) turn it into two rows. The accumulator's carry chain adds both
rows at once, one LUT a bit, and a third bit of the lowest column.

Some products are built with an offset, to avoid negative bits. The offsets of a row add up to a
constant, so its accumulator starts from minus that constant (`starts`), which joins the heap in a
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
from .columns import AdderRows, choose
from .compress import Compressor, Level, compress, staged
from .l1_products import distance_starts, distances, stored_distances
from .matrix_protocols import DistanceMatrix, FoldedMatrix
from .products import Products, constants, products, stored


@dataclass(frozen=True)
class Fabric:
    """The logic that a plan is made for: LUTs with six inputs, or with four inputs if ``four``.

    ``levels``: LUTs between two registers. Gates take one level (two if they have too many inputs),
    counters one each, the carry chain two. Parities that were not registered before cost one more
    level, in the first stage.
    """

    levels: int
    four: bool


@dataclass(frozen=True)
class SumPlan:
    """The plan by which the products of one row in a step are summed.

    Bits are numbered: the gates first, in order, then ``start``, then each counter's outputs.

    ``start``: bits of the value that a result starts from, low first; they join after the first
    stage. ``stages``: the levels of counters between registers; the first stage begins with the
    gates. ``columns``: the bits that the accumulator adds: at most two in each column and three in
    the lowest; with ``carry`` four in the lowest, the fourth through an extra bit of the chain.
    ``added``: whether a separate stage adds these rows, so that the accumulator adds a single
    number: a LUT with four inputs has no room for two rows, the sum and the choice of the start.
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
        """Number of register bits of a row between the gates and the accumulator."""
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
        """Physical LUTs of a row and its accumulator, on parts with LUT6_2 and carry chains."""
        return self.products.luts + sum(c.luts for c in self.counters) + self.width + self.carry


def _sums_distances(op: FoldedMatrix) -> TypeGuard[DistanceMatrix]:
    return op.distances


def sum_plan(op: FoldedMatrix) -> SumPlan:
    """Return the plan of one row's sum in one step; of absolute differences in an L1 layer."""
    registered, fabric = op.read_stages > 1, fabric_of(op.folded)
    if op.distances:
        return _distance_plan(op.x.type, op.folded.simd, op.y.type.bits, registered, fabric)
    return _plan(
        op.weight_type,
        op.x.type,
        op.lanes,
        op.y.type.bits,
        not op.popcount,
        registered,
        op.inside is None,  # no padding that overrides weights
        fabric,
    )


def fabric_of(impl: Impl) -> Fabric:
    """Return the logic of a folding: its family's LUTs, and its logic levels."""
    return Fabric(impl.levels, family_of(impl.primitives).four_inputs)


def sum_stages(op: FoldedMatrix) -> int:
    """Return the number of registers from the products' operands to the accumulator's adder."""
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
    """Return the bits of the weights as the plan's gates read them, ``[rows, n, bits]``.

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
    has_start: bool,
    registered: bool,
    triples: bool,
    fabric: Fabric,
) -> SumPlan:
    """Return the plan of products with the fewest LUTs.

    ``has_start``: whether rows have a start. ``triples``: whether three products may be encoded
    with a stored parity of their weights, which saves LUTs with six inputs. That is not allowed
    where padding overrides weights while the network runs: the parity would be wrong. LUTs with
    four inputs save nothing by it: a majority of three products takes four of them, as many as the
    whole count of two bits. ``registered``: whether parities are registered before the first stage.
    """
    gates = products(weight, x, simd, width, triples and not fabric.four)
    return _cheapest(gates, width, has_start, registered, fabric)


@lru_cache(maxsize=256)
def _distance_plan(x: IntType, simd: int, width: int, registered: bool, fabric: Fabric) -> SumPlan:
    """Return the plan of an L1 layer's absolute differences with the fewest LUTs; see `_plan`."""
    return _cheapest(distances(x, simd, width), width, True, registered, fabric)


def _cheapest(
    gates: Products, width: int, has_start: bool, registered: bool, fabric: Fabric
) -> SumPlan:
    """Return the cheaper of two plans: with and without an extra bit of the chain (``carry``)."""
    carries = (False,) if fabric.four else (False, True)
    start, heap, head = _heap(gates, width, has_start, registered, fabric)
    return min(
        (tree(gates, start, heap, carry, fabric, head=head) for carry in carries),
        key=lambda p: (p.luts, len(p.stages)),
    )


def _heap(
    gates: Products, width: int, has_start: bool, registered: bool, fabric: Fabric
) -> tuple[tuple[int, ...], list[list[tuple[int, int]]], int]:
    """Return the bits of the start, all bits by column, and the levels of the first stage."""
    head = max(0, fabric.levels - 1 - (not registered and bool(gates.shared)))
    heap: list[list[tuple[int, int]]] = [[] for _ in range(width)]
    for bit, g in enumerate(gates.gates):
        wide = fabric.four and len(g.inputs) > 4
        heap[g.column].append((min(head, gates.levels(g) - 1 + wide), bit))
    n = len(gates.gates)
    start = tuple(range(n, n + width)) if has_start else ()
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
    """Return the counters of ``heap`` (see `compress`), in stages.

    ``head``: levels of counters in the first stage, after the gates; None if the heap's bits come
    from registers, so that the first stage is like the others.
    """
    heights = [len(column) for column in heap]
    choices = choose(heights, AdderRows(3 + carry), full_adders=fabric.four)
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
    """Return the plan of a count of ``gates``, without a start or an accumulator.

    At most two bits of each column remain, and three of the lowest, for a carry chain that adds two
    rows and a carry in.
    """
    start, heap, head = _heap(gates, width, False, True, fabric)
    return tree(gates, start, heap, False, fabric, head=head)
