"""Default PE and SIMD of a matrix: a vector in about 64 cycles, from as few lanes as that takes."""

from math import log2

from ...ir import INTERVAL, divisors

STRAIGHT_ROWS = 16
"""Rows up to which a matrix takes its vector as it comes: all rows at once need no replay."""

WASTE = 8
"""How many times the lanes that the interval needs may be spent where divisors are scarce."""


def default_lanes(rows: int, cols: int, given: int | None) -> tuple[int, int]:
    """Return ``(pe, simd)``: the fewest lanes whose interval is at most 64, the nearest to square.

    ``given``: elements of a beat of the operand, None where this matrix chooses. 784-64-64-64-10
    gives (16, 49), (8, 8), (8, 8), (10, 8). Where divisors are so scarce that this would waste
    lanes (two primes: all or hardly any), the interval nearest to 64 by ratio.
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
