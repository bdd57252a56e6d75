"""Writes the entries of a codebook as sums of few digits, each 0 or plus or minus a power of two.

Such a digit times x is a choice among shifted copies of x, so codebook weights need no multiplier.
"""

from functools import lru_cache
from itertools import product

_SETS = 6
"""Number of sets that are returned; the caller compares their LUTs."""

_MOST_DIGITS = 4
"""Most digits of a set: sums of four digits of -2 .. 2 make every number of 8 bits."""

Column = tuple[int, tuple[int, ...]]
"""Shift of a digit, and its value in each entry."""


@lru_cache(maxsize=256)
def power_digits(entries: tuple[int, ...], window: int, n: int) -> tuple[tuple[Column, ...], ...]:
    """The sets of at most four digits that can make all ``entries``, those of the fewest bits.

    A digit is 0 or ``+-2**k`` for up to ``window`` successive k, and is multiplied by ``n`` planes.
    The search keeps the possible sums of a set as the 1 bits of one integer: bit ``bias + sum``.
    Adding a digit then means to OR shifted copies of that integer.
    """
    bias = 1 << max(map(abs, entries)).bit_length() + 2
    need = sum(1 << bias + e for e in set(entries))
    top = max(map(abs, entries)).bit_length() + 1
    kinds = [(s, w) for s in range(top) for w in range(1, window + 1) if s + w <= top]
    best: list[tuple[int, tuple[tuple[int, int], ...]]] = []

    def extend(sums: int, first: int, chosen: tuple[tuple[int, int], ...], bits: int) -> None:
        if sums & need == need:
            best.append((bits, chosen))
            best.sort()
            del best[_SETS:]
            return
        if len(chosen) == _MOST_DIGITS:
            return
        for k, (s, w) in enumerate(kinds[first:], start=first):
            total = bits + n + w - 1
            if len(best) < _SETS or total < best[-1][0]:
                wider = sums
                for e in range(s, s + w):
                    wider |= sums << (1 << e) | sums >> (1 << e)
                extend(wider, k + 1, (*chosen, (s, w)), total)

    extend(1 << bias, 0, (), 0)
    return tuple(_split(entries, chosen) for _, chosen in best if chosen)


def _split(entries: tuple[int, ...], chosen: tuple[tuple[int, int], ...]) -> tuple[Column, ...]:
    """The digits of each entry, with the fewest that are not 0, then the fewest below 0."""
    ways = [[0, *(sign << e for e in range(w) for sign in (1, -1))] for _, w in chosen]
    best: dict[int, tuple[tuple[int, int], tuple[int, ...]]] = {}
    for digits in product(*ways):
        total = sum(m << s for m, (s, _) in zip(digits, chosen, strict=True))
        cost = (sum(m != 0 for m in digits), sum(m < 0 for m in digits)), digits
        if total not in best or cost < best[total]:
            best[total] = cost
    columns = zip(*(best[e][1] for e in entries), strict=True)
    return tuple((s, column) for (s, _), column in zip(chosen, columns, strict=True))
