"""How many counters each column of a heap takes: the cheapest choice, with the adder behind them.

A shortest path over the columns, from the lowest up. Its state is the number of bits that the
counters so far hand to the next two columns, and the state of the adder. So the choice is the
cheapest of all, except for columns much higher than seven bits, of which only choices of nearly as
many counters of seven bits as there can be are tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple, Protocol, TypeAlias

from .compress import KINDS, SEVEN, Choice

LUT, PLAIN = 4, 3
"""Costs of a LUT of two outputs, and of a place of a chain that needs one output of its LUT.

A small LUT is left there, which may share with others.
"""

_MOST = (0, 1, 3, 1, 3)
"""How many of each kind are tried in a column; of seven bits, the most that there can be."""

ABOVE = max(_MOST)


class Adder(Protocol):
    """The adder behind the counters: how many bits it takes of each column, and what that costs."""

    def room(self, column: int, state: int) -> int:
        """The most bits that a column may keep; ``state``: of the adder below it, first 0."""
        ...

    def places(self, bits: int, state: int, *, last: bool) -> Sequence[tuple[int, int]]:
        """States behind a column that keeps ``bits``, each with its cost; ``last``: the top one."""
        ...


@dataclass(frozen=True)
class Rows:
    """An adder of two rows in every column, and of ``lowest`` bits in the first one, at no cost."""

    lowest: int

    def room(self, column: int, state: int) -> int:
        return 2 if column else self.lowest

    def places(self, bits: int, state: int, *, last: bool) -> Sequence[tuple[int, int]]:
        return ((0, 0),)


_NONE, _ON, _HANDED, _OVER = range(4)
"""The chain has not begun; it goes on; its LUT below hands on a majority besides; it has ended."""


@dataclass(frozen=True)
class Chain:
    """A carry chain of three bits a column, and four in its lowest one, over the columns in need.

    ``inverted``: the top column, whose carry is dropped, is complemented besides, in a LUT.
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
    """Whether a column of the chain needs its LUT's second output: the majority of three bits.

    One bit goes into the LUT, one beside it (what the column below ``handed`` on, if it did), and
    in the lowest column one into the chain's end; of more, three are added by the LUT.
    """
    return bits > 2 + lowest - handed


class Option(NamedTuple):
    """What a column may take: its cost and number of counters, and the bits that it then has.

    ``kept``: bits of the column; ``up``: bits for each of the next two columns.
    """

    cost: int
    counters: int
    kept: int
    up: tuple[int, int]
    choice: Choice


Path: TypeAlias = tuple[tuple[int, int], tuple[Choice, ...]]
"""Cost and number of counters up to a column, and what each column takes."""


def choose(heights: Sequence[int], adder: Adder, *, full_adders: bool = False) -> list[Choice]:
    """What each column takes, for the least cost; of equal costs, the fewest counters.

    ``full_adders``: those alone, as suits LUTs of four inputs: two of them each, one level.
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
def _options(height: int, above: int, room: int, full_adders: bool) -> tuple[Option, ...]:
    """What a column of ``height`` bits, with ``above`` in the next, takes to keep ``room``."""
    if full_adders:
        adders = max(0, -((room - height) // 2))
        return (_option(height, (0,) * (len(KINDS) - 1) + (adders,)),)
    sevens = max(0, (height - 1) // (SEVEN.takes - 1))
    tried = product(range(max(0, sevens - 2), sevens + 1), *(range(n + 1) for n in _MOST[1:]))
    options = [
        option
        for choice in tried
        if 0 <= (option := _option(height, choice)).kept <= room
        and choice[2] <= above
        and _served(height, choice)
    ]
    best: list[Option] = []
    for option in sorted(options, key=lambda o: (o.cost, o.counters, o.up)):
        sizes = (option.kept, *option.up)
        if not any(_least((o.kept, *o.up), sizes) for o in best):
            best.append(option)
    return tuple(sorted(best, key=lambda o: o.choice))


def _option(height: int, choice: Choice) -> Option:
    """A choice with its cost and effect."""
    taken = [(n, kind) for n, kind in zip(choice, KINDS, strict=True) if n]
    cost = LUT * sum(n * kind.luts for n, kind in taken)
    kept = height - sum(n * (kind.takes - 1) for n, kind in taken)
    up = sum(n * kind.up[0] for n, kind in taken), sum(n * kind.up[1] for n, kind in taken)
    return Option(cost, sum(choice), kept, up, choice)


def _served(height: int, choice: Choice) -> bool:
    """Whether each counter, in order, still finds the bits it takes."""
    for kind, times in zip(KINDS, choice, strict=True):
        for _ in range(times):
            if height < kind.takes:
                return False
            height -= kind.takes - 1
    return True


def _undominated(paths: dict[tuple[int, int, int], Path]) -> dict[tuple[int, int, int], Path]:
    """The paths without those that another one beats.

    One beats another where the adder is in the same state, it hands up no more, and costs no more.
    """
    kept: dict[tuple[int, int, int], Path] = {}
    for state, path in sorted(paths.items(), key=lambda e: (e[1][0], e[0])):
        if not any(s[2] == state[2] and _least(s[:2], state[:2]) for s in kept):
            kept[state] = path
    return kept


def _least(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether ``one`` is nowhere greater than ``other``."""
    return all(a <= b for a, b in zip(one, other, strict=True))
