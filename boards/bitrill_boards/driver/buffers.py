"""Memory that both the processor and the programmable logic see, and what a batch holds of it."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Buffer(Protocol):
    """A piece of shared memory: ``array`` is its bytes (uint8), ``address`` where the hardware
    finds them."""

    @property
    def address(self) -> int: ...

    @property
    def array(self) -> np.ndarray: ...

    def flush(self) -> None:
        """Write the processor's caches back: call it before the hardware reads."""
        ...

    def invalidate(self) -> None:
        """Forget what the processor's caches hold: call it before the processor reads."""
        ...

    def close(self) -> None: ...


class Memory(Protocol):
    """Gives buffers; ``size`` bounds their bytes together, None where nothing is known."""

    @property
    def size(self) -> int | None: ...

    def allocate(self, nbytes: int) -> Buffer: ...

    def close(self) -> None: ...


class Slot:
    """A pair of buffers that is used again and again, and the batch that lies in it."""

    def __init__(self) -> None:
        self.ends: tuple[Buffer, Buffer] | None = None
        self.frames = self.bytes_in = self.bytes_out = 0

    @property
    def pair(self) -> tuple[Buffer, Buffer]:
        """The buffers of frames in and frames out."""
        if self.ends is None:
            raise RuntimeError("a slot is used before it has buffers")
        return self.ends

    @property
    def spans(self) -> tuple[tuple[str, int, int], ...]:
        """Name, address and bytes of what the hardware reads and of what it writes."""
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
        """Give the buffers back."""
        for buffer in self.ends or ():
            buffer.close()
        self.ends = None
