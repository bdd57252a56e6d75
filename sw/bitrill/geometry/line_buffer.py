"""The line buffer of a folded sliding window: which beats it holds, and the rate it keeps.

It is a ring that holds what a window spans, ``(k - 1) * d`` rows and ``(k - 1) * d + 1`` pixels.
Beats are freed in the order in which they came, so pixels of a window's second row are held until
its first row is free, however often they were read. Windows one row apart lose no time by that: a
row comes while a row is read. With a stride of ``s`` rows, ``s - 1`` rows that nobody reads again
are still held when a row of windows ends, and the next windows wait for as many rows.
docs/adr/0005-what-windows-wait-for.md gives the reasons and the price of other ways.
"""

import dataclasses
from functools import lru_cache

import numpy as np

from .windows import Sliding

ROWS = 8
"""Rows of windows after which each further row takes as long as the one before."""


def capacity(windows: Sliding, pieces: int) -> int:
    """Return the beats that the ring holds, ``pieces`` a pixel.

    It holds at least two, so that one may come while another is read.
    """
    return max(2, (int(windows.offsets[-1]) + 1) * pieces)


def ring(windows: Sliding, pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each step the beat that it reads, and for each beat the step that frees its place.

    Steps are numbered through all frames; a negative one belongs to an earlier frame.
    """
    n_in = windows.height * windows.width * pieces
    origin = windows.origins * pieces
    rel = (windows.offsets[:, None] * pieces + np.arange(pieces)).reshape(-1)
    n = len(origin) * len(rel)
    # once a step has fired, the beats of x before ``after`` are never read again
    following = np.append(origin[1:], n_in)
    after = np.minimum(origin[:, None] + np.append(rel[1:], n_in), following[:, None])
    needed = np.arange(n_in) - capacity(windows, pieces) + 1
    frame = (needed - 1) // n_in  # 0: this frame's beats are overwritten, below 0: an earlier one's
    frees = np.searchsorted(after.reshape(-1), needed - frame * n_in) + frame * n
    return (origin[:, None] + rel).reshape(-1), frees


@lru_cache(maxsize=1024)
def interval(windows: Sliding) -> int:
    """Return the initiation interval of a ring of one beat a pixel, if nothing else ever waits.

    With n beats a pixel it is at most n times as long, since waits are finer then.
    """
    rows = windows.out[0]
    if rows <= ROWS:
        return _simulated(windows)
    shorter = [
        _simulated(
            dataclasses.replace(windows, height=windows.height - (rows - n) * windows.stride[0])
        )
        for n in (ROWS - 1, ROWS)
    ]
    return shorter[1] + (rows - ROWS) * (shorter[1] - shorter[0])


def _simulated(windows: Sliding) -> int:
    """Return the cycles of the third frame, computed event by event."""
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
