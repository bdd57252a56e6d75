"""When an operator's events may happen: the max-plus rules that timing is computed from.

An operator has up to three streams of events, each numbered through all frames, each at most one
a cycle: ``in`` (a beat is accepted), ``step`` (an internal firing) and ``out`` (a beat is taken).
A `Rule` says ``t[dst][k] >= t[src][index[k]] + delay``; every event happens at the earliest cycle
that all rules allow (hardware is eager). Indices are relative to the same frame; a negative one,
or one past the frame, means an earlier or later frame (event ``-1`` is the previous frame's last).

Cf. Baccelli, Cohen, Olsder, Quadrat: Synchronization and Linearity (1992), timed event graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Stream = Literal["in", "step", "out"]


@dataclass(frozen=True, eq=False)
class Rule:
    """``t[dst][k] >= t[src][index[k]] + delay`` for each event ``k`` of a frame."""

    dst: Stream
    src: Stream
    index: np.ndarray
    delay: int


@dataclass(frozen=True, eq=False)
class Schedule:
    """Events of one frame (``n_in`` input beats, ``n_step`` firings, ``n_out`` output beats)."""

    n_in: int
    n_step: int
    n_out: int
    rules: tuple[Rule, ...]


def pipeline(*, n: int, latency: int) -> Schedule:
    """An elastic pipeline of ``latency`` stages: one beat in, one beat out, bubbles close up.

    Beat ``k`` leaves ``latency`` cycles after it entered at the earliest; beat ``k`` enters no
    sooner than the edge at which beat ``k - latency`` leaves.
    """
    k = np.arange(n)
    return Schedule(n, 0, n, (Rule("out", "in", k, latency), Rule("in", "out", k - latency, 0)))
