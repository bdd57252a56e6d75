"""Integer multipliers for a sum of two tensors with unlike scales.

A quantizer f behind the sum needs only its own decisions right: ``f(sa * a + sb * b)`` must follow
from ``p * a + q * b`` for all integers a and b of two types. All pairs (a, b) are sorted by the
real sum, exactly; f changes its value at few places of that order. Multipliers (p, q) will do if at
each such place every integer sum before it is smaller than every one behind it; a threshold lies
between. The smallest such multipliers are searched for.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from ...exact import Real, sign
from ...ir import Function, IntType
from .refusal import RefusedError

PAIRS = 1 << 20
"""Largest number of value pairs of two operands that are sorted."""

LARGEST = 1 << 15
"""Bound of the multipliers, exclusive: what `bitrill.ops.Add` takes."""

EFFORT = 1 << 28
"""Largest number of sums computed in one search, which takes a few seconds."""

Thresholds = tuple[tuple[int, int], np.ndarray, np.ndarray]
"""``((p, q), thresholds [C, N], inverted [C])``: multipliers, and a `Threshold` behind."""


def thresholds_of_sum(
    function: Function, scales: tuple[Real, Real], types: tuple[IntType, IntType]
) -> Thresholds | None:
    """Return the smallest multipliers and their thresholds, or None where the search fails."""
    if not function.is_monotone:
        raise RefusedError("a slope below 0 must not follow a sum of unlike scales")
    units = _units(*scales)
    n_pairs = types[0].n_values * types[1].n_values
    if units is None or n_pairs > PAIRS:
        return None
    a, b = (v.reshape(-1) for v in np.meshgrid(*(t.values() for t in types), indexing="ij"))
    keys = units[0] * a.astype(object) + units[1] * b.astype(object)
    order = np.argsort(keys, kind="stable")
    a, b, keys = a[order], b[order], keys[order]
    unit = scales[0] / units[0]
    rows = [_places(function, c, keys, unit) for c in range(function.n_channels)]
    cuts = np.unique(np.concatenate([places for places, _ in rows]))
    cuts = cuts[(cuts > 0) & (cuts < len(keys))]
    gains = _smallest(a, b, cuts, units)
    if gains is None:
        return None
    sums = gains[0] * a + gains[1] * b
    above = np.append(np.minimum.accumulate(sums[::-1])[::-1], sums.max() + 1)
    return gains, np.array([above[p] for p, _ in rows]), np.array([i for _, i in rows])


def _units(sa: Real, sb: Real) -> tuple[int, int] | None:
    """Return integers in the ratio of the scales, the first above 0; None if it is irrational."""
    ratio = sb / sa
    return (ratio.denominator, ratio.numerator) if isinstance(ratio, Fraction) else None


def _places(
    function: Function, channel: int, keys: np.ndarray, unit: Real
) -> tuple[np.ndarray, bool]:
    """Return the places in the order at which the level becomes 1, 2, .. N; whether it falls."""
    out = function.quantizer.type
    n_levels, flip = out.n_values - 1, False

    def count(place: int) -> int:
        q = function(unit * int(keys[place]), channel)
        level = int(out.coding.rank(np.array(q)))
        return n_levels - level if flip else level

    # keys ascend, their reals fall where the unit is negative: the ends show both together
    flip = count(0) > count(len(keys) - 1)
    places = np.full(n_levels, len(keys))
    _bisect(count, 0, len(keys) - 1, places)
    return places, flip


def _bisect(count: Callable[[int], int], first: int, last: int, places: np.ndarray) -> None:
    """Fill in the first place of each count from 1 on; ``count`` never falls."""
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
    a: np.ndarray, b: np.ndarray, cuts: np.ndarray, units: tuple[int, int]
) -> tuple[int, int] | None:
    """Return the smallest multipliers that keep the cuts, or None."""
    large, small = max(map(abs, units)), min(map(abs, units))
    turned = abs(units[1]) > abs(units[0])
    down = sign(units[1])
    for p in range(1, min(LARGEST, EFFORT // (2 * len(a)))):
        near = p * small // large
        for q in {max(near, 1), near + 1}:
            pair = (q, p * down) if turned else (p, q * down)
            if _keeps(pair[0] * a + pair[1] * b, cuts):
                return pair
    return None


def _keeps(sums: np.ndarray, cuts: np.ndarray) -> bool:
    """Whether at each cut all sums before it are smaller than all sums behind it."""
    before = np.maximum.accumulate(sums)
    behind = np.minimum.accumulate(sums[::-1])[::-1]
    return bool(np.all(before[cuts - 1] < behind[cuts]))
