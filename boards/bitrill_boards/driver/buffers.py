"""Memory that the hardware sees, too: what it must offer, and what of it a batch holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class Buffer(Protocol):
    """Memory that the hardware sees, too."""

    @property
    def address(self) -> int: ...

    @property
    def array(self) -> np.ndarray: ...

    def flush(self) -> None: ...

    def invalidate(self) -> None: ...

    def close(self) -> None: ...


class Memory(Protocol):
    """Where buffers come from. An attribute ``size``, if there, bounds their bytes together."""

    def allocate(self, nbytes: int) -> Buffer: ...


@dataclass
class Slot:
    """A batch: its buffers, and what is in them."""

    into: Any = None
    out: Any = None
    frames: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def buffers(self) -> tuple[tuple[str, Any, int], ...]:
        n = self.frames
        return ("IN", self.into, n * self.bytes_in), ("OUT", self.out, n * self.bytes_out)

    def holds(self, bytes_in: int, bytes_out: int) -> bool:
        """Whether so much has room."""
        return (
            self.into is not None
            and len(self.into.array) >= bytes_in
            and self.out is not None
            and len(self.out.array) >= bytes_out
        )

    def release(self) -> None:
        """Give the buffers back."""
        for buffer in (self.into, self.out):
            if buffer is not None:
                buffer.close()
        self.into = self.out = None


__all__ = ["Buffer", "Memory", "Slot"]
