"""Finds integer multipliers for a sum of tensors with unlike scales.

A quantizer f after the sum needs only its own decisions to be correct: ``f(sa * a + sb * b)`` must
follow from ``p * a + q * b`` for all integers a and b of two types. All pairs (a, b) are sorted by
the real sum, exactly; f changes its value at few places in that order. Multipliers (p, q) are good
if at each such place every integer sum before it is smaller than every sum after it; a threshold is
put between them. The search returns the smallest such multipliers. The same is done for more
operands.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import prod

import numpy as np

from ...exact import Real, common_denominator, floor, sign
from ...ir import WIDEST, Function, IntType
from .refusal import RefusedError

PAIRS = 1 << 20
"""Largest number of combinations of the operands' values that can be sorted."""

PLACES = 192
"""Binary places to which an irrational ratio of scales is known."""

ROUNDED = WIDEST + 1
"""Largest error of a sum's key with such a ratio, as a power of two: values have `WIDEST` bits."""

UNIT_BITS = 256
"""Bits of the integers that express the ratio of the scales; each pair has a sum of these."""

LARGEST = 1 << 15
"""Bound of the multipliers, exclusive, as in `bitrill.ops.Add`."""

EFFORT = 1 << 28
"""Largest number of sums computed in one search, which takes a few seconds."""

Thresholds = tuple[tuple[int, ...], np.ndarray, np.ndarray]
"""``(multipliers, thresholds [C, N], inverted [C])``: those of the sum, and of a `Threshold`."""


def thresholds_of_sum(
    function: Function, scales: tuple[Real, ...], types: tuple[IntType, ...]
) -> Thresholds | None:
    """Return the smallest multipliers and their thresholds, or None if the search fails."""
    if not function.is_monotone:
        raise RefusedError("a function that rises and falls must not follow a sum of unlike scales")
    units = _units(scales)
    if combinations(types) > PAIRS or max(map(abs, units)).bit_length() > UNIT_BITS:
        return None
    grid = np.meshgrid(*(t.values() for t in types), indexing="ij")
    values = np.array([v.reshape(-1) for v in grid])
    keys = np.array(units, object) @ values.astype(object)
    order = np.argsort(keys, kind="stable")
    values, keys = values[:, order], keys[order]
    close = (len(types) - 1) << ROUNDED
    if units[0] == 1 << PLACES and (np.diff(keys) <= close).any():
        return None  # sums are so close that rounded units do not determine their order

    def total(place: int) -> Real:
        parts = (s * int(v) for s, v in zip(scales, values[:, place].tolist(), strict=True))
        return sum(parts, Fraction(0))

    rows = [_places(function, c, total, len(keys)) for c in range(function.n_channels)]
    cuts = np.unique(np.concatenate([places for places, _ in rows]))
    cuts = cuts[(cuts > 0) & (cuts < len(keys))]
    gains = _smallest(values, cuts, units)
    if gains is None:
        return None
    sums = np.array(gains) @ values
    above = np.append(np.minimum.accumulate(sums[::-1])[::-1], sums.max() + 1)
    return gains, np.array([above[p] for p, _ in rows]), np.array([i for _, i in rows])


def combinations(types: tuple[IntType, ...]) -> int:
    """Return the number of combinations of values, one of each type."""
    return prod(t.n_values for t in types)


def _units(scales: tuple[Real, ...]) -> tuple[int, ...]:
    """Return integers in the ratio of the scales, the first above 0; rounded if it is irrational.

    The first is then ``2**PLACES``, and sums of n types differ from the real ones by at most
    ``(n - 1) * 2**ROUNDED``.
    """
    ratios = [s / scales[0] for s in scales]
    rational = [r for r in ratios if isinstance(r, Fraction)]
    if len(rational) == len(ratios):
        common = common_denominator(rational)
        return tuple(int(r * common) for r in rational)
    return tuple(floor(r * (1 << PLACES)) for r in ratios)


def _places(
    function: Function, channel: int, total: Callable[[int], Real], n: int
) -> tuple[np.ndarray, bool]:
    """Return the places at which the level becomes 1, 2, .. N, and whether it falls.

    ``total``: the real sum at each of ``n`` places.
    """
    out = function.quantizer.type
    n_levels, flip = out.n_values - 1, False

    def count(place: int) -> int:
        q = function(total(place), channel)
        level = int(out.coding.rank(np.array(q)))
        return n_levels - level if flip else level

    # keys ascend; their real sums fall if the first scale is negative: compare both ends
    flip = count(0) > count(n - 1)
    places = np.full(n_levels, n)
    _bisect(count, 0, n - 1, places)
    return places, flip


def _bisect(count: Callable[[int], int], first: int, last: int, places: np.ndarray) -> None:
    """Fill in the first place of each count from 1 on; ``count`` never decreases."""
    known = {first: count(first), last: count(last)}
    places[: known[first]] = first
    parts = [(first, last)]
    while parts:
        low, high = parts.pop()
        if known[low] == known[high]:
            continue
        if high - low == 1:
            places[known[low] : known[high]] = high
            continue
        middle = (low + high) // 2
        known[middle] = count(middle)
        parts += [(low, middle), (middle, high)]


def _smallest(
    values: np.ndarray, cuts: np.ndarray, units: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Return the smallest multipliers that keep the cuts, or None; ``values``: one row each."""
    sizes = [abs(u) for u in units]
    large, n = max(sizes), len(units)
    first = sizes.index(large)
    tries = EFFORT // ((1 << (n - 1)) * values.shape[1])
    for p in range(1, min(LARGEST, tries)):
        near = [p * s // large for s in sizes]
        choices = [{p} if k == first else {max(v, 1), v + 1} for k, v in enumerate(near)]
        for chosen in product(*choices):
            gains = tuple(g * sign(u) for g, u in zip(chosen, units, strict=True))
            if _keeps(np.array(gains) @ values, cuts):
                return gains
    return None


def _keeps(sums: np.ndarray, cuts: np.ndarray) -> bool:
    """Return whether at each cut all sums before it are smaller than all sums after it."""
    before = np.maximum.accumulate(sums)
    behind = np.minimum.accumulate(sums[::-1])[::-1]
    return bool(np.all(before[cuts - 1] < behind[cuts]))
