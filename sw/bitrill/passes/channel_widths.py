"""How many channels an edge keeps: unneeded ones may stay so that lanes divide them well."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import gcd, log

from ..ir import divisors

BEYOND = 1.5
"""Weight of lanes that cannot be had."""


@lru_cache(1 << 12)
def spacing(lanes: int) -> float:
    """Return by how much the next divisor exceeds a wanted number of lanes, on average.

    The wanted numbers are 1 .. ``lanes``, evenly spread by their logarithm: the mean is
    ``sum(b / a - 1) / log(lanes)`` over neighbouring divisors a, b.
    """
    if lanes == 1:
        return 1.0
    steps = sum(Fraction(b, a) - 1 for a, b in pairwise(divisors(lanes)))
    return float(steps) / log(lanes)


@lru_cache(1 << 12)
def kept_width(needed: int, channels: int) -> int:
    """Return how many of ``channels`` to keep if ``needed`` must stay: the cheapest number to fold.

    For example, 31 channels can only be folded by 1 or 31 lanes, so 32 are cheaper.
    """
    return min(range(needed, channels + 1), key=lambda n: (n * spacing(n), n))


def common_lanes(kept: Sequence[int], channels: Sequence[int]) -> int:
    """Return the lanes that the numbers of channels of several streams should be multiples of.

    Streams that are joined or split have a divisor of all of them as lanes. ``kept``: how many
    channels of each must stay, of ``channels``. More lanes mean more channels that stay; numbers of
    lanes that can no longer be had count half as much again as those between two divisors.
    """
    most = gcd(*channels)

    def cost(lanes: int) -> float:
        total = sum(-(-n // lanes) * lanes for n in kept)
        return total * (1 + spacing(lanes) * log(lanes) + BEYOND * (most / lanes - 1))

    return min(divisors(most), key=lambda n: (cost(n), n))
