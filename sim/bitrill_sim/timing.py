"""Cycles as simulated against cycles as predicted: equal, or not; nothing between."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from bitrill.ir.graph import Graph
from bitrill.plan.timing import Timing, replay

from .job import Capture

EXACT_FRAMES = 64
"""Frames of a free run that are replayed; from there on the run must be periodic."""


@dataclass(frozen=True)
class Measured:
    """What a free run showed; ``ii`` is None where it never became periodic."""

    ii: Fraction | None
    latency: int


def free_frames(predicted: Timing) -> int:
    """Frames of a free run that show the periodic regime: three periods and their approach."""
    return 8 + 3 * predicted.ii.denominator


def measure(capture: Capture) -> Measured:
    """Latency of the first frame, interval of the last ones, of a run without stalls."""
    done = _frames(capture.taken, capture.job.o.beats)[:, -1]
    latency = int(done[0] - capture.accepted[0])
    steps = np.diff(done)
    tail = steps[len(steps) // 2 :]
    for period in range(1, len(tail) // 2 + 1):
        if (tail[period:] == tail[:-period]).all():
            return Measured(Fraction(int(tail[-period:].sum()), period), latency)
    return Measured(None, latency)


def follows_model(graph: Graph, capture: Capture, *, free: bool) -> bool:
    """Whether every beat, in and out, moved in the very cycle that the model gives.

    The recorded trace is replayed through the model. Of a long free run the first frames are,
    and if the rest repeats them with the model's interval, that is the model's own future: its
    state repeats. Otherwise all frames are replayed.
    """
    i, o = capture.job.i.beats, capture.job.o.beats
    frames = capture.whole
    if free and frames > EXACT_FRAMES:
        first = _replayed(graph, capture, EXACT_FRAMES)
        return first and (_repeats(capture) or _replayed(graph, capture, frames))
    if len(capture.accepted) < frames * i or len(capture.taken) < frames * o:
        return False
    return _replayed(graph, capture, frames)


def _replayed(graph: Graph, capture: Capture, frames: int) -> bool:
    n_in, n_out = frames * capture.job.i.beats, frames * capture.job.o.beats
    model = replay(graph, np.array(capture.offered[:n_in]), capture.ready)
    return np.array_equal(model.accepted, capture.accepted[:n_in]) and np.array_equal(
        model.taken, capture.taken[:n_out]
    )


def _repeats(capture: Capture) -> bool:
    """Whether all frames past the middle of the replayed ones repeat with one period and step."""
    accepted = _frames(capture.accepted, capture.job.i.beats)
    taken = _frames(capture.taken, capture.job.o.beats)
    both = np.concatenate([accepted, taken], axis=1)[EXACT_FRAMES // 2 :]
    for period in range(1, EXACT_FRAMES // 4 + 1):
        steps = both[period:] - both[:-period]
        if (steps == steps[0, 0]).all():
            return True
    return False


def _frames(cycles: np.ndarray, beats: int) -> np.ndarray:
    whole = len(cycles) // beats
    return np.array(cycles[: whole * beats]).reshape(whole, beats)
