"""Interval and latency from recorded cycles."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, Tensor
from bitrill.timing.predict import Timing
from bitrill_sim.job import Stream
from bitrill_sim.measured import Measured, free_frames, measure


def capture(taken: list[int], *, beats: int = 1) -> SimpleNamespace:
    o = Stream(Tensor((beats,), BIPOLAR), 1, padded=True)
    return SimpleNamespace(taken=np.array(taken), accepted=np.array([3]), job=SimpleNamespace(o=o))


@pytest.mark.parametrize(
    ("steps", "ii"),
    [
        ([9, 8, 7, 7, 7, 7, 7, 7], Fraction(7)),
        ([9, 3, 4, 3, 4, 3, 4, 3, 4], Fraction(7, 2)),
        ([5, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1], Fraction(4, 3)),
        ([1, 2, 4, 8, 16, 32, 64, 128], None),
    ],
)
def test_interval_is_of_the_periodic_end(steps: list[int], ii: Fraction | None) -> None:
    done = np.cumsum([20, *steps]).tolist()
    assert measure(capture(done)) == Measured(ii, 17)  # pyright: ignore


def test_latency_ends_with_the_last_beat() -> None:
    beats = [t + k for t in range(10, 90, 8) for k in (0, 2)]
    assert measure(capture(beats, beats=2)) == Measured(Fraction(8), 9)  # pyright: ignore


def test_frames_cover_the_period() -> None:
    assert free_frames(Timing(Fraction(64), 100)) == 11
    assert free_frames(Timing(Fraction(7, 5), 100)) == 23
