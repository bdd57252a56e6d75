"""Memory shared by the processor and the programmable logic, and the buffers of a batch."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Buffer(Protocol):
    """A piece of shared memory: its bytes as ``array`` (uint8), and its physical ``address``."""

    @property
    def address(self) -> int: ...

    @property
    def array(self) -> np.ndarray: ...

    def flush(self) -> None:
        """Write the processor's caches back; call it before the hardware reads."""
        ...

    def invalidate(self) -> None:
        """Invalidate the processor's caches; call it before the processor reads."""
        ...

    def close(self) -> None: ...


class Memory(Protocol):
    """Allocates buffers; ``size`` bounds their total bytes, None if no bound is known."""

    @property
    def size(self) -> int | None: ...

    def allocate(self, nbytes: int) -> Buffer: ...

    def close(self) -> None: ...


class Slot:
    """A pair of buffers that is reused, and the batch that is stored in it."""

    def __init__(self) -> None:
        self.ends: tuple[Buffer, Buffer] | None = None
        self.frames = self.bytes_in = self.bytes_out = 0

    @property
    def pair(self) -> tuple[Buffer, Buffer]:
        """Buffers of the frames in and of the frames out."""
        if self.ends is None:
            raise RuntimeError("a slot is used before it has buffers")
        return self.ends

    @property
    def spans(self) -> tuple[tuple[str, int, int], ...]:
        """Name, address and number of bytes that the hardware reads, and that it writes."""
        into, out = self.pair
        n = self.frames
        return ("IN", into.address, n * self.bytes_in), ("OUT", out.address, n * self.bytes_out)

    def holds(self, bytes_in: int, bytes_out: int) -> bool:
        """Return whether the buffers are large enough for that many bytes."""
        if self.ends is None:
            return False
        into, out = self.ends
        return len(into.array) >= bytes_in and len(out.array) >= bytes_out

    def release(self) -> None:
        """Free the buffers."""
        for buffer in self.ends or ():
            buffer.close()
        self.ends = None
