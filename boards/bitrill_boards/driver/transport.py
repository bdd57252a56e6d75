"""What `Driver` needs of a link to a board: the protocol `Transport`, and a base for simple links.

`AxiTransport` and `SerialTransport` are the two that exist. A link of one's own that sends one
frame at a time extends `FrameTransport` and gives ``run``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .driver_errors import DriverError

BATCH = 16
"""Frames that are packed and unpacked together for a link that takes one at a time."""


@dataclass(frozen=True)
class Device:
    """What a board says of the network in it; a frame's bytes are None where only the digest tells
    them."""

    digest: bytes
    clock_hz: int
    bytes_in: int | None = None
    bytes_out: int | None = None


class Transport(Protocol):
    """Carries frames to a board and back.

    ``align``: a frame's bytes are a multiple of it. ``overlaps``: frames move while others are
    computed, so that the hardware's cycle counter tells the rate of the whole system. ``notes``:
    what could not be set or checked when the board was opened.
    """

    align: int
    overlaps: bool
    notes: tuple[str, ...]

    @property
    def device(self) -> Device: ...

    def batch(self, bytes_in: int, bytes_out: int) -> int:
        """Number of frames that should travel together."""
        ...

    def run_batches(
        self, batches: Iterable[np.ndarray], bytes_out: int
    ) -> Generator[tuple[np.ndarray, int], None, None]:
        """For each batch, uint8 ``[N, bytes in]``, its results, uint8 ``[N, bytes out]``, and the
        cycles they took. Closing the generator gives up what is under way."""
        ...

    def write_weights(self, pairs: Iterable[tuple[int, int]]) -> int:
        """Write ``(address, word)`` pairs of ``registers.json``; returns their number."""
        ...

    def close(self) -> None: ...


class FrameTransport(ABC):
    """Base of links that send one frame at a time: `run` is all that they need."""

    align = 1
    overlaps = False
    notes: tuple[str, ...] = ()

    @abstractmethod
    def run(self, frames: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """For each frame, in order, the frame that comes out of the network and its cycles."""

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
        raise DriverError("weights can be written over AXI only: this link carries frames")


def _joined(answers: list[bytes], bytes_out: int) -> np.ndarray:
    return np.frombuffer(b"".join(answers), np.uint8).reshape(-1, bytes_out)
