"""Compressor trees: counters that turn a heap of bits into the rows that a carry chain adds.

The counters, with the bits that they add and their cost in 6-input LUTs:

- a counter of up to seven bits, ``7:3``, or of five and one of the next column, ``(1,5;3)``: two
  LUTs and two places of a carry chain. Seven bits become three, so half a LUT a bit removed.
- a full adder: one LUT of two outputs.

`columns.choose` decides how many of each kind a column gets. `compress` decides which bits each
counter adds: those that arrive first. Every sum of the project is compressed here, for a step of a
folded unit (`accumulate`, `dsp_packing`, `bitserial`) and for an unrolled matrix (`heaps`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TypeAlias

ONE = -1
"""The bit that is always 1."""


@dataclass(frozen=True)
class Compressor:
    """One counter of a tree; bits are referred to by number.

    ``inputs``: bits of weight ``2**column``; ``above``: at most one of the next column.
    ``outputs``: bits of weight ``2**column``, ``2**(column + 1)``, ..; those past the width are
    left out.
    """

    column: int
    inputs: tuple[int, ...]
    above: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def taken(self) -> tuple[int, ...]:
        """Numbers of all bits that it adds."""
        return self.inputs + self.above

    @property
    def luts(self) -> int:
        """Physical LUTs on parts with LUT6_2 and carry chains."""
        return 1 if len(self.taken) <= 3 else 2


@dataclass(frozen=True)
class Kind:
    """A kind of counter: of ``takes`` bits of a column and ``above`` of the next; ``luts`` LUTs."""

    takes: int
    above: int
    luts: int

    @property
    def up(self) -> tuple[int, int]:
        """The number of bits that it adds to each of the next two columns."""
        return (1, 0) if self.takes == 3 else (1 - self.above, 1)


SEVEN, SIX, FIVE_ONE, FIVE, THREE = KINDS = (
    Kind(7, 0, 2),
    Kind(6, 0, 2),
    Kind(5, 1, 2),
    Kind(5, 0, 2),
    Kind(3, 0, 1),
)

Choice: TypeAlias = tuple[int, ...]
"""The number of counters of each of `KINDS` in one column."""

Level: TypeAlias = tuple[Compressor, ...]
"""Counters that work in parallel."""


def compress(
    heap: Sequence[Sequence[tuple[int, int]]], choices: Sequence[Choice], *, first: int
) -> tuple[list[Level], list[tuple[int, ...]]]:
    """Place the counters of ``choices`` in levels; also return the bits that remain in each column.

    ``heap``: for each column pairs ``(level, bit)``: the level of counters after which a bit is
    available.
    Carries out of the last column are dropped. ``first``: the number of the first new bit.
    """
    numbers = count(first)
    queues = [[(level, bit == ONE, bit) for level, bit in column] for column in heap]
    for queue in queues:
        heapify(queue)
    levels: list[list[Compressor]] = []
    for c, choice in enumerate(choices):
        queue = queues[c]
        for kind in [k for k, n in zip(KINDS, choice, strict=True) for _ in range(n)]:
            taken = [heappop(queue) for _ in range(kind.takes)]
            above = [heappop(queues[c + 1])] if kind.above else []
            level = max(taken[-1][0], above[0][0] if above else 0) + 1  # they come in order
            places = queues[c : c + (2 if kind.takes == 3 else 3)]
            outputs = tuple([next(numbers) for _ in places])
            for place, bit in zip(places, outputs, strict=True):
                heappush(place, (level, False, bit))
            levels += [[] for _ in range(level - len(levels))]
            inputs = tuple([b for _, _, b in taken])
            levels[level - 1].append(Compressor(c, inputs, tuple([b for *_, b in above]), outputs))
    remaining = [tuple(sorted(b for *_, b in queue)) for queue in queues]
    return [tuple(level) for level in levels], remaining


def staged(
    levels: Sequence[Level], *, first: int, each: int, after: int = 0
) -> tuple[tuple[Level, ...], ...]:
    """Group levels into stages between registers: ``first`` in the first stage, then ``each``.

    ``after``: levels of a carry chain for which the last stage must also have room.
    """
    stages: list[tuple[Level, ...]] = []
    rest, room = tuple(levels), first
    while len(rest) + after > room:
        stages.append(rest[:room])
        rest, room = rest[room:], each
    return (*stages, rest) if rest or after else tuple(stages)
