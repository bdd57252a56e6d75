"""Chooses the default PE and SIMD of a matrix: the fewest lanes for a vector in about 64 cycles."""

from __future__ import annotations

from math import log2

from ...ir.even_lanes import INTERVAL, divisors

STRAIGHT_ROWS = 16
"""Most rows with which a matrix has PE = rows by default, and so needs no replay buffer."""

WASTE = 8
"""Largest factor by which lanes may exceed what the interval needs, if divisors are scarce."""


def default_lanes(rows: int, cols: int, given: int | None) -> tuple[int, int]:
    """Return ``(pe, simd)``: the fewest lanes whose interval is at most 64, the nearest to square.

    ``given``: elements of a beat of the operand, None if this matrix chooses. 784-64-64-64-10
    gives (16, 49), (8, 8), (8, 8), (10, 8). If divisors are so scarce that this would waste lanes
    (rows and columns are primes, say), the interval nearest to 64 by ratio is taken.
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
