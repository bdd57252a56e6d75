"""Interface between `Driver` and a link to a board: `Transport`, and a base class for simple links.

Bitrill has `AxiTransport` and `SerialTransport`. For a link of your own that sends one frame at a
time, extend `FrameTransport` and define ``run``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .driver_errors import DriverError

BATCH = 16
"""Frames that are packed and unpacked together for a link that sends one at a time."""


@dataclass(frozen=True)
class Device:
    """What a board reports about its network; the bytes of frames are None if not reported."""

    digest: bytes
    clock_hz: int
    bytes_in: int | None = None
    bytes_out: int | None = None


class Transport(Protocol):
    """Carries frames to a board and back.

    ``align``: the bytes of a frame are a multiple of it. ``overlaps``: frames are transferred while
    others are computed, so that the hardware's cycle counter measures the whole system. ``notes``:
    what could not be set or checked when the board was opened. ``counters``: counts of all runs so
    far, by name: CYCLES, IN_STALLED, OUT_STALLED, and ``k_NAME`` of layer k; empty without any.
    """

    align: int
    overlaps: bool
    notes: tuple[str, ...]

    @property
    def counters(self) -> Mapping[str, int]: ...

    @property
    def device(self) -> Device: ...

    def batch(self, bytes_in: int, bytes_out: int) -> int:
        """Return the number of frames that should be sent together."""
        ...

    def run_batches(
        self, batches: Iterable[np.ndarray], bytes_out: int
    ) -> Generator[tuple[np.ndarray, int], None, None]:
        """Yield the results of each batch, uint8 ``[N, bytes out]``, and the cycles they took.

        ``batches``: uint8 ``[N, bytes in]``. Closing the generator abandons batches in progress.
        """
        ...

    def write_weights(self, pairs: Iterable[tuple[int, int]]) -> int:
        """Write ``(address, word)`` pairs of ``registers.json``; return their number."""
        ...

    def close(self) -> None: ...


class FrameTransport(ABC):
    """Base class of links that send one frame at a time; they define `run`."""

    align = 1
    overlaps = False
    notes: tuple[str, ...] = ()

    @property
    def counters(self) -> Mapping[str, int]:
        """No counts: links of single frames have no registers."""
        return {}

    @abstractmethod
    def run(self, frames: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """Yield the network's resulting frame and its cycles for each frame, in order."""

    def batch(self, bytes_in: int, bytes_out: int) -> int:
        return BATCH

    def run_batches(
        self, batches: Iterable[np.ndarray], bytes_out: int
    ) -> Generator[tuple[np.ndarray, int], None, None]:
        frames = (row.tobytes() for batch in batches for row in batch)
        answers: list[bytes] = []
        total = 0
        for answer, cycles in self.run(frames):
            answers.append(answer)
            total += cycles
            if len(answers) == BATCH:
                yield _joined(answers, bytes_out), total
                answers, total = [], 0
        if answers:
            yield _joined(answers, bytes_out), total

    def write_weights(self, pairs: Iterable[tuple[int, int]]) -> int:
        raise DriverError("weights can be written only over AXI: this link carries only frames")


def _joined(answers: list[bytes], bytes_out: int) -> np.ndarray:
    return np.frombuffer(b"".join(answers), np.uint8).reshape(-1, bytes_out)
