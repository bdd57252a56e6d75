"""Which event each event waits for, as nested loops instead of an index array.

A rule of a schedule says that event k of one stream waits for event ``index[k]`` of another, a
delay later (`bitrill.ir.schedule`). The index of nearly every rule is a walk through loops (repeats
of a vector, taps of a window, rows of an image): ``index = offset + sum of digit * step`` for the
digits of 0, 1, .. in mixed radix. So ``x[index]`` is a strided view of ``x``, which costs neither
memory nor a look-up an event. A rule is cut into pieces where its index passes into another frame,
and where a first or last run is shorter than the others; a piece that fits no loops keeps its index
array.
"""

from dataclasses import dataclass

import numpy as np

_SHORT = 4
"""Length of an innermost run below which an index array is faster than a view."""

_LOOPS = 6
"""Most loops in one another."""


@dataclass(frozen=True, eq=False)
class StridedEvents:
    """Events ``first .. last - 1`` of a rule, whose indices lie ``frames`` frames away.

    The place within that frame is ``offset`` plus the loops' digits times their steps (``loops``:
    ``(length, step)``, outermost first). Where there are no loops it is listed in ``places``,
    which may be ``ascending``.
    """

    first: int
    last: int
    frames: int
    offset: int = 0
    loops: tuple[tuple[int, int], ...] = ()
    places: np.ndarray | None = None
    ascending: bool = False

    def plus(self, x: np.ndarray, lag: int, out: np.ndarray) -> None:
        """Write ``x[place] + lag`` to ``out``, which has ``last - first`` entries."""
        if self.places is not None:
            np.take(x, self.places, out=out, mode="clip")
            out += lag
            return
        np.add(self._view(x), lag, out=out.reshape([n for n, _ in self.loops]))

    def part(self, low: int, high: int) -> "StridedEvents | None":
        """Return the part with all events whose places lie in ``low .. high``; None if none do."""
        if self.places is not None:
            if not self.ascending:
                return self
            a = int(np.searchsorted(self.places, low))
            b = int(np.searchsorted(self.places, high, "right"))
            if b <= a:
                return None
            start, stop = self.first + a, self.first + b
            return StridedEvents(start, stop, self.frames, places=self.places[a:b], ascending=True)
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
        return StridedEvents(
            start, stop, self.frames, self.offset + a * step, ((b - a, step), *inner)
        )

    def indices(self) -> np.ndarray:
        """Return the places as an index array."""
        if self.places is not None:
            return self.places.astype(np.int64)
        places = np.array([self.offset])
        for n, step in self.loops:
            places = (places[:, None] + np.arange(n) * step).reshape(-1)
        return places

    def _view(self, x: np.ndarray) -> np.ndarray:
        size = x.itemsize
        shape = [n for n, _ in self.loops]
        steps = [step * size for _, step in self.loops]
        return np.ndarray(shape, x.dtype, x, self.offset * size, steps)


def pieces(index: np.ndarray, size: int) -> tuple[StridedEvents, ...]:
    """Cut a rule's index into a stream of ``size`` events a frame into pieces."""
    index = np.asarray(index, np.int64)
    frames, place = np.divmod(index, size)
    cuts = np.flatnonzero(np.diff(frames)) + 1
    cut: list[StridedEvents] = []
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(index)], strict=True):
        cut += _cut(place[first:last], first, int(frames[first]))
    return tuple(cut)


def _cut(place: np.ndarray, first: int, frames: int) -> list[StridedEvents]:
    """Cut the places of one frame: one piece, or without odd first and last runs, or listed."""
    n = len(place)
    whole = _loops(place)
    if whole is None:
        head = _run(place)
        body = _run(place[head:]) if head < n else 1
        for start in (head, 0):
            stop = n - (n - start) % (body if start else head)
            if stop - start > 1 and _loops(place[start:stop]) is not None:
                parts = [(a, b) for a, b in ((0, start), (start, stop), (stop, n)) if b > a]
                return [p for a, b in parts for p in _cut(place[a:b], first + a, frames)]
        return [_listed(place, first, frames)]
    if whole and whole[-1][0] < _SHORT < n:
        return [_listed(place, first, frames)]
    return [StridedEvents(first, first + n, frames, int(place[0]), whole)]


def _listed(place: np.ndarray, first: int, frames: int) -> StridedEvents:
    ascending = bool((place[1:] >= place[:-1]).all())
    last, places = first + len(place), place.astype(np.int32)
    return StridedEvents(first, last, frames, places=places, ascending=ascending)


def _run(place: np.ndarray) -> int:
    """Return the length of the first run of even steps."""
    if len(place) < 2:
        return len(place)
    steps = np.diff(place)
    uneven = steps != steps[0]
    return int(uneven.argmax()) + 1 if uneven.any() else len(place)


def _loops(place: np.ndarray) -> tuple[tuple[int, int], ...] | None:
    """Return the nested loops that give these places, outermost first; None if there are none."""
    loops: list[tuple[int, int]] = []
    while len(place) > 1:
        run = _run(place)
        if len(loops) == _LOOPS or len(place) % run:
            return None
        rows, step = place.reshape(-1, run), int(place[1] - place[0])
        if (rows != rows[:, :1] + np.arange(run) * step).any():
            return None
        loops.append((run, step))
        place = rows[:, 0]
    return tuple(reversed(loops)) or ((1, 0),)
