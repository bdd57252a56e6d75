"""Times of a stream, row by row: most rows of an image are like one another, only later.

A stream's events are cut into rows of equal length. Event ``j`` of row ``r`` happens at
``start[r] + shapes[kind[r], j]``, and few shapes suffice: work on a stream is work on its shapes.
Nothing is assumed: rows that differ have shapes of their own, and equal ones are found by a hash
and compared. So all results are exact, whatever the network, and only the cost depends on it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_RANDOM = np.random.default_rng(1)
_FACTORS = _RANDOM.integers(-(1 << 62), 1 << 62, 1 << 12)
"""Factors of the hash."""

_AGO = -(1 << 40)
"""A time before all others."""


@dataclass(frozen=True, eq=False)
class Rows:
    """``start[r] + shapes[kind[r], j]`` for row ``r`` and event ``j``; shapes begin with 0.

    ``hashes``: of the shapes, each of which is there once.
    """

    start: np.ndarray
    kind: np.ndarray
    shapes: np.ndarray
    hashes: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """Time of each row's last event."""
        return self.start + self.shapes[self.kind, -1]

    def dense(self) -> np.ndarray:
        """Return the times of all events."""
        return (self.start[:, None] + self.shapes[self.kind]).reshape(-1)

    def replaced(
        self, rows: np.ndarray, which: np.ndarray, times: np.ndarray, base: np.ndarray | None = None
    ) -> "Rows":
        """Return times with row ``rows[i]`` as ``base[i] + times[which[i]]``.

        ``base``: `start` of these rows if None.
        """
        shapes = times - times[:, :1]
        start, kind = self.start.copy(), self.kind.copy()
        start[rows] = (start[rows] if base is None else base) + times[which, 0]
        kind[rows] = len(self.shapes) + which
        hashes = np.concatenate([self.hashes, hashed(shapes)])
        used, kind = np.unique(kind, return_inverse=True)
        old, new = used[used < len(self.shapes)], used[used >= len(self.shapes)]
        kept = np.concatenate([self.shapes[old], shapes[new - len(self.shapes)]])
        first, same = alike(kept, hashes[used])
        if len(first) < len(kept):
            kept, used, kind = kept[first], used[first], same[kind]
        return Rows(start, kind, kept, hashes[used])

    def backwards(self) -> "Rows":
        """Return times that are negative, of events in the opposite order."""
        ends = self.shapes[:, -1:]
        shapes = np.ascontiguousarray((ends - self.shapes)[:, ::-1])
        return Rows(-self.last[::-1], self.kind[::-1], shapes, hashed(shapes))


def rows_of(times: np.ndarray, count: int) -> Rows:
    """Cut times into ``count`` rows of equal length."""
    by_row = np.asarray(times, np.int64).reshape(count, -1)
    shapes = by_row - by_row[:, :1]
    first, kind = alike(shapes, hashed(shapes))
    return Rows(by_row[:, 0].copy(), kind, shapes[first], hashed(shapes[first]))


def even(span: int, count: int, unit: int, places: np.ndarray) -> Rows:
    """Return the times of ``count`` rows, ``span`` cycles in all, without a gap.

    ``places``: cycles from a row's first event to each; ``unit``: time of a cycle.
    """
    shape = places[None] * unit
    starts = np.arange(count) * (span // count) * unit
    return Rows(starts, np.zeros(count, np.int64), shape, hashed(shape))


def hashed(values: np.ndarray) -> np.ndarray:
    """Return a hash of each row of an integer array ``[rows, n]``."""
    return values @ _factors(values.shape[1])


@lru_cache(maxsize=1024)
def _factors(n: int) -> np.ndarray:
    return np.resize(_FACTORS, n) * (2 * (np.arange(n) // len(_FACTORS)) + 1)


def alike(values: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of rows that differ, and for each row which of them it equals."""
    if len(hashes) == 1:
        return _ZERO, _ZERO
    order = hashes.argsort(kind="stable")
    ascending = hashes[order]
    new = np.empty(len(order), bool)
    new[0] = True
    np.not_equal(ascending[1:], ascending[:-1], out=new[1:])
    first, same = order[new], np.empty(len(order), np.int64)
    same[order] = new.cumsum() - 1
    if len(first) < len(values) and (values != values[first[same]]).any():
        _, first, same = np.unique(values, axis=0, return_index=True, return_inverse=True)
    return first, same.reshape(-1)


_ZERO = np.zeros(1, np.int64)


@dataclass(frozen=True, eq=False)
class RowRule:
    """A rule between streams in rows (`bitrill.ir.Rule`).

    Row ``r`` of ``dst`` waits for rows ``first[r] .. first[r] + n_rows - 1`` of ``src``, numbered
    through all frames; its event ``j`` for the one at ``places[kind[r], j]`` of these rows in
    one line. ``shift``: where ``places`` is one line that begins there and goes up by one.
    """

    dst: int
    src: int
    delay: int
    first: np.ndarray
    n_rows: int
    kind: np.ndarray
    places: np.ndarray | None
    shift: int = 0

    def index(self, length: int, width: int) -> np.ndarray:
        """Return the index that the rule was made of; ``length``, ``width``: as for `reach`."""
        if self.places is None:
            places = self.shift + np.arange(width)[None]
        else:
            places = self.places[self.kind]
        return (self.first[:, None] * length + places).reshape(-1)

    def reach(self, length: int, width: int) -> int:
        """Return the last event waited for; rows of source and destination have that many."""
        if self.places is None:
            return int(self.first.max()) * length + self.shift + width - 1
        return int((self.first * length + self.places.max(1)[self.kind]).max())


def row_rule(
    dst: int, src: int, index: np.ndarray, delay: int, rows: tuple[int, int], size: int
) -> RowRule:
    """Make a rule of an index; ``rows``: of destination and source; ``size``: of the source."""
    by_row = np.asarray(index, np.int64).reshape(rows[0], -1)
    length = size // rows[1]
    first = by_row.min(1) // length
    n_rows = int((by_row.max(1) // length - first).max()) + 1
    places = by_row - first[:, None] * length
    some, kind = alike(places, hashed(places))
    line = places[some[0]]
    if len(some) == 1 and (np.diff(line) == 1).all():
        return RowRule(dst, src, delay, first, n_rows, kind, None, int(line[0]))
    return RowRule(dst, src, delay, first, n_rows, kind, places[some])


def slots_rule(dst: int, src: int, slots: int, delay: int, rows: int, length: int) -> RowRule:
    """Make the rule ``dst[k] >= src[k - slots] + delay`` of streams with equal rows."""
    first = np.arange(rows) - -(-slots // length)
    shift = -slots % length
    kind = np.zeros(rows, np.int64)
    return RowRule(dst, src, delay, first, 1 + (shift > 0), kind, None, shift)


class Pairs:
    """Rows of a rule's destination beside the rows of its source that they wait for.

    Pairs that are alike but for time are one case: ``case[i]`` of ``rows[i]``. ``here``: the
    destination's times by case; ``there``: what they wait for; both count from ``base[i]``.
    ``rows``: those of the given ones with a wait that may be longer than ``above``, or, if None,
    the longest of all. Where ``above`` is given and all waits of a row are longer, its own times do
    not matter, and ``here`` is long ago.
    """

    def __init__(
        self, rule: RowRule, x: Rows, y: Rows, rows: np.ndarray, period: int, above: int | None
    ):
        at = rule.first[rows, None] + np.arange(rule.n_rows)
        frame, row = np.divmod(at, len(x.start))
        start = x.start[row] + frame * period
        ends = start[:, -1] + x.shapes[x.kind[row[:, -1]], -1]
        surely = start[:, 0] - y.last[rows]  # no wait is shorter
        least = int(surely.max()) - 1 if above is None else above
        some = np.flatnonzero((ends - y.start[rows] > least) & (ends > _AGO // 2))
        self.rows = rows = rows[some]
        if not len(rows):
            return
        start, kinds, here = start[some], x.kind[row[some]], y.kind[rows]
        after = (surely[some] > least) & (above is not None)
        self.base = np.where(after, start[:, 0], y.start[rows])
        start -= self.base[:, None]
        shown = np.where(after, -1, here)
        keys = np.concatenate([rule.kind[rows, None], shown[:, None], kinds, start], 1)
        first, self.case = alike(keys, hashed(keys))
        self.here = y.shapes[here[first]]
        self.here[after[first]] = 2 * _AGO
        self.there = np.empty_like(self.here)
        n = self.here.shape[1]
        for case, i in enumerate(first.tolist()):
            line = (x.shapes[kinds[i]] + start[i, :, None]).reshape(-1)
            if rule.places is None:
                self.there[case] = line[rule.shift : rule.shift + n]
            else:
                line.take(rule.places[rule.kind[rows[i]]], out=self.there[case], mode="clip")
