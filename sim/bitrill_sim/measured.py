"""Measures interval and latency of a run, and compares each beat's cycle with the prediction."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from bitrill.ir.graph import Graph
from bitrill.timing.predict import Timing
from bitrill.timing.replay import replay

from .job import Capture


@dataclass(frozen=True)
class Measured:
    """Interval and latency of a run without stalls; ``ii`` is None if it never became periodic."""

    ii: Fraction | None
    latency: int


def free_frames(predicted: Timing) -> int:
    """Return the number of frames of a run without stalls that shows the interval.

    They are a start and three periods.
    """
    return 8 + 3 * predicted.ii.denominator


def measure(capture: Capture) -> Measured:
    """Measure the latency of the first frame and the interval of the last, without stalls."""
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
    """Describe the first input or output beat that moved in another cycle than predicted, if any.

    The recorded stalls are replayed on the event graph: when each input beat was offered and when
    the sink was ready. Only complete output frames are compared.
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
