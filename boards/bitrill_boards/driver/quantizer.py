"""Quantizes batches of floats exactly as the model does.

The step of ``x`` is the number of levels at or below it. Few levels are compared one by one. With
many evenly spaced levels the step is guessed, ``g = floor((x - level 0) / distance + 1/2)``, and a
single comparison corrects it. All operations of the guess are monotone in ``x``: if it is the step
or one less at every level and just below every level, it is so everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .driver_errors import DriverError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Guess(NamedTuple):
    """Parameters of a guess of the step.

    ``factor``, ``offset``: of the even distance of the levels; ``levels``: those of all channels
    in one row, each channel's followed by infinity; ``begin``: where each channel begins in it.
    """

    factor: np.ndarray
    offset: np.ndarray
    levels: np.ndarray
    begin: np.ndarray
    steps: np.ndarray


COMPARED = 15
"""Largest number of levels that are compared one by one."""


class BatchQuantizer:
    """A quantizer of batches.

    ``levels``: ascending float64 ``[C, steps]``, one row for all channels (the last axis) or one
    for each; ``inverted [C]``: whether the channel's steps count downwards.
    """

    def __init__(self, levels: ArrayLike, inverted: ArrayLike):
        self.levels, self.inverted = np.array(levels, np.float64), np.array(inverted, bool)
        self.steps = self.levels.shape[1]
        self._known: dict[np.dtype, tuple[np.ndarray, Guess | None]] = {}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the steps of finite floats as small unsigned integers; bool for a single level."""
        if x.dtype.itemsize < 4:
            x = x.astype(np.float32)  # exact, and faster
        low, high = (x.min(), x.max()) if x.size else (0.0, 0.0)
        if not (np.isfinite(low) and np.isfinite(high)):  # NaN passes through both
            raise DriverError("images must be finite, but hold NaN or infinity")
        if x.dtype not in self._known:
            levels = _as(self.levels, x.dtype)
            self._known[x.dtype] = levels, _guess(levels)
        n = self._count(x, *self._known[x.dtype])
        if not self.inverted.any():
            return n
        if n.dtype == bool:
            return n ^ self.inverted
        return np.where(self.inverted, n.dtype.type(self.steps) - n, n)

    def _count(self, x: np.ndarray, levels: np.ndarray, guess: Guess | None) -> np.ndarray:
        if self.steps == 1:
            return x >= levels[:, 0]
        narrow = next(t for t in (np.uint8, np.uint16, np.uint32) if self.steps <= np.iinfo(t).max)
        if self.steps > COMPARED and guess is not None:
            return _guessed(x, guess).astype(narrow)
        if self.steps > COMPARED and len(levels) == 1:
            return np.searchsorted(levels[0], x, side="right").astype(narrow)
        n = (x >= levels[:, 0]).astype(narrow)
        for k in range(1, self.steps):
            n += x >= levels[:, k]
        return n


def _guess(levels: np.ndarray) -> Guess | None:
    """Return the parameters of a guess; None if it could miss the step by more than one."""
    rows, steps = levels.shape
    kind = levels.dtype.type
    if steps < 2 or not np.isfinite(levels).all():
        return None
    with np.errstate(all="ignore"):
        factor = kind(steps - 1) / (levels[:, -1] - levels[:, 0])
        offset = kind(0.5) - levels[:, 0] * factor
        if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
            return None
        step = np.arange(1, steps + 1)
        at = _first(levels.T, factor, offset, steps).T
        below = _first(np.nextafter(levels, kind(-np.inf)).T, factor, offset, steps).T
    if (at < step - 1).any() or (below > step - 1).any():
        return None
    above = np.concatenate([levels, np.full((rows, 1), np.inf, levels.dtype)], axis=1)
    begin = np.arange(rows) * (steps + 1)
    return Guess(factor, offset, above.ravel(), begin, np.array(steps))


def _first(x: np.ndarray, factor: np.ndarray, offset: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Guess the step of ``x``: correct, or one too small."""
    t = x * factor
    t += offset
    np.clip(t, 0, steps, out=t)
    return t.astype(np.intp)


def _guessed(x: np.ndarray, guess: Guess) -> np.ndarray:
    factor, offset, levels, begin, steps = guess
    with np.errstate(over="ignore"):
        g = _first(x, factor, offset, x.dtype.type(steps))
    g += x >= levels.take(g if len(begin) == 1 else g + begin)
    return g


def _as(levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Round levels up to a narrower float dtype, in which a number reaches both or neither."""
    if np.dtype(dtype).itemsize >= 8:
        return levels
    with np.errstate(over="ignore"):
        near = levels.astype(dtype)
    return np.where(near < levels, np.nextafter(near, np.dtype(dtype).type(np.inf)), near)
