"""The ring of beats that a folded sliding window reads: who waits for whom, and the rate it keeps.

The ring holds what a window spans, ``(k - 1) * d`` rows and ``(k - 1) * d + 1`` pixels, no more.
Beats are freed in the order in which they came, so pixels of a window's second row count as held
until its first row is free, however often they were read. Windows one row apart lose nothing by
that: a row comes while a row is read. With ``s`` rows between them, ``s - 1`` rows that nobody
reads again are still held when a row of windows ends; the next windows wait for as many rows. Why
so, and at what price it could be otherwise: docs/adr/0005-what-windows-wait-for.md.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from .windows import Sliding

ROWS = 8
"""Rows of windows from which on one more takes as long as the one before."""


def capacity(windows: Sliding, pieces: int) -> int:
    """Beats held, ``pieces`` a pixel: two at least, that one may come while another is read."""
    return max(2, (int(windows.offsets[-1]) + 1) * pieces)


def ring(windows: Sliding, pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """For each step the beat that it reads, and for each beat the step that frees its place.

    Steps are numbered on through all frames: one below 0 is of an earlier frame.
    """
    n_in = windows.height * windows.width * pieces
    origin = windows.origins * pieces
    rel = (windows.offsets[:, None] * pieces + np.arange(pieces)).reshape(-1)
    n = len(origin) * len(rel)
    # all beats of x before it are never read again, once a step has fired
    following = np.append(origin[1:], n_in)
    after = np.minimum(origin[:, None] + np.append(rel[1:], n_in), following[:, None])
    needed = np.arange(n_in) - capacity(windows, pieces) + 1
    frame = (needed - 1) // n_in  # 0: this frame's beats are overwritten, below: earlier ones'
    frees = np.searchsorted(after.reshape(-1), needed - frame * n_in) + frame * n
    return (origin[:, None] + rel).reshape(-1), frees


@lru_cache(maxsize=1024)
def interval(windows: Sliding) -> int:
    """Cycles from frame to frame of a ring of one beat a pixel, if nothing else ever waits.

    With more beats a pixel it is so many times as long at most: what waits then is finer.
    """
    rows = windows.out[0]
    if rows <= ROWS:
        return _simulated(windows)
    less = [
        _simulated(
            dataclasses.replace(windows, height=windows.height - (rows - n) * windows.stride[0])
        )
        for n in (ROWS - 1, ROWS)
    ]
    return less[1] + (rows - ROWS) * (less[1] - less[0])


def _simulated(windows: Sliding) -> int:
    """The third frame's cycles, event by event."""
    needs, frees = ring(windows, 1)
    n_in, n = len(frees), len(needs)
    came: list[int] = []
    read: list[int] = []
    for frame in range(3):
        free = (frees + frame * n).tolist()

        def come(until: int, start: int = frame * n_in, free: list[int] = free) -> None:
            while len(came) < until:
                before = free[len(came) - start]
                room = read[before] + 1 if before >= 0 else 0
                came.append(max(came[-1] + 1 if came else 0, room))

        for beat in (needs + frame * n_in).tolist():
            come(beat + 1)
            read.append(max(read[-1] + 1 if read else 0, came[beat] + 1))
        come((frame + 1) * n_in)
    return max(read[-1] - read[-1 - n], came[-1] - came[-1 - n_in])
