"""The least interval that a max-plus system allows, and times that keep it.

Times that keep all rules exist exactly if no cycle of rules asks for more than ``interval`` a frame
(Baccelli, Cohen, Olsder, Quadrat 1992). They are found by relaxation. Where that does not come to
rest soon, the cycle that forbids it is looked for (see `bitrill.timing.critical_cycle`); that
cycle's own interval is the next one to try (Lawler 1976), so the least interval comes out exact.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import StageError
from .critical_cycle import Cycle, TrackedTimes
from .maxplus import Event, System
from .relaxation import SWEEPS, Relaxation


@dataclass(frozen=True, eq=False)
class LeastInterval:
    """The least interval in cycles, and times of one frame that keep it.

    ``event`` lies on the critical cycle, if the interval is more than the one searched from.
    """

    interval: Fraction
    event: Event
    times: list[np.ndarray]


def least_interval(system: System, at_least: Fraction | int = 0) -> LeastInterval:
    """Find the shortest interval that all rules allow, and a `schedule` of it.

    ``at_least``: an interval known to be none too long. Raises `StageError` where no interval is
    long enough.
    """
    longest = max(system.sizes)
    interval, event = Fraction(max(longest, at_least)), Event(system.sizes.index(longest), 0)
    while True:
        times = schedule(system, interval)
        if isinstance(times, list):
            return LeastInterval(interval, event, times)
        if times.interval is None:
            raise StageError(f"{system.name}: deadlock: rules wait for one another")
        interval, event = times.interval, times.event


def schedule(system: System, interval: Fraction) -> list[np.ndarray] | Cycle:
    """Return times of one frame's events, in units of ``1 / interval.denominator`` cycles.

    Where no times keep all rules: a cycle of rules that forbids it.
    """
    unit, period = interval.denominator, interval.numerator
    start = [np.arange(n) * unit for n in system.sizes]
    if max(system.sizes) * unit <= period:
        relaxation = Relaxation(system, start, unit=unit, period=period)
        if relaxation.settle(SWEEPS):
            return relaxation.times
        start = relaxation.times  # no later than any that keep all rules
    return TrackedTimes(system, start, unit, period).settle()
