"""Latest times: how late each event may be without making the anchor late.

Earliest times are the longest ways from the anchor to each event, latest times the longest ways
from each event to the anchor, taken off. An event that must be later than its latest time makes
the anchor wait for itself, so no times keep the rules (see `bitrill.timing.feasibility`). Latest
times are the earliest ones of a mirrored system, in which time, events and rules run backwards.
"""

import numpy as np

from .event_graph import EdgeFifo, EventGraph
from .maxplus import PiecewiseRule, System
from .relaxation import NEVER, SWEEPS, Relaxation


class LatestTimes:
    """Latest times at the interval of the slowest operator, kept up as FIFOs lose slots.

    ``times``: by stream, in the units of `EventGraph.earliest`; they only ever become earlier.
    """

    def __init__(self, events: EventGraph):
        self._system = mirrored(events.system)
        interval, anchor = events.slowest.interval, events.slowest.anchor
        self._unit, self._period = interval.denominator, interval.numerator
        start = [np.full(n, NEVER) for n in self._system.sizes]
        start[anchor.stream][len(start[anchor.stream]) - 1 - anchor.k] = 0
        self._mirrored = start
        self.times = {s: -u[::-1] for s, u in enumerate(start)}
        self._settle(None)

    def set_depths(self, depths: dict[EdgeFifo, int]) -> None:
        """Give FIFOs fewer slots, with which some times keep all rules."""
        for f, depth in depths.items():
            self._system.replace(f.rule, np.arange(self._system.sizes[f.q]) - depth)
        self._settle([f.rule for f in depths])

    def _settle(self, rules: list[int] | None) -> None:
        relaxation = Relaxation(
            self._system, self._mirrored, unit=self._unit, period=self._period, rules=rules
        )
        while not relaxation.settle(SWEEPS):
            pass
        for s, u in enumerate(relaxation.times):
            if u is not self._mirrored[s]:
                self._mirrored[s] = u
                self.times[s] = -u[::-1]


def mirrored(system: System) -> System:
    """Return the system backwards: event ``k`` of ``n`` is ``n - 1 - k``, its time is negative."""
    back = System(system.name)
    for span, places in zip(system.spans, system.places, strict=True):
        back.stream(span, places=None if places is None else places[-1] - places[::-1])
    for number, rule in enumerate(system.rules):
        n_src, n_dst = system.sizes[rule.src], system.sizes[rule.dst]
        if _is_shift(rule, n_src, n_dst):
            back.put(PiecewiseRule(rule.src, rule.dst, rule.pieces, rule.delay))
            continue
        waiting = first_waiting(system.index(number), n_src)
        back.rule(rule.src, rule.dst, n_dst - 1 - waiting[::-1], rule.delay)
    return back


def _is_shift(rule: PiecewiseRule, n_src: int, n_dst: int) -> bool:
    """Return whether each event waits for the one a fixed number of places away."""
    shifts = {p.frames * n_src + p.offset - p.first for p in rule.pieces}
    steps = all(
        len(p.loops) == 1 and (p.loops[0][1] == 1 or p.loops[0][0] == 1) for p in rule.pieces
    )
    return n_src == n_dst and len(shifts) == 1 and steps


def first_waiting(index: np.ndarray, n_src: int) -> np.ndarray:
    """Return for each event of a rule's source the first one that waits for it or a later one.

    Numbers count from the frame's first event on, as in ``index``. Later ones wait all the more.
    """
    n_dst, top = len(index), int(index.max())
    low = top - n_src
    reach = np.maximum.accumulate(index) - low  # of all events so far
    before = np.cumsum(np.bincount(np.maximum(reach, 0), minlength=n_src + 1))
    frame, place = np.divmod(np.arange(n_src) - low - 1, n_src)
    return before[place] + frame * n_dst
