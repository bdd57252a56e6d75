"""Plans one sum of an unrolled matrix: a heap of bits of weight ``2**column`` becomes a number.

Counters (see `compress`) leave a few bits in each column. A carry chain adds up to three of them,
one LUT a column: the LUT adds the three without carry, and passes their majority to the next column
(ternary adder, Simkins and Young 2007). The chain's carry in is one more bit of its lowest column.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count

from .columns import ColumnChain, choose, hands_on
from .compress import ONE, Compressor, Level, compress, staged

LEVELS_PER_STAGE = 3
"""Logic levels between two registers."""


@dataclass(frozen=True)
class HeapPlan:
    """The counters and the carry chain of one sum.

    Bits are numbered: the heap's first, column by column, then each counter's outputs.

    ``stages``: levels of counters between registers, none if nothing is to be added; the chain
    follows in the last one. ``columns``: the bits that remain in each column; ``chain``: the
    columns that the carry chain spans, ``(0, 0)`` for none; ``luts``: physical LUTs of the sum.
    `ONE` in the last column, whose carry is dropped, complements it.
    """

    stages: tuple[tuple[Level, ...], ...]
    columns: tuple[tuple[int, ...], ...]
    chain: tuple[int, int]
    luts: float

    @property
    def width(self) -> int:
        return len(self.columns)

    @property
    def result(self) -> tuple[int, ...]:
        """Number of bits of each weight in the sum; a chain gives one a column, and its carry."""
        low, high = self.chain
        heights = [len(c) for c in self.columns]
        if self.columns and self.columns[-1][-1:] == (ONE,):
            heights[-1] = 1
        return tuple(1 if high and low <= k <= high else n for k, n in enumerate(heights))

    @property
    def flops(self) -> int:
        """Register bits between the stages and after the last one."""
        if not self.stages:
            return 0
        alive = {b for column in self.columns for b in column if b != ONE}
        kept = sum(self.result)
        for stage in reversed(self.stages):
            kept += len(alive) if stage is not self.stages[-1] else 0
            for counter in (c for level in reversed(stage) for c in level):
                alive = (alive - set(counter.outputs)) | {b for b in counter.taken if b != ONE}
        return kept


@cache
def heap_plan(
    heights: tuple[int, ...],
    width: int,
    constant: int,
    least: int | None = None,
    late: bool = False,
) -> HeapPlan:
    """The plan with the fewest LUTs.

    ``heights``: bits of each column; the sum of them and ``constant`` is taken modulo
    ``2**width``. With ``least`` 7 or 3 there is no chain and no constant: only columns of at least
    so many bits get counters (7:3, and with 3 also full adders), and the sum has several bits a
    column. All these counters are full: with a free input, the sum's complement would cost a
    constant. ``late``: the bits come out of a LUT, not out of a register.
    """
    columns = _columns(heights, width)
    first = LEVELS_PER_STAGE - late
    if least is not None:
        numbers, levels = count(sum(heights)), []
        while max(map(len, columns), default=0) >= least:
            levels.append(_level(columns, numbers, least))
        stages = staged(levels, first=first, each=LEVELS_PER_STAGE)
        return HeapPlan(stages, tuple(map(tuple, columns)), (0, 0), _luts(levels))
    for k in range(width):
        if constant >> k & 1:
            columns[k].append(ONE)
    inverted = bool(columns) and ONE in columns[-1]
    if inverted:  # this 1 is not added: it complements the column
        columns[-1].remove(ONE)
    choices = choose([len(c) for c in columns], ColumnChain(inverted))
    heap = [[(0, bit) for bit in column] for column in columns]
    levels, remaining = compress(heap, choices, first=sum(heights))
    if inverted:
        remaining[-1] += (ONE,)
    chain, levels_of_chain = _chain(remaining)
    stages = staged(levels, first=first, each=LEVELS_PER_STAGE, after=levels_of_chain)
    return HeapPlan(stages, tuple(remaining), chain, chain[1] - chain[0] + _luts(levels))


def _columns(heights: tuple[int, ...], width: int) -> list[list[int]]:
    """The numbers of the heap's bits, column by column, without those past the width."""
    columns: list[list[int]] = [[] for _ in range(width)]
    bit = 0
    for k, height in enumerate(heights):
        if k < width:
            columns[k] += range(bit, bit + height)
        bit += height
    return columns


def _luts(levels: list[Level]) -> int:
    return sum(c.luts for level in levels for c in level)


def _level(columns: list[list[int]], numbers: Iterator[int], least: int) -> Level:
    """One level of full counters for columns of at least ``least`` bits; updates ``columns``."""
    counters: list[Compressor] = []
    arriving: list[list[int]] = [[] for _ in columns]
    for k, bits in enumerate(columns):
        while len(bits) + len(arriving[k]) >= least and len(bits) >= least:
            size = 7 if len(bits) >= 7 else 3
            inputs, bits = bits[:size], bits[size:]
            outputs = tuple(next(numbers) for _ in range(min(size.bit_length(), len(columns) - k)))
            counters.append(Compressor(k, tuple(inputs), (), outputs))
            for place, out in enumerate(outputs):
                arriving[k + place].append(out)
        arriving[k] += bits
    columns[:] = arriving
    return tuple(counters)


def _chain(columns: list[tuple[int, ...]]) -> tuple[tuple[int, int], int]:
    """The columns that the last carry chain spans, and its logic levels."""
    top = len(columns) - 1
    sizes = [len(c) - (k == top and ONE in c) for k, c in enumerate(columns)]
    low = next((k for k, n in enumerate(sizes) if n > 1), None)
    if low is None:
        return (0, 0), 0
    high = 1 + max(k for k, n in enumerate(sizes) if n)
    handed = ternary = entry = False
    for k in range(low, high):
        handed = hands_on(sizes[k], handed, lowest=k == low)
        ternary |= handed
        if k == low:  # the carry in takes one more bit, which may need an inverter
            entry = sizes[k] > 2 + handed
    high = min(high + handed, len(columns))
    return (low, high + (high == top and ONE in columns[top])), 1 + ternary + entry
