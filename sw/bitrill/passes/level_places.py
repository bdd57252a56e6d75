"""Finds the integers at which a real function reaches each level of its quantizer, exactly.

The place of every level is guessed in float64, by the inverse of each step, and proven by bounds of
the function on both sides, for all levels and channels at once. What these do not decide (a curved
function, a boundary that is met or nearly so) is left to exact arithmetic, level by level.
"""

from collections.abc import Sequence

import numpy as np

from ..exact import sign
from ..ir import Function, IntType
from ..ir.activation import BLOCK
from ..real import Affine, Clip, Leaky
from ..steps import Step
from .level_counters import ChannelCounter, each_channel, line_counter
from .real_thresholds import smallest


def level_places(function: Function, x: IntType) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest integers of ``x`` at which each channel reaches 1, 2, .. N levels.

    Returned with them, int64 ``[function.n_channels, N]`` (``x.hi + 1``: never), is whether each
    channel falls, bool; then levels count from the other end.
    """
    if function.is_curved:
        rows = each_channel(function, lambda c: _places_of(c, x))
        return np.array([places for places, _ in rows]), np.array([falls for _, falls in rows])
    slopes = _slopes(function)
    places, proven = _proven_places(function, slopes, x)
    places, proven = (np.where(slopes < 0, a[::-1], a).T for a in (places, proven))
    inverted = slopes < 0
    for c in np.flatnonzero((slopes == 0) | ~proven.all(1)).tolist():
        counter = line_counter(function, c)
        if slopes[c] == 0:
            places[c], inverted[c] = _places_of(counter, x)
        else:
            for n in np.flatnonzero(~proven[c]).tolist():
                places[c, n] = _smallest(counter, n, x, int(places[c, n]))
    return places, inverted


def _places_of(counter: ChannelCounter, x: IntType) -> tuple[np.ndarray, bool]:
    """Return the places of one channel by exact decisions, and whether it falls."""
    guesses = _integers(counter.places, x)
    if counter.constant:
        return guesses, False
    places = [_smallest(counter, n, x, guess) for n, guess in enumerate(guesses.tolist())]
    return np.array(places, np.int64), counter.inverted


def _smallest(counter: ChannelCounter, n: int, x: IntType, guess: int) -> int:
    return smallest(lambda t: counter.at_integer(t) > n, lo=x.lo, hi=x.hi + 1, guess=guess)


def _integers(places: np.ndarray, x: IntType) -> np.ndarray:
    """Return the integers of ``x.lo .. x.hi + 1`` from the real ``places`` on, int64."""
    places = np.nan_to_num(places, nan=x.lo, posinf=np.inf, neginf=-np.inf)
    return np.ceil(np.clip(places, x.lo, x.hi + 1)).astype(np.int64)


def _slopes(function: Function) -> np.ndarray:
    """Return the sign of each channel's slope, ``[n_channels]``; 0 too where a step is flat."""
    slopes = np.ones(function.n_channels, np.int64)
    for step in (*function.steps, function.quantizer.grid):
        if isinstance(step, Affine):
            slopes *= [sign(s) for s in step.scale]
        elif isinstance(step, Leaky):
            slopes *= [sign(s) for s in step.slope]
    return slopes


def _proven_places(
    function: Function, slopes: np.ndarray, x: IntType
) -> tuple[np.ndarray, np.ndarray]:
    """Return where each boundary is passed, int64 ``[N, n_channels]``, and whether it is proven."""
    v, _ = function.quantizer.boundaries
    places = np.empty((len(v), len(slopes)), np.int64)
    proven = np.zeros(places.shape, bool)
    rows = max(1, BLOCK // len(slopes))
    for start in range(0, len(v), rows):
        here, level = slice(start, start + rows), np.arange(start, min(start + rows, len(v)))
        guess = _integers(_inverse(function, v[here], len(slopes)), x)
        places[here] = guess
        for t in (guess, guess + 1, guess - 1):  # beside it, where the boundary itself is met
            t = t.clip(x.lo, x.hi + 1)
            is_it = _passes(function, slopes, level[:, None], t, x)
            places[here] = np.where(is_it, t, places[here])
            proven[here] |= is_it
            if proven[here].all():
                break
    return places, proven


def _passes(
    function: Function, slopes: np.ndarray, level: np.ndarray, t: np.ndarray, x: IntType
) -> np.ndarray:
    """Return whether ``t`` is provably the first integer beyond the boundary of each level."""
    after = function.ranks(np.minimum(t, x.hi))
    before = function.ranks(np.maximum(t - 1, x.lo))
    beyond, not_yet = ((r > level) == (slopes > 0) for r in (after, before))
    return ((t > x.hi) | (beyond & (after >= 0))) & ((t == x.lo) | (~not_yet & (before >= 0)))


def _inverse(function: Function, v: np.ndarray, channels: int) -> np.ndarray:
    """Guess where each channel takes the values ``v``, float64 ``[len(v), channels]``.

    Infinite where it never does.
    """
    y = np.tile(v[:, None], channels)
    steps: Sequence[Step] = (*function.steps, function.quantizer.grid)
    with np.errstate(all="ignore"):
        for step in reversed(steps):
            if isinstance(step, Affine):
                (scale, _), (offset, _) = step.ends
                y = (y - offset) / scale
            elif isinstance(step, Clip):
                y = y if step.lo is None else np.where(y < float(step.lo), -np.inf, y)
                y = y if step.hi is None else np.where(y > float(step.hi), np.inf, y)
            elif isinstance(step, Leaky):
                y = np.where(y >= 0, y, y / np.array([float(s) for s in step.slope]))
    return y
