"""Rules' indices without index arrays: runs of evenly spaced places, nested.

The index of nearly every rule is a walk through loops (passes over a vector, taps of a window, rows
of an image), so ``x[index]`` is a strided view of ``x``, which costs neither memory nor a look-up
an event: ``index = offset + sum of digit * step`` for the digits of 0, 1, .. in mixed radix. A rule
is cut where its index passes into another frame, and where a first or last run is shorter than the
others; what fits no loops keeps its indices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SHORT = 4
"""Shorter innermost runs are looked up faster than walked."""

_LOOPS = 6


@dataclass(frozen=True, eq=False)
class Piece:
    """Events ``first .. last - 1`` of a rule, whose indices lie ``frames`` frames away.

    Place within that frame: ``offset`` plus the loops' digits times their steps (``loops``:
    ``(length, step)``, outermost first), or where there are no loops, ``places``, ``ascending`` or
    not.
    """

    first: int
    last: int
    frames: int
    offset: int = 0
    loops: tuple[tuple[int, int], ...] = ()
    places: np.ndarray | None = None
    ascending: bool = False

    def plus(self, x: np.ndarray, lag: int, out: np.ndarray) -> None:
        """``out = x[place] + lag``, of ``last - first`` entries."""
        if self.places is not None:
            np.take(x, self.places, out=out, mode="clip")
            out += lag
            return
        np.add(self._view(x), lag, out=out.reshape([n for n, _ in self.loops]))

    def part(self, low: int, high: int) -> Piece | None:
        """A piece of this one with all events whose places lie in ``low .. high``, if any do."""
        if self.places is not None:
            if not self.ascending:
                return self
            a = int(np.searchsorted(self.places, low))
            b = int(np.searchsorted(self.places, high, "right"))
            if b <= a:
                return None
            start, stop = self.first + a, self.first + b
            return Piece(start, stop, self.frames, places=self.places[a:b], ascending=True)
        (n, step), *inner = self.loops
        if step <= 0:
            return self
        reach = [(m - 1) * s for m, s in inner]
        before = self.offset + sum(r for r in reach if r < 0)
        behind = self.offset + sum(r for r in reach if r > 0)
        a, b = max(0, -((behind - low) // step)), min(n, (high - before) // step + 1)
        if b <= a:
            return None
        size = (self.last - self.first) // n
        start, stop = self.first + a * size, self.first + b * size
        return Piece(start, stop, self.frames, self.offset + a * step, ((b - a, step), *inner))

    def indices(self) -> np.ndarray:
        """All places."""
        if self.places is not None:
            return self.places.astype(np.int64)
        found = np.array([self.offset])
        for n, step in self.loops:
            found = (found[:, None] + np.arange(n) * step).reshape(-1)
        return found

    def _view(self, x: np.ndarray) -> np.ndarray:
        size = x.itemsize
        shape = [n for n, _ in self.loops]
        steps = [step * size for _, step in self.loops]
        return np.ndarray(shape, x.dtype, x, self.offset * size, steps)


def pieces(index: np.ndarray, size: int) -> tuple[Piece, ...]:
    """A rule's index into a stream of ``size`` events a frame, cut into pieces."""
    index = np.asarray(index, np.int64)
    frames, place = np.divmod(index, size)
    cuts = np.flatnonzero(np.diff(frames)) + 1
    found: list[Piece] = []
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(index)], strict=True):
        found += _cut(place[first:last], first, int(frames[first]))
    return tuple(found)


def _cut(place: np.ndarray, first: int, frames: int) -> list[Piece]:
    """Pieces of one frame: all at once, or a first and a last run by themselves, or as it is."""
    n = len(place)
    whole = _loops(place)
    if whole is None:
        head = _run(place)
        body = _run(place[head:]) if head < n else 1
        for start in (head, 0):
            stop = n - (n - start) % (body if start else head)
            found = _loops(place[start:stop]) if stop - start > 1 else None
            if found is not None:
                parts = [(a, b) for a, b in ((0, start), (start, stop), (stop, n)) if b > a]
                return [p for a, b in parts for p in _cut(place[a:b], first + a, frames)]
        return [_listed(place, first, frames)]
    if whole and whole[-1][0] < _SHORT < n:
        return [_listed(place, first, frames)]
    return [Piece(first, first + n, frames, int(place[0]), whole)]


def _listed(place: np.ndarray, first: int, frames: int) -> Piece:
    ascending = bool((place[1:] >= place[:-1]).all())
    last, places = first + len(place), place.astype(np.int32)
    return Piece(first, last, frames, places=places, ascending=ascending)


def _run(place: np.ndarray) -> int:
    """Length of the first run of even steps."""
    if len(place) < 2:
        return len(place)
    steps = np.diff(place)
    uneven = steps != steps[0]
    return int(uneven.argmax()) + 1 if uneven.any() else len(place)


def _loops(place: np.ndarray) -> tuple[tuple[int, int], ...] | None:
    """Nested loops that give these places, outermost first."""
    found: list[tuple[int, int]] = []
    while len(place) > 1:
        run = _run(place)
        if len(found) == _LOOPS or len(place) % run:
            return None
        rows, step = place.reshape(-1, run), int(place[1] - place[0])
        if (rows != rows[:, :1] + np.arange(run) * step).any():
            return None
        found.append((run, step))
        place = rows[:, 0]
    return tuple(reversed(found)) or ((1, 0),)
