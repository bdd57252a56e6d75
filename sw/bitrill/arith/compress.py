"""Compressor trees: which counters turn a heap of bits into the rows that a carry chain adds.

Three kinds, by what they take of a column and what they cost in 6-input LUTs:

- a counter of up to seven bits, ``7:3``, or of five and one of the next column, ``(1,5;3)``: two
  LUTs and two places of a carry chain. Seven bits become three, so half a LUT a bit removed.
- a full adder: one LUT of two outputs.

How many of each a column takes depends on its height and on what the columns below hand up, so
the cheapest choice is a shortest path over the columns, found exactly (`_choose`). Which bits each
counter takes is settled afterwards: those that arrive first (`compress`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import product


@dataclass(frozen=True)
class Counter:
    """``inputs``: bits of weight ``2**column``; ``above``: at most one of the next column.

    ``outputs``: bits of weight ``2**column``, ``2**(column + 1)``, ..; those past the width are
    left out. ``luts``: physical LUTs on parts with LUT6_2 and carry chains.
    """

    column: int
    inputs: tuple[int, ...]
    above: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def luts(self) -> int:
        return 1 if len(self.inputs) + len(self.above) <= 3 else 2


@dataclass(frozen=True)
class Kind:
    """``takes`` bits of a column and ``above`` of the next; ``luts`` physical LUTs."""

    takes: int
    above: int
    luts: int

    @property
    def up(self) -> tuple[int, int]:
        """How many more bits the next two columns hold then."""
        return (1, 0) if self.takes == 3 else (1 - self.above, 1)


SEVEN, SIX, FIVE_ONE, FIVE, THREE = KINDS = (
    Kind(7, 0, 2),
    Kind(6, 0, 2),
    Kind(5, 1, 2),
    Kind(5, 0, 2),
    Kind(3, 0, 1),
)
_MOST = (0, 1, 3, 1, 3)
"""How many of each kind are tried in a column; of `SEVEN`, the most that there can be."""

Choice = tuple[int, ...]
"""How many of each of `KINDS`."""


def compress(
    heap: Sequence[Sequence[tuple[int, int]]],
    *,
    room: Sequence[int],
    first: int,
    adders: bool = False,
) -> tuple[list[tuple[int, Counter]], list[list[int]]]:
    """``(level, counter)`` in order, and the bits that are left: at most ``room[c]`` of a column.

    ``heap``: for each column ``(level, bit)``: after how many levels of counters the bit is there.
    Carries out of the last column are dropped. ``first``: the number of the first new bit.
    ``adders``: full adders alone, for LUTs of four inputs: two of those each, one level.
    """
    width = len(heap)
    queues = [list(column) for column in heap]
    for queue in queues:
        heapify(queue)
    counters: list[tuple[int, Counter]] = []
    choose = _adders if adders else _choose
    for c, choice in enumerate(choose([len(q) for q in queues], room)):
        for kind in [k for k, n in zip(KINDS, choice, strict=True) for _ in range(n)]:
            took = [heappop(queues[c]) for _ in range(kind.takes)]
            above = [heappop(queues[c + 1])] if kind.above else []
            level = max(t for t, _ in (*took, *above)) + 1
            places = range(c, min(width, c + (2 if kind.takes == 3 else 3)))
            outputs = tuple(first + k for k in range(len(places)))
            first += len(places)
            for place, bit in zip(places, outputs, strict=True):
                heappush(queues[place], (level, bit))
            inputs = tuple(b for _, b in took)
            counters.append((level, Counter(c, inputs, tuple(b for _, b in above), outputs)))
    left = [[b for _, b in sorted(q, key=lambda e: e[1])] for q in queues]
    return sorted(counters, key=lambda e: e[0]), left


def _adders(heights: Sequence[int], room: Sequence[int]) -> list[Choice]:
    """As `_choose`, of full adders: as few as each column needs, so the fewest of all."""
    found: list[Choice] = []
    carries = 0
    for height, most in zip(heights, room, strict=True):
        carries = max(0, -((most - height - carries) // 2))
        found.append((0, 0, 0, 0, carries))
    return found


def _choose(heights: Sequence[int], room: Sequence[int]) -> list[Choice]:
    """How many counters of each kind every column takes: the least LUTs, then fewest counters."""
    paths: dict[tuple[int, int], tuple[tuple[int, int], tuple[Choice, ...]]] = {
        (0, 0): ((0, 0), ())
    }
    for c, height in enumerate(heights):
        found: dict[tuple[int, int], tuple[tuple[int, int], tuple[Choice, ...]]] = {}
        for (here, above), ((luts, n), path) in paths.items():
            higher = heights[c + 1] + above if c + 1 < len(heights) else 0
            for choice in _choices(height + here, higher, room[c]):
                up = [0, 0]
                cost = [luts, n]
                for kind, times in zip(KINDS, choice, strict=True):
                    up[0] += times * kind.up[0]
                    up[1] += times * kind.up[1]
                    cost[0] += times * kind.luts
                    cost[1] += times
                state, total = (above + up[0], up[1]), (cost[0], cost[1])
                if state not in found or total < found[state][0]:
                    found[state] = (total, (*path, choice))
        paths = _undominated(found)
    return list(min(paths.values())[1])


def _undominated(found: dict) -> dict:
    """Without the states that hand up no less than another and cost no less."""
    kept: dict = {}
    for state, value in sorted(found.items(), key=lambda e: (e[1][0], e[0])):
        if not any(s[0] <= state[0] and s[1] <= state[1] for s in kept):
            kept[state] = value
    return kept


def _choices(height: int, above: int, room: int) -> Iterator[Choice]:
    """Choices that leave at most ``room`` bits of ``height``, where they can be had in order."""
    most = max(0, (height - 1) // 6)
    for sevens in range(max(0, most - 2), most + 1):
        for rest in product(*(range(n + 1) for n in _MOST[1:])):
            choice = (sevens, *rest)
            left = _left(height, above, choice)
            if left is not None and left <= room:
                yield choice


def _left(height: int, above: int, choice: Choice) -> int | None:
    """Bits of the column behind the counters; None where they find too few."""
    for kind, times in zip(KINDS, choice, strict=True):
        for _ in range(times):
            if height < kind.takes or above < kind.above:
                return None
            height -= kind.takes - 1
    return height


__all__ = ["Counter", "Kind", "compress"]
