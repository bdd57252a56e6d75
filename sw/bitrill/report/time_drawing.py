"""Draws when each operator works on one frame: shares of work and waiting in steps of time."""

from dataclasses import dataclass

import numpy as np

from ..timing.frame_times import OperatorTimes, Wait

STEPS = 120
"""Steps of time that a row is drawn in."""

WIDE, HIGH = 1000, 20
"""Units of a row's drawing; it is stretched to the width of the page."""


@dataclass(frozen=True)
class TimeRow:
    """One operator: first and last cycle, waited cycles, and the outlines of its areas."""

    name: str
    kind: str
    first: int
    last: int
    busy: int
    starved: int
    blocked: int
    load: float
    """Share of the cycles in which it works when frames follow each other."""
    left: float
    wide: float
    areas: tuple[tuple[str, str], ...]
    """Class and path of each area, from the bottom up: work, waiting for input, for output."""


def time_row(name: str, kind: str, times: OperatorTimes, latency: int, load: float) -> TimeRow:
    """Return an operator's row in a diagram of ``latency`` cycles."""
    edges = np.linspace(0, latency + 1, STEPS + 1)
    cycles = _cycles(times)
    shares = {w: np.diff(np.interp(edges, *cycles[w])) / np.diff(edges) for w in Wait}
    base, areas = np.zeros(STEPS), []
    for w in (Wait.WORK, Wait.INPUT, Wait.OUTPUT):
        top = np.minimum(base + shares[w], 1.0)
        if (path := _outline(base, top)) is not None:
            areas.append((w.name.lower(), path))
        base = top
    scale = WIDE / (latency + 1)
    waited = times.waited
    busy = times.last - times.first + 1 - sum(waited.values())
    start, wide = times.first * scale, (times.last + 1 - times.first) * scale
    return TimeRow(
        name,
        kind,
        times.first,
        times.last,
        busy,
        waited[Wait.INPUT],
        waited[Wait.OUTPUT],
        load,
        round(start, 1),
        round(max(1.0, wide), 1),
        tuple(areas),
    )


def _cycles(times: OperatorTimes) -> dict[Wait, tuple[np.ndarray, np.ndarray]]:
    """Return points of the lines that count an operator's cycles of work and of each waiting."""
    t = times.events
    before = np.diff(t, prepend=t[0] - 1) - 1
    at = np.stack([t - before, t, t + 1], 1).reshape(-1)
    lines = {}
    for w in Wait:
        waited = np.where(times.waits == w, before, 0)
        step = np.full(len(t), int(w == Wait.WORK))
        grown = np.stack([np.zeros_like(waited), waited, step], 1).reshape(-1)
        lines[w] = (at.astype(float), np.cumsum(grown).astype(float))
    return lines


def _outline(base: np.ndarray, top: np.ndarray) -> str | None:
    """Return the path of a stepped area; None for one without any height."""
    low, high = (np.round(HIGH * (1 - v), 1) for v in (base, top))
    used = np.flatnonzero(high < low)
    if not len(used):
        return None
    wide, path = WIDE / STEPS, []
    for run in np.split(used, np.flatnonzero(np.diff(used) > 1) + 1):
        a, b = int(run[0]), int(run[-1]) + 1
        path.append(f"M{a * wide:.0f} {low[a]:g}" + _steps(high[a:b], a, wide, forward=True))
        path.append(_steps(low[a:b], a, wide, forward=False) + "Z")
    return "".join(path)


def _steps(heights: np.ndarray, first: int, wide: float, *, forward: bool) -> str:
    """Return the moves along a row of steps, in the direction of time or against it."""
    places = np.flatnonzero(np.diff(heights)) + 1
    starts = [0, *places.tolist()]
    ends = [*places.tolist(), len(heights)]
    runs = list(zip(starts, ends, strict=True))
    moves = []
    for a, b in runs if forward else reversed(runs):
        moves.append(f"V{heights[a]:g}H{(first + (b if forward else a)) * wide:.0f}")
    return "".join(moves)
