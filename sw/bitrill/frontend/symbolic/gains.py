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

from ...exact import Real, floor, sign
from ...ir import Function, IntType
from .refusal import RefusedError

PAIRS = 1 << 20
"""Largest number of value pairs of two operands that are sorted."""

PLACES = 192
"""Binary places to which an irrational ratio of scales is known."""

ROUNDED = 33
"""Largest error of a sum's key with such a ratio, a power of two: values have at most 32 bits."""

UNIT_BITS = 256
"""Bits of the integers in the ratio of two scales; there is one sum of such for each pair."""

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
    if n_pairs > PAIRS or max(map(abs, units)).bit_length() > UNIT_BITS:
        return None
    a, b = (v.reshape(-1) for v in np.meshgrid(*(t.values() for t in types), indexing="ij"))
    keys = units[0] * a.astype(object) + units[1] * b.astype(object)
    order = np.argsort(keys, kind="stable")
    a, b, keys = a[order], b[order], keys[order]
    if units[0] == 1 << PLACES and (np.diff(keys) <= 1 << ROUNDED).any():
        return None  # sums so close that rounded units do not tell their order

    def total(place: int) -> Real:
        return scales[0] * int(a[place]) + scales[1] * int(b[place])

    rows = [_places(function, c, total, len(keys)) for c in range(function.n_channels)]
    cuts = np.unique(np.concatenate([places for places, _ in rows]))
    cuts = cuts[(cuts > 0) & (cuts < len(keys))]
    gains = _smallest(a, b, cuts, units)
    if gains is None:
        return None
    sums = gains[0] * a + gains[1] * b
    above = np.append(np.minimum.accumulate(sums[::-1])[::-1], sums.max() + 1)
    return gains, np.array([above[p] for p, _ in rows]), np.array([i for _, i in rows])


def _units(sa: Real, sb: Real) -> tuple[int, int]:
    """Return integers in the ratio of the scales, the first above 0; rounded if it is irrational.

    The first is then ``2**PLACES``, and sums of two types differ by more than ``2**ROUNDED`` from
    the real ones in no case.
    """
    ratio = sb / sa
    if isinstance(ratio, Fraction):
        return ratio.denominator, ratio.numerator
    return 1 << PLACES, floor(ratio * (1 << PLACES))


def _places(
    function: Function, channel: int, total: Callable[[int], Real], n: int
) -> tuple[np.ndarray, bool]:
    """Return the places in the order at which the level becomes 1, 2, .. N; whether it falls.

    ``total``: the real sum at each of ``n`` places.
    """
    out = function.quantizer.type
    n_levels, flip = out.n_values - 1, False

    def count(place: int) -> int:
        q = function(total(place), channel)
        level = int(out.coding.rank(np.array(q)))
        return n_levels - level if flip else level

    # keys ascend, their reals fall where the first scale is negative: the ends show both together
    flip = count(0) > count(n - 1)
    places = np.full(n_levels, n)
    _bisect(count, 0, n - 1, places)
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
