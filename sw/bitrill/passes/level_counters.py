"""Chooses how the levels of a function are counted, channel by channel, within limits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from ..errors import UnsupportedError
from ..ir import Function
from .curved import CurvedCounter
from .real_thresholds import LevelCounter, line_of

MAX_BITS = 16
"""Most bits of a quantizer that can become thresholds."""

MAX_LEVELS = 1 << 22
"""Largest number of levels of one function: channels that differ, times levels."""

MAX_CURVED = 1 << 18
"""The same of a curved function, whose every decision takes some 50 microseconds."""


class ChannelCounter(Protocol):
    """Counts ``n(x)``: the number of a quantizer's N levels that one channel reaches at ``x``.

    If the function falls (``inverted``), n counts from the other end, so that it always rises.
    ``places``: float64 guesses of the x at which n becomes 1, 2, .. N.
    """

    n_levels: int
    inverted: bool
    constant: bool
    places: np.ndarray

    def at_integer(self, x: int) -> int:
        """Return ``n(x)``, exactly."""
        ...

    def at_float(self, x: float) -> int:
        """Return ``n(x)`` of a finite float64, exactly."""
        ...


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Prepend ``name`` to the reasons of refusals."""
    try:
        yield
    except UnsupportedError as error:
        raise UnsupportedError([f"{name}: {reason}" for reason in error.reasons]) from error


def each_channel(
    function: Function, count: Callable[[ChannelCounter], tuple[np.ndarray, bool]]
) -> list[tuple[np.ndarray, bool]]:
    """Return ``count`` of the levels of each channel; channels that are alike are counted once."""
    channels = range(function.n_channels)
    check_size(function)
    if function.is_curved:
        own = [function.channel(c) for c in channels]
        curved = {f: count(CurvedCounter(f)) for f in dict.fromkeys(own)}
        return [curved[f] for f in own]
    lines = [line_of(function, c) for c in channels]
    counted = {ln: count(LevelCounter(ln, function.quantizer)) for ln in dict.fromkeys(lines)}
    return [counted[line] for line in lines]


def line_counter(function: Function, channel: int) -> ChannelCounter:
    """Return the counter of one channel of straight lines end to end."""
    return LevelCounter(line_of(function, channel), function.quantizer)


def check_size(function: Function) -> None:
    """Refuse a quantizer with too many levels, before any is computed."""
    if not function.is_monotone:
        raise UnsupportedError(
            "a function that rises and falls must not stand before this quantizer"
        )
    out, n = function.quantizer.type, function.n_channels
    most = MAX_CURVED if function.is_curved else MAX_LEVELS
    if out.bits > MAX_BITS:
        raise UnsupportedError(f"a quantizer must have at most {MAX_BITS} bits, not {out.bits}")
    if n * (out.n_values - 1) > most:
        raise UnsupportedError(
            f"a quantizer must have at most {most} levels over all channels,"
            f" not {n * (out.n_values - 1)}"
        )
