"""Cycles as simulated against cycles as predicted: equal, or not; nothing between."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from bitrill.ir.graph import Graph
from bitrill.plan.timing import Timing, replay

from .job import Capture


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
    beats = capture.job.o.beats
    done = np.array(capture.taken[beats - 1 :: beats])
    latency = int(done[0] - capture.accepted[0])
    steps = np.diff(done)
    tail = steps[len(steps) // 2 :]
    for period in range(1, len(tail) // 2 + 1):
        if (tail[period:] == tail[:-period]).all():
            return Measured(Fraction(int(tail[-period:].sum()), period), latency)
    return Measured(None, latency)


def follows_model(graph: Graph, capture: Capture) -> bool:
    """Whether every beat, in and out, moved in the very cycle that the model gives.

    The recorded trace, when each input beat was offered and when the sink was ready, is replayed
    through the model; only frames that came out whole are.
    """
    n_in, n_out = (capture.whole * s.beats for s in (capture.job.i, capture.job.o))
    if len(capture.accepted) < n_in:
        return False
    model = replay(graph, np.array(capture.offered[:n_in]), capture.ready)
    return np.array_equal(model.accepted, capture.accepted[:n_in]) and np.array_equal(
        model.taken, capture.taken[:n_out]
    )
