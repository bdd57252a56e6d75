"""How many counters each column of a heap takes, in front of a carry chain of three bits a column.

A shortest path over the columns, from the lowest up: its state is what the counters so far hand to
the next two columns, and whether the chain has begun there. So the choice is the cheapest of all,
but for columns much higher than seven bits, of which only choices of nearly as many counters of
seven bits as there can be are tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import TypeAlias

from .compress import KINDS

Choice: TypeAlias = tuple[int, ...]
"""How many of each of `KINDS` a column takes."""

Option: TypeAlias = tuple[int, tuple[int, int, int], Choice]
"""Cost; the bits left, and those handed to the next two columns; what it takes."""

State: TypeAlias = tuple[int, int, int]
"""Bits that come to this column and to the next, and how far the chain is."""

_NONE, _ON, _HANDED, _OVER = range(4)
"""The chain has not begun; it goes on; its LUT below hands on a majority besides; it has ended."""

LUT, PLAIN = 4, 3
"""Costs of a LUT of two outputs, and of a place of the chain that needs one output of its LUT: a
small one is left there, which may share with others."""

_MOST = (0, 1, 3, 1, 3)
ABOVE = max(_MOST)


def hands_on(bits: int, handed: bool, *, lowest: bool) -> bool:
    """Whether a column of the chain needs its LUT's second output: the majority of three bits.

    One bit goes into the LUT, one beside it (what the column below ``handed`` on, if it did), and
    in the lowest column one into the chain's end; of more, three are added by the LUT.
    """
    return bits > 2 + lowest - handed


def choose(heights: Sequence[int], *, inverted: bool) -> list[Choice]:
    """What each column takes, for the least cost.

    A column keeps at most three bits, the lowest of the chain four. ``inverted``: the highest one,
    whose carry is dropped, is complemented besides, in a LUT of the chain.
    """
    paths: dict[State, tuple[int, tuple[Choice, ...]]] = {(0, 0, _NONE): (0, ())}
    for c, height in enumerate(heights):
        found: dict[State, tuple[int, tuple[Choice, ...]]] = {}
        last = c == len(heights) - 1
        for (here, above, chain), (cost, path) in paths.items():
            for more, (left, one, two), choice in _options(
                height + here,
                0 if last else min(heights[c + 1] + above, ABOVE),
                4 if chain == _NONE else 3,
            ):
                for then, places in _places(chain, left, inverted and last):
                    state, total = (above + one, two, then), cost + more + places
                    if state not in found or total < found[state][0]:
                        found[state] = (total, (*path, choice))
        paths = _undominated(found)
    return list(min(paths.values())[1])


def _places(chain: int, left: int, flips: bool) -> list[tuple[int, int]]:
    """How far the chain is behind a column of ``left`` bits, and what its place there costs."""
    if chain == _NONE:
        if left <= 1:
            return [(_NONE, LUT if left and flips else 0)]
        return [(_HANDED, LUT)] if left > 3 else [(_ON, LUT if left > 2 else PLAIN)]
    if chain == _OVER:
        return [(_OVER, 0)] if left == 0 else []
    handed = chain == _HANDED
    hands = hands_on(left, handed, lowest=False)
    on = [(_HANDED if hands else _ON, LUT if hands else PLAIN)]
    return [*on, (_OVER, 0)] if left == 0 and not handed and not flips else on


@cache
def _options(height: int, above: int, most: int) -> tuple[Option, ...]:
    """What a column of ``height`` bits, with ``above`` in the next, takes to keep ``most``."""
    found: dict[tuple[int, int, int], tuple[int, Choice]] = {}
    sevens = max(0, (height - 1) // 6)
    for choice in product(
        range(max(0, sevens - 2), sevens + 1), *(range(n + 1) for n in _MOST[1:])
    ):
        left = height - sum(n * (k.takes - 1) for n, k in zip(choice, KINDS, strict=True))
        if not 0 <= left <= most or choice[2] > above or not _served(height, choice):
            continue
        cost = LUT * sum(n * k.luts for n, k in zip(choice, KINDS, strict=True))
        up = [sum(n * k.up[j] for n, k in zip(choice, KINDS, strict=True)) for j in range(2)]
        key = (left, up[0], up[1])
        if key not in found or cost < found[key][0]:
            found[key] = (cost, choice)
    kept: list[Option] = []
    for cost, key, choice in sorted((c, k, choice) for k, (c, choice) in found.items()):
        if not any(all(a <= b for a, b in zip(k, key, strict=True)) for _, k, _ in kept):
            kept.append((cost, key, choice))
    return tuple(kept)


def _served(height: int, choice: Choice) -> bool:
    """Whether each counter, in order, still finds the bits it takes."""
    for kind, times in zip(KINDS, choice, strict=True):
        for _ in range(times):
            if height < kind.takes:
                return False
            height -= kind.takes - 1
    return True


def _undominated(found: dict) -> dict:
    """Without the states that hand up no less than another of the same chain and cost no less."""
    kept: dict = {}
    for state, value in sorted(found.items(), key=lambda e: (e[1][0], e[0])):
        if not any(s[2] == state[2] and s[0] <= state[0] and s[1] <= state[1] for s in kept):
            kept[state] = value
    return kept


__all__ = ["Choice", "choose", "hands_on"]
