"""Converts the model's first quantizer to float64 limits, so that the host quantizes exactly.

For each level it searches the smallest float64 that reaches it, over the bit patterns of float64,
with exact decisions. Comparing a float with that limit then has the same result as real arithmetic.
"""

from math import inf, isnan
from struct import pack, unpack

import numpy as np

from ..errors import StageError
from ..ir import Function, InputQuantizer
from .curved import LARGEST
from .level_counters import ChannelCounter, each_channel, naming
from .real_thresholds import smallest


def key_of(x: float) -> int:
    """Return the position of a finite float64 in the order of all of them; 0 for both zeros."""
    (bits,) = unpack("<q", pack("<d", x))
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def float_of(key: int) -> float:
    """Return the float64 at a position; infinite beyond the largest (inverse of `key_of`)."""
    if abs(key) > LARGEST:
        return float("inf") if key > 0 else float("-inf")
    (value,) = unpack("<d", pack("<q", abs(key)))
    return value if key >= 0 else -value


def input_quantizer(function: Function) -> InputQuantizer:
    """Return ``levels[c, k]``: the smallest float64 at which ``function`` reaches k + 1 levels.

    It is -inf if every float does, +inf if none does. Falling functions are inverted. Raises
    `UnsupportedError` for a quantizer of too many levels.
    """
    with naming("input"):
        rows = each_channel(function, _levels)
    levels = np.array([level for level, _ in rows])
    inverted = np.array([falling for _, falling in rows])
    for array in (levels, inverted):
        array.setflags(write=False)
    return InputQuantizer(levels, inverted, function.quantizer.type)


def _levels(counter: ChannelCounter) -> tuple[np.ndarray, bool]:
    if counter.constant:
        return counter.places, False
    keys = [_smallest(counter, n + 1, guess) for n, guess in enumerate(counter.places.tolist())]
    levels = np.array([float_of(k) if k > -LARGEST else float("-inf") for k in keys])
    if np.any(levels[1:] < levels[:-1]):
        raise StageError("input: levels must ascend, and do not")
    return levels, counter.inverted


def _smallest(counter: ChannelCounter, n: int, guess: float) -> int:
    """Return the key of the smallest float64 at which ``counter`` counts n or more."""
    most = float_of(LARGEST)
    start = 0 if isnan(guess) else key_of(min(max(guess, -most), most))
    return smallest(
        lambda key: counter.at_float(float_of(key)) >= n,
        lo=-LARGEST,
        hi=LARGEST + 1,
        guess=start if guess < inf else LARGEST + 1,
    )
