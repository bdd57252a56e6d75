"""Chooses how many counters each column of a bit heap gets, for the lowest cost in LUTs.

The choice is a shortest path over the columns, from the lowest up, and includes the adder after
the counters. Its state is the number of bits that the counters so far add to the next two columns,
and the state of the adder. The result is the cheapest of all choices, except for columns much
higher than seven bits, where only choices with nearly the most 7:3 counters are tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple, Protocol, TypeAlias

from .compress import FIVE_ONE, KINDS, SEVEN, Choice

LUT, PLAIN = 4, 3
"""Costs of a LUT of two outputs, and of a place of a chain that needs only one output of its LUT.

The second is cheaper since synthesis may pair such a small LUT with another.
"""

_MOST = (0, 1, 3, 1, 3)
"""Most counters of each kind that are tried in a column; of 7:3 up to as many as fit are tried."""

ABOVE = 1
"""Bits of the next column that matter: a counter that removes one also adds one."""

FIVE_ONES = KINDS.index(FIVE_ONE)


class Adder(Protocol):
    """The adder after the counters: how many bits of each column it adds, and at what cost."""

    def room(self, column: int, state: int) -> int:
        """The most bits that a column may keep; ``state``: the adder's below it, 0 at first."""
        ...

    def places(self, bits: int, state: int, *, last: bool) -> Sequence[tuple[int, int]]:
        """Possible ``(state, cost)`` after a column that keeps ``bits``; ``last``: the top one."""
        ...


@dataclass(frozen=True)
class AdderRows:
    """An adder that takes two bits of every column, and ``lowest`` of the first one, at no cost."""

    lowest: int

    def room(self, column: int, state: int) -> int:
        return 2 if column else self.lowest

    def places(self, bits: int, state: int, *, last: bool) -> Sequence[tuple[int, int]]:
        return ((0, 0),)


_NONE, _ON, _HANDED, _OVER = range(4)
"""States of a `ColumnChain`: not begun; going on; going on with a majority from below; finished."""


@dataclass(frozen=True)
class ColumnChain:
    """A carry chain that adds three bits a column, and four in its lowest one.

    It spans only the columns that need it. ``inverted``: a LUT also complements the top column,
    whose carry is dropped.
    """

    inverted: bool

    def room(self, column: int, state: int) -> int:
        return 4 if state == _NONE else 3

    def places(self, bits: int, state: int, *, last: bool) -> Sequence[tuple[int, int]]:
        flips = self.inverted and last
        if state == _NONE:
            if bits <= 1:
                return [(_NONE, LUT if bits and flips else 0)]
            return [(_HANDED, LUT)] if bits > 3 else [(_ON, LUT if bits > 2 else PLAIN)]
        if state == _OVER:
            return [(_OVER, 0)] if bits == 0 else []
        handed = state == _HANDED
        hands = hands_on(bits, handed, lowest=False)
        on = [(_HANDED if hands else _ON, LUT if hands else PLAIN)]
        return [*on, (_OVER, 0)] if bits == 0 and not handed and not flips else on


def hands_on(bits: int, handed: bool, *, lowest: bool) -> bool:
    """Return whether a column of the chain uses the second output of its LUT, the majority.

    The chain adds two bits of a column: one through the LUT, one beside it, which is the majority
    from the column below if that column passed one on (``handed``). The lowest column also has the
    chain's carry in. If the column has more bits than these, its LUT adds three of them.
    """
    return bits > 2 + lowest - handed


class ColumnOption(NamedTuple):
    """A choice of counters for a column, with their cost and number.

    ``kept``: bits that remain in the column; ``up``: bits for each of the next two columns.
    """

    cost: int
    counters: int
    kept: int
    up: tuple[int, int]
    choice: Choice


Path: TypeAlias = tuple[tuple[int, int], tuple[Choice, ...]]
"""Cost and number of counters up to a column, and the choice of each column."""


def choose(heights: Sequence[int], adder: Adder, *, full_adders: bool = False) -> list[Choice]:
    """The counters of each column, for the least cost; of equal costs, the fewest counters.

    ``full_adders``: use full adders only, which suit LUTs of four inputs: two LUTs, one level.
    """
    paths: dict[tuple[int, int, int], Path] = {(0, 0, 0): ((0, 0), ())}
    for c, height in enumerate(heights):
        last = c == len(heights) - 1
        reached: dict[tuple[int, int, int], Path] = {}
        for (here, above, state), ((cost, counters), path) in paths.items():
            following = 0 if last else min(heights[c + 1] + above, ABOVE)
            room = adder.room(c, state)
            for option in _options(height + here, following, room, full_adders):
                for then, place in adder.places(option.kept, state, last=last):
                    key = (above + option.up[0], option.up[1], then)
                    total = (cost + option.cost + place, counters + option.counters)
                    if key not in reached or total < reached[key][0]:
                        reached[key] = (total, (*path, option.choice))
        paths = _undominated(reached)
    return list(min(paths.values())[1])


@cache
def _options(height: int, above: int, room: int, full_adders: bool) -> tuple[ColumnOption, ...]:
    """Choices for ``height`` bits, ``above`` in the next column, that keep at most ``room``."""
    if full_adders:
        adders = max(0, -((room - height) // 2))
        return (_option(height, (0,) * (len(KINDS) - 1) + (adders,)),)
    sevens = max(0, (height - 1) // (SEVEN.takes - 1))
    tried = product(range(max(0, sevens - 2), sevens + 1), *(range(n + 1) for n in _MOST[1:]))
    options = [
        option
        for choice in tried
        if 0 <= (option := _option(height, choice)).kept <= room
        and (above or not choice[FIVE_ONES])
        and _served(height, choice)
    ]
    best: list[ColumnOption] = []
    for option in sorted(options, key=lambda o: (o.cost, o.counters, o.up)):
        sizes = (option.kept, *option.up)
        if not any(_least((o.kept, *o.up), sizes) for o in best):
            best.append(option)
    return tuple(sorted(best, key=lambda o: o.choice))


def _option(height: int, choice: Choice) -> ColumnOption:
    """A choice with its cost and effect."""
    cost, removed, up = _effect(choice)
    return ColumnOption(cost, sum(choice), height - removed, up, choice)


@cache
def _effect(choice: Choice) -> tuple[int, int, tuple[int, int]]:
    """Cost of a choice, bits that it removes, and bits for each of the next two columns."""
    taken = [(n, kind) for n, kind in zip(choice, KINDS, strict=True) if n]
    cost = LUT * sum(n * kind.luts for n, kind in taken)
    removed = sum(n * (kind.takes - 1) for n, kind in taken)
    up = sum(n * kind.up[0] for n, kind in taken), sum(n * kind.up[1] for n, kind in taken)
    return cost, removed, up


def _served(height: int, choice: Choice) -> bool:
    """Whether each counter, in order, has enough inputs: bits of the column or earlier outputs."""
    for kind, times in zip(KINDS, choice, strict=True):
        height -= times * (kind.takes - 1)
        if times and height < 1:
            return False
    return True


def _undominated(paths: dict[tuple[int, int, int], Path]) -> dict[tuple[int, int, int], Path]:
    """The paths that no other path beats.

    A path beats another if the adder's state is the same, and it adds no more bits to the columns
    above and costs no more.
    """
    kept: dict[tuple[int, int, int], Path] = {}
    for state, path in sorted(paths.items(), key=lambda e: (e[1][0], e[0])):
        if not any(s[2] == state[2] and _least(s[:2], state[:2]) for s in kept):
            kept[state] = path
    return kept


def _least(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether ``one`` is nowhere greater than ``other``."""
    return all(a <= b for a, b in zip(one, other, strict=True))
