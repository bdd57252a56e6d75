"""When source and sink pause: one seeded schedule of cycles, the same under every simulator."""

from __future__ import annotations

import numpy as np
from bitrill.errors import SpecError

SOURCE_CYCLES, SINK_CYCLES = 16383, 16381
"""Cycles after which a schedule repeats; coprime, so that the pair repeats late."""

_SEGMENT = 256
_BURST = 16

ALWAYS = np.array([True])
"""The schedule without pauses."""


def random(stall: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` cycles, each paused (False) with probability ``stall``, one by one."""
    return rng.random(n) >= stall


def bursty(stall: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` cycles in runs: pauses of 16 cycles on average, ``stall`` of the time."""
    out = np.empty(n, bool)
    start, go = 0, bool(rng.random() >= stall)
    while start < n:
        mean = _BURST * (1 - stall) / stall if go else _BURST
        length = int(rng.geometric(1 / max(mean, 1.0)))
        out[start : start + length] = go
        start, go = start + length, not go
    return out


def schedule(stall: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` cycles, paused ``stall`` of the time: stretches of `random` and of `bursty` in turn."""
    if not 0 <= stall < 1:
        raise SpecError(f"stall must be at least 0 and below 1, not {stall}")
    if stall == 0:
        return ALWAYS
    kinds = (random, bursty)
    parts = [kinds[k % 2](stall, _SEGMENT, rng) for k in range(-(-n // _SEGMENT))]
    out = np.concatenate(parts)[:n]
    out[-1] = True  # however short, it lets something through
    return out


def pair(stall: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``(source, sink)``: the schedules of both ends, independent of each other."""
    rng = np.random.default_rng([seed, 0x5EED])
    return schedule(stall, SOURCE_CYCLES, rng), schedule(stall, SINK_CYCLES, rng)


def longest_pause(cycles: np.ndarray) -> int:
    """Length of the longest run of False, also across the end to the beginning."""
    go = np.flatnonzero(cycles)
    return int(np.diff(np.append(go, go[0] + len(cycles))).max()) - 1
