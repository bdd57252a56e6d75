"""How a step's products are summed: computed here, rendered by ``bitrill_hw.arith.sums``.

A product of one lane is written as bits of positive weight plus a constant that depends on the
lane's weight alone: with ``x = sum(2**k * x[k])`` (the top plane negative where x is signed),

- bipolar w:  ``w * x[k] = (w xnor x[k]) - [w = -1]``, and ``-w * x[k] = (w xor x[k]) - [w = +1]``
- ternary w:  the same bits where w is not 0, else 0
- others:     ``w[i] * x[k]``, or ``1 - w[i] * x[k]`` and ``-1`` where exactly one of the two
  planes is negative (Baugh and Wooley 1973)

A row's constants add up to the value that its accumulator starts from (`starts`). All else is a
heap of bits in columns of weight ``2**column``, compressed by counters (Dadda 1965) to two bits a
column, which one carry chain adds. Sums are taken modulo ``2**y.bits``: exact, since every
result lies in the range of ``y``; and bits above the heap's greatest sum are always 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..ir.types import IntType

if TYPE_CHECKING:
    from ..ops.matvec import MatVec

Gate = Literal["xnor", "select", "and"]

LEVELS_PER_STAGE = 2
"""Levels of LUTs between two registers; the final carry chain counts as one."""


@dataclass(frozen=True)
class Product:
    """One bit of weight ``2**column`` of the product of lane ``lane``.

    ``x`` and ``w`` are planes (bit positions) of the operands. ``xnor``: ``~(w ^ x)``; ``and``:
    ``w & x``; ``select``: ``w[0] & (w[1] ^ x)``, of a ternary weight in two's complement.
    ``inverted``: x's plane is complemented, or for ``and`` the result.
    """

    column: int
    lane: int
    gate: Gate
    w: int
    x: int
    inverted: bool


@dataclass(frozen=True)
class Counter:
    """Counts its input bits of weight ``2**column``; output bits of weights from there on."""

    column: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class SumPlan:
    """Bits are numbered: the products first, in order, then each counter's outputs.

    ``stages``: the levels of counters between registers; the first level takes the products.
    ``columns``: what the last level leaves, at most two bits each; ``adds`` whether any has two,
    so that the last stage ends in a carry chain. ``width``: bits of the sum.
    """

    products: tuple[Product, ...]
    stages: tuple[tuple[tuple[Counter, ...], ...], ...]
    columns: tuple[tuple[int, ...], ...]

    @property
    def adds(self) -> bool:
        """Whether some column holds two bits."""
        return any(len(c) > 1 for c in self.columns)

    @property
    def width(self) -> int:
        """Bits of the sum."""
        return len(self.columns)


def sum_plan(op: MatVec) -> SumPlan:
    """The plan of one row's sum in one step of a folded ``op``."""
    return _plan(op.weight_type, op.x.type, op.folded.simd, op.y.type.bits)


def sum_stages(op: MatVec) -> int:
    """Registers from the products' operands to the accumulator's adder."""
    return len(sum_plan(op).stages)


def starts(op: MatVec) -> np.ndarray:
    """What each row's accumulator starts from, int64 ``[rows]``."""
    gate, (w, x) = _gate(op.weight_type), (op.weights, op.x.type)
    planes = [(1 << k, _negative(x, k)) for k in range(x.bits)]
    if gate == "and":
        lane = sum(1 << p.column for p in _lane(op.weight_type, x, 0) if p.inverted)
        return np.full(op.rows, -lane * op.cols)
    if op.popcount:
        return np.zeros(op.rows, np.int64)
    below = sum(v for v, negative in planes if not negative)
    top = sum(v for v, negative in planes if negative)
    return -((w == -1).sum(1) * below + (w == 1).sum(1) * top)


def _gate(weight: IntType) -> Gate:
    if weight.coding == "bipolar":
        return "xnor"
    return "select" if (weight.lo, weight.hi) == (-1, 1) else "and"


def _negative(t: IntType, plane: int) -> bool:
    return t.signed and plane == t.bits - 1


def _lane(weight: IntType, x: IntType, lane: int) -> Iterator[Product]:
    gate = _gate(weight)
    for k in range(x.bits):
        if gate == "and":
            for i in range(weight.bits):
                inverted = _negative(weight, i) != _negative(x, k)
                yield Product(i + k, lane, gate, i, k, inverted)
        else:
            yield Product(k, lane, gate, 0, k, _negative(x, k))


@lru_cache(maxsize=256)
def _plan(weight: IntType, x: IntType, simd: int, width: int) -> SumPlan:
    products = [p for lane in range(simd) for p in _lane(weight, x, lane)]
    greatest = sum(1 << p.column for p in products)
    width = min(width, greatest.bit_length())
    products = [p for p in products if p.column < width]
    columns: list[list[int]] = [[] for _ in range(width)]
    for bit, p in enumerate(products):
        columns[p.column].append(bit)
    numbers = count(len(products))
    # a LUT of six inputs takes three gates of two, but no two of three and their count
    merged = () if _gate(weight) == "select" else _level(columns, numbers, _merge_sizes)
    levels = [merged]
    while (tallest := max(map(len, columns))) > 2:
        levels.append(_level(columns, numbers, _tall_sizes if tallest > 3 else _last_sizes))
    n = len(levels) + any(len(c) > 1 for c in columns)
    stages = tuple(tuple(levels[s : s + LEVELS_PER_STAGE]) for s in range(0, n, LEVELS_PER_STAGE))
    return SumPlan(tuple(products), stages, tuple(map(tuple, columns)))


def _level(columns: list[list[int]], numbers: Iterator[int], sizes) -> tuple[Counter, ...]:
    """One level of counters over all columns, which are replaced by what it leaves."""
    counters: list[Counter] = []
    arriving: list[list[int]] = [[] for _ in columns]
    for c, bits in enumerate(columns):
        for size in sizes(len(bits), len(arriving[c])):
            inputs, bits = bits[:size], bits[size:]
            kept = [next(numbers) for _ in range(min(size.bit_length(), len(columns) - c))]
            counters.append(Counter(c, tuple(inputs), tuple(kept)))
            for place, bit in enumerate(kept):
                arriving[c + place].append(bit)
        arriving[c] += bits
    columns[:] = arriving
    return tuple(counters)


def _merge_sizes(height: int, _arriving: int) -> list[int]:
    return [3] * (height // 3)


def _tall_sizes(height: int, _arriving: int) -> list[int]:
    rest = {3: [3], 4: [3], 5: [5]}.get(height % 6, [])
    return [6] * (height // 6) + rest


def _last_sizes(height: int, arriving: int) -> list[int]:
    """From three bits a column to two in one level, carries of the level included."""
    return [min(height, 3)] if height + arriving > 2 else []
