"""Lanes of a matrix for which no rate was asked."""

from __future__ import annotations

from math import log2

from ...ir import INTERVAL, divisors

STRAIGHT_ROWS = 16
"""Largest number of rows that a matrix computes at once, so that it reads its vector only once."""


WASTE = 8
"""How many times the lanes that the interval needs may be spent where divisors are scarce."""


def default_lanes(rows: int, cols: int, given: int | None) -> tuple[int, int]:
    """Return ``(pe, simd)``: the fewest lanes with an interval up to 64, as square as possible.

    ``given``: elements of a beat of the operand, None if this matrix chooses. For 784-64-64-64-10
    the results are (16, 49), (8, 8), (8, 8), (10, 8). If there are so few divisors that this would
    waste lanes (rows and columns are primes, for example), the interval whose ratio to 64 is
    nearest to 1 is used.
    """
    if rows <= STRAIGHT_ROWS and given and cols % given == 0 and cols // given <= INTERVAL:
        return rows, given
    options = [(pe, simd) for pe in divisors(rows) for simd in divisors(cols)]

    def interval(o: tuple[int, int]) -> int:
        return (rows // o[0]) * (cols // o[1])

    def cost(o: tuple[int, int]) -> tuple[float, ...]:
        return (o[0] * o[1], abs(log2(o[0] / o[1])), o[0])

    fast = min((o for o in options if interval(o) <= INTERVAL), key=cost)
    if fast[0] * fast[1] <= WASTE * max(1, -(-rows * cols // INTERVAL)):
        return fast
    return min(options, key=lambda o: (abs(log2(interval(o) / INTERVAL)), *cost(o)))
