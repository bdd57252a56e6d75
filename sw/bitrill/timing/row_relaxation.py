"""Relaxation of a max-plus system whose streams are cut into rows: see `relaxation` and `rows`.

Only rows that wait for raised rows are looked at, and of those that are alike only one. So its cost
goes with the rows that differ, not with the rows of the image.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from .latest import first_waiting
from .maxplus import slot_delay
from .relaxation import NEVER, Sweeps
from .rows import Pairs, RowRule, Rows, alike, even, hashed, row_rule, slots_rule


class RowSystem:
    """Streams of events in rows, and rules on them; see `bitrill.timing.maxplus.System`.

    ``mirror``: the system that is made beside it, backwards (`bitrill.timing.latest.mirrored`).
    """

    def __init__(self, name: str, mirror: "RowSystem | None" = None):
        self.name, self.mirror = name, mirror
        self.sizes: list[int] = []
        self.counts: list[int] = []  # rows of each stream
        self.spans: list[int] = []  # cycles that a stream's events take at the least
        self.places: list[np.ndarray] = []  # cycles from a row's first event to each
        self.rules: list[RowRule] = []
        self.into: list[list[int]] = []
        self.out: list[list[int]] = []
        self._never: list[Rows] = []

    @property
    def n_rules(self) -> int:
        """Number of rules so far."""
        return len(self.rules)

    def stream(self, size: int, rows: int = 1, places: np.ndarray | None = None) -> int:
        """Add a stream of ``size`` events a frame, in ``rows`` rows; return its number.

        ``places``: numbers of the events that are kept, the same in each row if rows are equal.
        """
        rows = rows if size % rows == 0 else 1
        row = np.arange(size // rows) if places is None else places[: len(places) // rows]
        return self.stream_of_rows(size, rows, row)

    def stream_of_rows(self, span: int, rows: int, places: np.ndarray) -> int:
        """Add a stream of ``rows`` equal rows, ``span`` cycles in all; return its number.

        ``places``: cycles from a row's first event to each.
        """
        self.sizes.append(rows * len(places))
        self.counts.append(rows)
        self.spans.append(span)
        self.places.append(places)
        self.into.append([])
        self.out.append([])
        if self.mirror is not None:
            self.mirror.stream_of_rows(span, rows, places[-1] - places[::-1])
        return len(self.sizes) - 1

    def rule(self, dst: int, src: int, index: np.ndarray, delay: int) -> int:
        """Add a rule with the index that a `bitrill.ir.Rule` has; return its number."""
        counts = self.counts[dst], self.counts[src]
        if self.mirror is not None:
            last = first_waiting(np.asarray(index), self.sizes[src])
            self.mirror.rule(src, dst, self.sizes[dst] - 1 - last[::-1], delay)
        return self.put(row_rule(dst, src, index, delay, counts, self.sizes[src]))

    def put(self, rule: RowRule) -> int:
        """Add a rule; return its number."""
        self.rules.append(rule)
        self.into[rule.dst].append(len(self.rules) - 1)
        self.out[rule.src].append(len(self.rules) - 1)
        return len(self.rules) - 1

    def slots(self, dst: int, src: int, slots: int) -> int:
        """Add the rule of a FIFO's slots; return its number."""
        if self.mirror is not None:
            self.mirror.slots(src, dst, slots)
        return self.put(self._slots(dst, src, slots))

    def set_slots(self, number: int, slots: int) -> None:
        """Give a rule made by `slots` another number of them."""
        old = self.rules[number]
        self.rules[number] = self._slots(old.dst, old.src, slots)

    def _slots(self, dst: int, src: int, slots: int) -> RowRule:
        rows = self.counts[dst]
        if rows != self.counts[src]:
            index, counts = np.arange(self.sizes[dst]) - slots, (rows, self.counts[src])
            return row_rule(dst, src, index, slot_delay(slots), counts, self.sizes[src])
        return slots_rule(dst, src, slots, slot_delay(slots), rows, self.sizes[dst] // rows)

    def part(self, name: str, streams: range, rules: range) -> "RowSystem":
        """Return the streams and rules of one operator alone, numbered from 0."""
        part = RowSystem(name)
        for s in streams:
            part.stream_of_rows(self.spans[s], self.counts[s], self.places[s])
        for number in rules:
            rule = self.rules[number]
            ends = {"dst": rule.dst - streams.start, "src": rule.src - streams.start}
            part.put(replace(rule, **ends))
        return part

    def never(self) -> list[Rows]:
        """Return times long before all others."""
        if len(self._never) < len(self.sizes):
            self._never = [self.constant(s, NEVER) for s in range(len(self.sizes))]
        return list(self._never)

    def constant(self, s: int, time: int) -> Rows:
        """Return a stream's times, all the same."""
        rows = self.counts[s]
        shape = np.zeros((1, self.sizes[s] // rows), np.int64)
        return Rows(np.full(rows, time), np.zeros(rows, np.int64), shape, hashed(shape))

    def event(self, s: int, k: int, others: int) -> Rows:
        """Return times of a stream with event ``k`` at 0 and all ``others`` elsewhere."""
        times = self.constant(s, others)
        row, place = divmod(k, times.shapes.shape[1])
        shape = times.shapes.copy()
        shape[0, place] -= others
        return times.replaced(np.array([row]), np.zeros(1, np.int64), shape)

    def even(self, unit: int) -> list[Rows]:
        """Return times of events that follow one another without a gap."""
        each = zip(self.spans, self.counts, self.places, strict=True)
        return [even(span, rows, unit, places) for span, rows, places in each]


class RowRelaxation(Sweeps):
    """Raises given times to the least that keep all rules; parameters as of `Relaxation`.

    ``streams``: those that others may have to wait for at first; None: all. ``within``: the streams
    that are raised at all, and whose rules are kept; None: all.
    """

    def __init__(
        self,
        system: RowSystem,
        times: list[Rows],
        *,
        unit: int = 1,
        period: int | None,
        rules: Iterable[int] | None = None,
        latest: Mapping[int, Rows] | None = None,
        streams: Iterable[int] | None = None,
        within: Iterable[int] | None = None,
    ):
        self.system, self.times, self.unit, self.period = system, list(times), unit, period
        self._latest, self.excess = latest or {}, 0
        self.work = 0
        """Rules applied so far."""
        self._order = list(range(len(times)) if within is None else within)
        self._due: dict[int, np.ndarray] = {}
        self._fresh = [False] * len(times)
        if rules is None:
            for s in range(len(times)) if streams is None else streams:
                self._fresh[s] = True
                self._raised(s, np.ones(system.counts[s], bool))
        for number in rules or ():
            rule = system.rules[number]
            raised = self._apply(number, np.ones(system.counts[rule.src], bool))
            if raised is not None:
                self._raised(rule.dst, self._chain(rule.dst, raised))

    @property
    def within(self) -> list[int]:
        """The streams that are raised, in the order of the next sweep."""
        return self._order

    def look_at(self, streams: Iterable[int]) -> None:
        """Raise these streams alone from now on; what others have to be raised by stays due."""
        self._order = list(streams)

    def _visit(self, s: int) -> bool:
        raised = None
        for number in self.system.into[s]:
            due = self._due.pop(number, None)
            by_rule = None if due is None else self._apply(number, due)
            if by_rule is not None:
                raised = by_rule if raised is None else raised | by_rule
        if self._fresh[s]:
            self._fresh[s] = False
            u = self.times[s]
            rows = np.arange(len(u.start))
            self.times[s] = u.replaced(rows, u.kind, self._spaced(s, u.shapes.copy()))
            raised = np.ones(self.system.counts[s], bool)
        if raised is None:
            return False
        self._raised(s, self._chain(s, raised))
        return True

    def _raised(self, s: int, rows: np.ndarray) -> None:
        if s in self._latest:
            self.excess = max(self.excess, most(self.times[s], self._latest[s], rows))
        for number in self.system.out[s]:
            due = self._due.get(number)
            self._due[number] = rows if due is None else rows | due

    def _apply(self, number: int, due: np.ndarray) -> np.ndarray | None:
        """Raise the rows that wait for rows ``due`` by a rule; return which were raised."""
        self.work += 1
        rule = self.system.rules[number]
        rows = waiting(rule, due)
        y = self.times[rule.dst]
        if not len(rows):
            return None
        period = -NEVER if self.period is None else self.period
        delay = rule.delay * self.unit
        pairs = Pairs(rule, self.times[rule.src], y, rows, period, -delay)
        if not len(pairs.rows):
            return None
        pairs.there += delay
        later = np.asarray(np.any(pairs.there > pairs.here, axis=1))
        if not later.any():
            return None
        times = np.maximum(pairs.here[later], pairs.there[later])
        hit = later[pairs.case]
        rows, which = pairs.rows[hit], (np.cumsum(later) - 1)[pairs.case[hit]]
        self.times[rule.dst] = y.replaced(
            rows, which, self._spaced(rule.dst, times), pairs.base[hit]
        )
        raised = np.zeros(len(y.start), bool)
        raised[rows] = True
        return raised

    def _spaced(self, s: int, times: np.ndarray) -> np.ndarray:
        """Keep the least distances between the events of each row."""
        steps = self.system.places[s] * self.unit
        times -= steps
        np.maximum.accumulate(times, axis=1, out=times)
        times += steps
        return times

    def _chain(self, s: int, raised: np.ndarray) -> np.ndarray:
        """Keep distances between the rows of a stream; return which rows were raised in all."""
        u, steps = self.times[s], self.system.places[s] * self.unit
        count = len(u.start)
        width = self.system.spans[s] // count * self.unit
        turn = width - int(steps[-1])
        ahead = np.arange(count) * width
        last = np.maximum.accumulate(u.last - ahead)
        before = np.append(NEVER * 4, last[:-1])
        if self.period is not None:
            before = np.maximum(before, last[-1] + count * width - self.period)
        late = before + ahead - width + turn - u.start
        rows = np.flatnonzero(late > 0)
        if not len(rows):
            return raised
        late, kind = late[rows], u.kind[rows]
        all_later = late >= u.last[rows] - u.start[rows]  # then the row's own times do not matter
        base = u.start[rows] + np.where(all_later, late, 0)
        late[all_later] = 0
        keys = np.stack([np.where(all_later, -1, kind), late], 1)
        first, case = alike(keys, hashed(keys))
        times = late[first, None] + steps
        own = np.where(all_later[first, None], 0, u.shapes[kind[first]])
        np.maximum(times, own, out=times)
        self.times[s] = u.replaced(rows, case, times, base)
        raised = raised.copy()
        raised[rows] = True
        return raised


def waiting(rule: RowRule, due: np.ndarray) -> np.ndarray:
    """Return the rows of a rule's destination that wait for rows ``due`` of its source."""
    at = (rule.first[:, None] + np.arange(rule.n_rows)) % len(due)
    return np.flatnonzero(due[at].any(1))


def most(x: Rows, y: Rows, rows: np.ndarray) -> int:
    """Return the most by which an event of the given rows is later in ``x`` than in ``y``, or 0."""
    rows = np.flatnonzero(rows & (x.last > y.start))
    if not len(rows):
        return 0
    keys = np.stack([x.kind[rows], y.kind[rows], x.start[rows] - y.start[rows]], 1)
    a, b, ahead = keys[alike(keys, hashed(keys))[0]].T
    return int((x.shapes[a] - y.shapes[b] + ahead[:, None]).max())


def raised_by(before: Rows, after: Rows, least: int, of: Rows) -> tuple[Rows, int]:
    """Return the times ``of`` events that are ``least`` later after than before, and how many.

    All others are long before.
    """
    past = (before.start - NEVER // 2) // -NEVER  # below 0 where a row is long before
    keys = np.stack([before.kind, after.kind, of.kind, after.start - before.start, past], 1)
    first, case = alike(keys, hashed(keys))
    a, b, c, ahead, _ = keys[first].T
    later = after.shapes[b] + ahead[:, None] >= before.shapes[a] + least
    later &= before.start[first, None] + before.shapes[a] > NEVER // 2
    times = np.where(later, of.shapes[c], of.shapes[c] + NEVER)
    counts = np.bincount(case) @ later.sum(1)
    return of.replaced(np.arange(len(case)), case, times), int(counts)
