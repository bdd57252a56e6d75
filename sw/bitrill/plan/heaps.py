"""Heaps of bits, each of weight ``2**column``, compressed to one number.

Counters of up to seven bits (two LUTs and two places of a carry chain), full adders (one LUT of two
outputs), and a carry chain at the end that takes up to three bits a column, one LUT each: a LUT
adds the three without carry, and hands their majority to the next (ternary adder, Simkins and
Young 2007). The chain's lowest column takes two more, at the places that stand empty there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import count

ONE = -1
"""The bit that is always 1."""

LEVELS_PER_STAGE = 3
"""LUT levels between two registers."""


@dataclass(frozen=True)
class Counter:
    """Counts its input bits of weight ``2**column``; output bits of weights from there on."""

    column: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class HeapPlan:
    """Bits are numbered: the heap's first, column by column, then each counter's outputs.

    ``stages``: levels of counters between registers; the chain follows in the last one. There are
    none where nothing is to be added.
    ``columns``: the bits that are left in each; ``chain``: the columns that the carry chain spans,
    ``(0, 0)`` for none; ``luts``: physical LUTs of it all.
    """

    stages: tuple[tuple[tuple[Counter, ...], ...], ...]
    columns: tuple[tuple[int, ...], ...]
    chain: tuple[int, int]
    luts: float

    @property
    def width(self) -> int:
        return len(self.columns)

    @property
    def result(self) -> tuple[int, ...]:
        """How many bits of each weight the sum has; a chain gives one a column, and its carry."""
        low, high = self.chain
        heights = [len(c) for c in self.columns]
        return tuple(int(k <= high) if high and k >= low else n for k, n in enumerate(heights))

    @property
    def flops(self) -> int:
        """Bits in registers between its stages and behind the last one."""
        if not self.stages:
            return 0
        alive = {b for column in self.columns for b in column if b != ONE}
        kept = sum(self.result)
        for stage in reversed(self.stages):
            kept += len(alive) if stage is not self.stages[-1] else 0
            for counter in (c for level in reversed(stage) for c in level):
                alive = (alive - set(counter.outputs)) | {b for b in counter.inputs if b != ONE}
        return kept


@cache
def heap_plan(
    heights: tuple[int, ...], width: int, constant: int, least: int | None = None
) -> HeapPlan:
    """The plan with the fewest LUTs, then the fewest levels, among those that are tried.

    ``heights``: bits of each column; the sum of them and ``constant`` is taken modulo
    ``2**width``. With ``least``, 7 or 3, there is no chain: counters of seven bits, and for 3 full
    adders, take columns of so many bits and more, and what they leave, several bits a column, is
    the sum. Counters of fewer bits than they could take would make its complement cost a constant.
    """
    if least is not None:
        return _partial(heights, width, constant, least)
    tried = [_plan(heights, width, constant, limit, least) for limit in (3, 2) for least in (5, 6)]
    return min(tried, key=lambda p: (p.luts, len(p.stages)))


def _partial(heights: tuple[int, ...], width: int, constant: int, least: int) -> HeapPlan:
    columns, numbers = _columns(heights, width, constant)
    levels: list[tuple[Counter, ...]] = []
    while max(map(len, columns), default=0) >= least:
        levels.append(_level(columns, numbers, least - 1, 7, smallest=least, lowest=0))
    return HeapPlan(_staged(levels, 0), tuple(map(tuple, columns)), (0, 0), _luts(levels))


def _columns(heights: tuple[int, ...], width: int, constant: int):
    """The heap's bits, column by column, and the numbers of those to come."""
    numbers = count(sum(heights))
    columns: list[list[int]] = [[] for _ in range(width)]
    bit = 0
    for k, height in enumerate(heights):
        for _ in range(height):
            if k < width:
                columns[k].append(bit)
            bit += 1
    for k in range(width):
        if constant >> k & 1:
            columns[k].append(ONE)
    return columns, numbers


def _luts(levels: list[tuple[Counter, ...]]) -> int:
    return sum(2 if len(c.inputs) > 3 else 1 for level in levels for c in level)


def _plan(heights: tuple[int, ...], width: int, constant: int, limit: int, least: int) -> HeapPlan:
    columns, numbers = _columns(heights, width, constant)
    levels: list[tuple[Counter, ...]] = []
    while level := _level(columns, numbers, limit, least):
        levels.append(level)
    chain, delay = _chain(columns)
    luts = chain[1] - chain[0] + _luts(levels)
    return HeapPlan(_staged(levels, delay), tuple(map(tuple, columns)), chain, luts)


def _staged(levels: list, delay: int) -> tuple:
    """Levels in stages of at most `LEVELS_PER_STAGE`, of which the chain takes ``delay``."""
    stages: list[tuple] = []
    while len(levels) + delay > LEVELS_PER_STAGE:
        stages.append(tuple(levels[:LEVELS_PER_STAGE]))
        levels = levels[LEVELS_PER_STAGE:]
    return (*stages, tuple(levels)) if levels or delay else tuple(stages)


def _level(
    columns: list[list[int]],
    numbers,
    limit: int,
    least: int,
    *,
    smallest: int = 3,
    lowest: int = 1,
) -> tuple[Counter, ...]:
    """One level of counters where there are more bits than the chain takes; replaces the columns.

    Counters of five bits and more from ``least`` on, full adders below, of columns of
    ``smallest`` bits and more. ``lowest``: what the lowest column of the chain takes more.
    """
    low = next((k for k, c in enumerate(columns) if len(c) > 1), 0)
    counters: list[Counter] = []
    arriving: list[list[int]] = [[] for _ in columns]
    for k, bits in enumerate(columns):
        most = limit + (lowest if k == low else 0)
        while len(bits) + len(arriving[k]) > most and len(bits) >= smallest:
            size = min(7, len(bits)) if len(bits) >= least else 3
            inputs, bits = bits[:size], bits[size:]
            outputs = tuple(next(numbers) for _ in range(min(size.bit_length(), len(columns) - k)))
            counters.append(Counter(k, tuple(inputs), outputs))
            for place, out in enumerate(outputs):
                arriving[k + place].append(out)
        arriving[k] += bits
    columns[:] = arriving
    return tuple(counters)


def _chain(columns: list[list[int]]) -> tuple[tuple[int, int], int]:
    """The columns that the last carry chain spans, and its LUT levels."""
    low = next((k for k, c in enumerate(columns) if len(c) > 1), None)
    if low is None:
        return (0, 0), 0
    high = 1 + max(k for k, c in enumerate(columns) if c)
    handed = ternary = entry = False
    for k in range(low, high):
        handed = hands_on(len(columns[k]), handed, lowest=k == low)
        ternary |= handed
        if k == low:  # one more bit enters at its end, maybe behind an inverter
            entry = len(columns[k]) > 2 + handed
    return (low, min(high + handed, len(columns))), 1 + ternary + entry


def hands_on(bits: int, handed: bool, *, lowest: bool) -> bool:
    """Whether a column of the chain needs its LUT's second output: the majority of three bits.

    One bit goes into the LUT, one beside it (what the column below ``handed`` on, if it did), and
    in the lowest column one into the chain's end; of more, three are added by the LUT.
    """
    return bits > 2 + lowest - handed
