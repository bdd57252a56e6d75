"""Schedules of operators in rows, without the events of all rows.

The rules of most operators repeat from row to row. They are made for images of few rows, of two
heights, and stretched: rows are put in the middle, where the rules of each row are those of the row
before, only for later rows. The lower image stretched must give the higher one exactly; only
operators that promise to go by rows (`Operator.by_rows`) are stretched at all.
"""

from collections.abc import Hashable, Sequence
from dataclasses import fields, replace
from itertools import product
from weakref import WeakKeyDictionary

import numpy as np

from ..errors import BitrillError
from ..ir import Operator, Stream
from .event_graph import add_operator
from .row_relaxation import RowSystem
from .rows import RowRule

_ROWS = 6, 24
"""Rows of the lowest image that is stretched; of the next if that does not do."""

_STEPS = (1, 2, 3, 4)
"""Rows by which images differ in height that are tried: multiples of the stride are needed."""


_Alone = tuple[RowSystem, dict[Stream, int]]

_KNOWN: WeakKeyDictionary[Operator, _Alone] = WeakKeyDictionary()
"""Thin, mirrored rows of operators that still exist: depths and time ask for the same ones."""


class KnownRows:
    """Rows of a network's operators, made once for those that are alike in all but their names."""

    def __init__(self) -> None:
        self._first: dict[Hashable, Operator] = {}

    def of(self, node: Operator) -> _Alone:
        """Return an operator alone in rows, thin and mirrored; see `operator_rows`."""
        node = self._first.setdefault(_but_names(node), node)
        if node not in _KNOWN:
            _KNOWN[node] = operator_rows(node, mirrored=True, thin=True)
        return _KNOWN[node]


def _but_names(node: Operator) -> Hashable:
    """Return the type and the parameters of an operator; itself where one of them is an array."""
    given = [getattr(node, f.name) for f in fields(node) if f.name not in ("name", "inputs")]
    key = type(node), *given
    return key if all(isinstance(value, Hashable) for value in given) else node


def operator_rows(
    node: Operator, *, mirrored: bool, thin: bool = False
) -> tuple[RowSystem, dict[Stream, int]]:
    """Return an operator alone in rows, and the numbers of its streams.

    ``thin``: without steps that no rule needs (`bitrill.timing.thinning`).
    """
    heights = {t.shape[0] if len(t.shape) == 3 else 0 for t in (*node.operands, *node.results)}
    height = node.x.shape[0]
    if node.by_rows and min(heights) > 1:
        for lowest, step, rows in product(_ROWS, _STEPS, ("out", "in")):
            if height < 2 * lowest + 3 * step:
                continue
            lowest += (height - lowest) % step
            tried = (lowest, step, height)
            stretched_rows = stretched(node, tried, rows, mirrored=mirrored, thin=thin)
            if stretched_rows is not None:
                return stretched_rows
    return _made(node, "out", mirrored=mirrored, thin=thin)


def _made(
    node: Operator, rows: Stream, *, mirrored: bool, thin: bool
) -> tuple[RowSystem, dict[Stream, int]]:
    system = RowSystem(node.name, RowSystem(node.name) if mirrored else None)
    return system, add_operator(system, node, rows, thin=thin)


def stretched(
    node: Operator,
    heights: tuple[int, int, int],
    rows: Stream,
    *,
    mirrored: bool,
    thin: bool = False,
) -> tuple[RowSystem, dict[Stream, int]] | None:
    """Stretch an operator on a low image; None where that does not give the higher one.

    ``heights``: of the lower image, by how much the other is higher, and of the whole one.
    """
    lowest, step, height = heights
    try:
        nodes = [lower(node, lowest + k * step) for k in range(2)]
        tall = [n.y.shape[0] for n in (*nodes, node)]
    except BitrillError:
        return None
    repeats = (height - lowest) // step
    if tall[2] - tall[0] != repeats * (tall[1] - tall[0]):
        return None
    made = [_made(n, rows, mirrored=mirrored, thin=thin) for n in nodes]
    systems, numbers = [system for system, _ in made], made[0][1]
    whole = _stretch(systems, repeats)
    if whole is None or (whole.sizes[numbers["in"]], whole.sizes[numbers["out"]]) != (
        node.beats_in,
        node.beats_out,
    ):
        return None
    if mirrored:
        mirrors = [s.mirror for s in systems if s.mirror is not None]
        whole.mirror = _stretch(mirrors, repeats)
        if whole.mirror is None:
            return None
    return whole, numbers


def lower(node: Operator, height: int) -> Operator:
    """Return an operator on images of another height."""
    operands = tuple(replace(t, shape=(height, *t.shape[1:])) for t in node.operands)
    return node.replace(operands=operands)


def _stretch(systems: Sequence[RowSystem], repeats: int) -> RowSystem | None:
    """Return the first system with the rows between it and the next ``repeats`` times."""
    a, b = systems
    counts = np.array([s.counts for s in systems])
    spans = np.array([s.spans for s in systems]) // counts
    rows = counts[1] - counts[0]
    alike = all(map(np.array_equal, a.places, b.places))
    if not alike or (spans != spans[0]).any() or rows.min() < 1:
        return None
    whole = RowSystem(a.name)
    for count, n, span, places in zip(
        counts[0].tolist(), rows.tolist(), spans[0].tolist(), a.places, strict=True
    ):
        whole.stream_of_rows((count + n * repeats) * span, count + n * repeats, places)
    for low, high in zip(a.rules, b.rules, strict=True):
        n = int(rows[low.dst]), int(rows[low.src])
        if not _equal(_grown(low, 1, n), high):
            return None
        whole.put(_grown(low, repeats, n))
    return whole


def _grown(rule: RowRule, repeats: int, rows: tuple[int, int]) -> RowRule:
    """Return a rule with ``rows`` of destination and source put in ``repeats`` times."""
    dst, src = rows
    middle = len(rule.first) // 2
    body = rule.first[middle - dst : middle] + src * np.arange(1, repeats + 1)[:, None]
    ends = rule.first[:middle], rule.first[middle:] + repeats * src
    first = np.concatenate([ends[0], body.reshape(-1), ends[1]])
    same = np.tile(rule.kind[middle - dst : middle], repeats)
    kind = np.concatenate([rule.kind[:middle], same, rule.kind[middle:]])
    return replace(rule, first=first, kind=kind)


def _equal(a: RowRule, b: RowRule) -> bool:
    """Return whether two rules are the same."""
    if (a.shift, a.n_rows, len(a.first)) != (b.shift, b.n_rows, len(b.first)):
        return False
    if a.places is None or b.places is None:
        return a.places is b.places and np.array_equal(a.first, b.first)
    return np.array_equal(a.first, b.first) and np.array_equal(a.places[a.kind], b.places[b.kind])
