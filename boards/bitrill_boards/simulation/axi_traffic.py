"""Delays of a simulated AXI memory, and the traffic that was counted on its ports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AxiStalls:
    """Delays of the simulated memory.

    ``latency``: cycles from an address to its first word, and from a burst's last word to its
    response. ``stall``: probability that a channel begins to wait in a cycle, for 1 to ``pause``
    cycles. ``seed``: seed of the waits.
    """

    latency: int = 100
    stall: float = 0.0
    pause: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Traffic:
    """Traffic on the memory ports: words, cycles of the first and last, what is still owed."""

    now: int
    read_words: int
    write_words: int
    first_address: int
    first_read: int
    last_read: int
    first_write: int
    last_write: int
    reads_owed: int
    writes_owed: int
    responses_owed: int

    @property
    def read_use(self) -> float:
        """Words read per cycle, from the first to the last one."""
        return self.read_words / (self.last_read - self.first_read + 1)

    @property
    def write_use(self) -> float:
        return self.write_words / (self.last_write - self.first_write + 1)

    @property
    def owed(self) -> int:
        return self.reads_owed + self.writes_owed + self.responses_owed
