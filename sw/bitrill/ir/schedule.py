"""Schedules: the rules by which an operator's beats wait for each other, in a max-plus system.

An operator has streams of events, each numbered through all frames, each at most one a cycle:
``in`` (a beat of its first operand is accepted), ``in1``, ``in2``, .. (of its others), ``step`` (an
internal firing), ``out`` (a beat of its first result is taken) and ``out1``, ``out2``, ...
A `Rule` says ``t[dst][k] >= t[src][index[k]] + delay``; every event happens at the earliest cycle
that all rules allow (hardware is eager). Indices are relative to the same frame; a negative one,
or one past the frame, means an earlier or later frame (event ``-1`` is the previous frame's last).

Cf. Baccelli, Cohen, Olsder, Quadrat: Synchronization and Linearity (1992), timed event graphs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

Stream: TypeAlias = str
"""``in``, ``in1``, .., ``step``, ``out``, ``out1``, .."""


def port(kind: Stream, number: int) -> Stream:
    """Name of the stream of an operand (``in``) or result (``out``) by its number."""
    return f"{kind}{number}" if number else kind


@dataclass(frozen=True, eq=False)
class Rule:
    """``t[dst][k] >= t[src][index[k]] + delay`` for each event ``k`` of a frame."""

    dst: Stream
    src: Stream
    index: np.ndarray
    delay: int


@dataclass(frozen=True, eq=False)
class Schedule:
    """The events of one frame (``n_in`` input beats, ``n_step`` firings, ``n_out`` output beats).

    ``more``: the number of events of further streams by name, ``in1``, .. and ``out1``, ...
    """

    n_in: int
    n_step: int
    n_out: int
    rules: tuple[Rule, ...]
    more: Mapping[Stream, int] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[Stream, int]:
        """Number of events of every stream."""
        return {"in": self.n_in, "step": self.n_step, "out": self.n_out, **self.more}


def pipeline(*, n: int, latency: int) -> Schedule:
    """The schedule of an elastic pipeline of ``latency`` stages: bubbles close up under stalls.

    Beat ``k`` leaves at least ``latency`` cycles after it entered, and enters no sooner than the
    clock edge at which beat ``k - latency`` leaves.
    """
    k = np.arange(n)
    return Schedule(n, 0, n, (Rule("out", "in", k, latency), Rule("in", "out", k - latency, 0)))
