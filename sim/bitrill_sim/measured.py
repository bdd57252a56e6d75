"""Cycles as simulated against cycles as predicted: equal, or not; nothing between."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from bitrill.ir.graph import Graph
from bitrill.timing.predict import Timing
from bitrill.timing.replay import replay

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


def late_beat(graph: Graph, capture: Capture) -> str | None:
    """The first beat, in or out, that moved in another cycle than the model gives; None if none.

    The recorded trace, when each input beat was offered and when the sink was ready, is replayed
    through the model; only frames that came out whole are.
    """
    job = capture.job
    n_in, n_out = capture.whole * job.i.beats, capture.whole * job.o.beats
    words = {stream.node: np.array(capture.fed(k)) for k, stream in enumerate(job.words)}
    model = replay(graph, np.array(capture.offered[:n_in]), capture.ready, words)
    for what, beats, seen, due in (
        ("input", job.i.beats, capture.accepted[:n_in], model.accepted),
        ("output", job.o.beats, capture.taken[:n_out], model.taken),
    ):
        wrong = np.flatnonzero(seen != due)
        if len(wrong):
            k = int(wrong[0])
            return (
                f"{what} beat {k % beats} of frame {k // beats} must move in cycle {due[k]},"
                f" not {seen[k]}"
            )
    return None
