"""Heaps of bits, each of weight ``2**column``, compressed to one number.

Counters of up to seven bits, or of five and one of the next column (two LUTs and two places of a
carry chain), full adders (one LUT of two outputs), and a carry chain at the end that takes up to
three bits a column, one LUT each: a LUT adds the three without carry, and hands their majority to
the next (ternary adder, Simkins and Young 2007). The chain's lowest column takes one more, at its
end. How many counters a column takes is chosen by `columns.choose`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import count

from .columns import Choice, choose, hands_on
from .compress import KINDS

ONE = -1
"""The bit that is always 1."""

LEVELS_PER_STAGE = 3
"""LUT levels between two registers."""


@dataclass(frozen=True)
class Counter:
    """Counts its input bits of weight ``2**column``, and at most one ``above``, of the next column;
    output bits of weights from there on."""

    column: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    above: tuple[int, ...] = ()

    @property
    def taken(self) -> tuple[int, ...]:
        """All bits that it takes."""
        return self.inputs + self.above


@dataclass(frozen=True)
class HeapPlan:
    """Bits are numbered: the heap's first, column by column, then each counter's outputs.

    ``stages``: levels of counters between registers; the chain follows in the last one. There are
    none where nothing is to be added.
    ``columns``: the bits that are left in each; ``chain``: the columns that the carry chain spans,
    ``(0, 0)`` for none; ``luts``: physical LUTs of it all. `ONE` in the last column, whose carry is
    dropped, complements it.
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
        if self.columns and self.columns[-1][-1:] == (ONE,):
            heights[-1] = 1
        return tuple(1 if high and low <= k <= high else n for k, n in enumerate(heights))

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
    ``2**width``. With ``least``, 7 or 3, there is no chain: counters of seven bits, and for 3 full
    adders, take columns of so many bits and more, and what they leave, several bits a column, is
    the sum, without a constant. Counters of fewer bits than they could take would make its
    complement cost a constant. ``late``: the bits come out of a LUT, no register.
    """
    if least is not None:
        return _partial(heights, width, least, late)
    return _plan(heights, width, constant, late)


def _partial(heights: tuple[int, ...], width: int, least: int, late: bool) -> HeapPlan:
    columns, numbers = _columns(heights, width, 0)
    levels: list[tuple[Counter, ...]] = []
    while max(map(len, columns), default=0) >= least:
        levels.append(_level(columns, numbers, least))
    return HeapPlan(_staged(levels, 0, late), tuple(map(tuple, columns)), (0, 0), _luts(levels))


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


def _luts(levels: Sequence[tuple[Counter, ...]]) -> int:
    return sum(2 if len(c.taken) > 3 else 1 for level in levels for c in level)


def _plan(heights: tuple[int, ...], width: int, constant: int, late: bool) -> HeapPlan:
    columns, numbers = _columns(heights, width, constant)
    last = columns[-1] if columns else []
    inverted = ONE in last
    if inverted:  # no bit there, but a complement
        last.remove(ONE)
    choices = choose([len(c) for c in columns], inverted=inverted)
    levels = _counters(columns, numbers, choices)
    if inverted:
        columns[-1].append(ONE)
    chain, delay = _chain(columns)
    luts = chain[1] - chain[0] + _luts(levels)
    return HeapPlan(_staged(levels, delay, late), tuple(map(tuple, columns)), chain, luts)


def _counters(
    columns: list[list[int]], numbers: Iterator[int], choices: list[Choice]
) -> list[tuple[Counter, ...]]:
    """The counters chosen, by levels; each takes what is there first. Replaces the columns."""
    queues = [[(0, b == ONE, b) for b in column] for column in columns]
    for queue in queues:
        heapify(queue)
    made: list[list[Counter]] = []
    for c, choice in enumerate(choices):
        for kind in [k for k, n in zip(KINDS, choice, strict=True) for _ in range(n)]:
            took = [heappop(queues[c]) for _ in range(kind.takes)]
            above = [heappop(queues[c + 1])] if kind.above else []
            level = max(t for t, _, _ in (*took, *above)) + 1
            places = range(c, min(len(columns), c + (2 if kind.takes == 3 else 3)))
            outputs = tuple(next(numbers) for _ in places)
            for place, bit in zip(places, outputs, strict=True):
                heappush(queues[place], (level, False, bit))
            made += [[] for _ in range(level - len(made))]
            inputs = tuple(b for _, _, b in took)
            made[level - 1].append(Counter(c, inputs, outputs, tuple(b for _, _, b in above)))
    columns[:] = [[b for _, _, b in sorted(queue, key=lambda e: e[2])] for queue in queues]
    return [tuple(level) for level in made]


def _staged(levels: list, delay: int, late: bool) -> tuple:
    """Levels in stages of at most `LEVELS_PER_STAGE`, one less in the first where bits are
    ``late``, of which the chain takes ``delay``."""
    stages: list[tuple] = []
    room = LEVELS_PER_STAGE - late
    while len(levels) + delay > room:
        stages.append(tuple(levels[:room]))
        levels, room = levels[room:], LEVELS_PER_STAGE
    return (*stages, tuple(levels)) if levels or delay else tuple(stages)


def _level(columns: list[list[int]], numbers: Iterator[int], least: int) -> tuple[Counter, ...]:
    """One level of full counters of columns of ``least`` bits and more; replaces the columns."""
    counters: list[Counter] = []
    arriving: list[list[int]] = [[] for _ in columns]
    for k, bits in enumerate(columns):
        while len(bits) + len(arriving[k]) >= least and len(bits) >= least:
            size = 7 if len(bits) >= 7 else 3
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
        if k == low:  # one more bit enters at its end, maybe behind an inverter
            entry = sizes[k] > 2 + handed
    high = min(high + handed, len(columns))
    return (low, high + (high == top and ONE in columns[top])), 1 + ternary + entry


__all__ = ["LEVELS_PER_STAGE", "ONE", "Counter", "HeapPlan", "hands_on", "heap_plan"]
