"""Stall schedules: the cycles in which source and sink pause, the same in every engine."""

from typing import TypeAlias

import numpy as np
from bitrill.errors import SpecError

Schedules: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Schedules of source and sink."""

CYCLES = 16384
"""Least number of cycles after which a schedule repeats."""

ALWAYS = np.array([True])
"""Schedule without pauses."""

_BURST = 12
"""Mean length of a burst of pauses, in cycles."""

_SEGMENT = 256
"""Number of cycles with one kind of pauses."""


def single(stall: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``n`` cycles, each paused (False) with probability ``stall``."""
    return rng.random(n) >= stall


def bursts(stall: float, n: int, mean: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``n`` cycles, a share ``stall`` paused, in bursts of ``mean`` cycles on average."""
    out = np.empty(n, bool)
    start, go = 0, bool(rng.random() >= stall)
    while start < n:
        length = int(rng.geometric(1 / max(mean * (1 - stall) / stall if go else mean, 1.0)))
        out[start : start + length] = go
        start, go = start + length, not go
    return out


def schedule(stall: float, n: int, long: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``n`` cycles, a share ``stall`` paused: single ones, bursts, and ``long`` bursts."""
    if not 0 <= stall < 1:
        raise SpecError(f"stall must be at least 0 and below 1, not {stall}")
    if stall == 0:
        return ALWAYS
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < n:
        parts += [
            single(stall, _SEGMENT, rng),
            bursts(stall, _SEGMENT, _BURST, rng),
            bursts(stall, 4 * long, long, rng),
        ]
    out = np.concatenate(parts)[:n]
    out[-1] = True  # a schedule of only pauses would never let a beat through
    return out


def pair(stall: float, seed: int, *, long: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the schedules of source and sink, independent of each other.

    ``long``: cycles that a frame takes in the design, so that a pause of that length empties or
    fills it. The schedules repeat after different numbers of cycles, so together very late.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    n = max(CYCLES, 32 * long)
    return schedule(stall, n - 1, long, rng), schedule(stall, n + 1, long, rng)


def longest_pause(cycles: np.ndarray) -> int:
    """Return the length of the longest run of False; a run may wrap around the end."""
    go = np.flatnonzero(cycles)
    return int(np.diff(np.append(go, go[0] + len(cycles))).max()) - 1
