"""A serial port of this computer (a pseudo-terminal) with a simulated board at its other end.

The tests of the boards' driver open it like a real port.
"""

import contextlib
import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Sequence
from typing import TypeAlias

from bitrill.errors import ToolError

from .simulated_serial import DutLine

Tear: TypeAlias = Callable[[bytes], Sequence[bytes]]
"""Splits the bytes on their way to the board into pieces. Between two of them the line is silent
for `SimulatedPort`'s ``pause``, to be longer than the board waits for the rest of a request."""

STEP = 500
"""Number of cycles that are simulated between two reads of the port."""

SETTLE = 4_000
"""Number of cycles without traffic after which the simulation slows down: longer than a network's
interval."""

IDLE = 0.005
"""Seconds between two reads of the port once the simulation has slowed down."""


class SimulatedPort:
    """A port ``name`` that a driver can open several times; ``line`` is the board's end.

    ``tear``: splits the host's bytes, with ``pause`` cycles between the pieces. ``settle``: cycles
    without traffic after which the simulation slows down. The simulation runs in a separate thread;
    ``error`` is the error that ended it, if any.
    """

    def __init__(
        self, line: DutLine, *, pause: int = STEP, settle: int = SETTLE, tear: Tear | None = None
    ):
        self.line, self.pause, self.settle, self.tear = line, pause, settle, tear
        self.error: ToolError | None = None
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Remove the port while a driver may have it open."""
        self._over.set()
        self._thread.join()

    def close(self) -> None:
        self.unplug()
        self.line.close()

    def __enter__(self) -> "SimulatedPort":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            quiet = 0
            while not self._over.is_set():
                moved = self._to_board(0 if quiet < self.settle else IDLE)
                moved |= self._to_host()
                quiet = 0 if moved else quiet + STEP
        except ToolError as error:
            self.error = error
        finally:
            os.close(self._master)
            os.close(self._slave)

    def _to_board(self, wait: float) -> bool:
        """Pass the host's bytes to the board; returns whether there were any."""
        if not select.select([self._master], [], [], wait)[0]:
            return False
        data = os.read(self._master, 4096)
        for k, piece in enumerate(self.tear(data) if self.tear else (data,)):
            if k:
                self._to_host(self.pause)
            self.line.write(piece)
        return True

    def _to_host(self, cycles: int = STEP) -> bool:
        """Let the board run and pass its bytes to the host; returns whether there were any."""
        moved, until = False, self.line.now + cycles
        while self.line.now < until:
            data = self.line.read((until - self.line.now) / self.line.clock_hz)
            if not data:
                break
            moved = True
            with contextlib.suppress(BlockingIOError):  # nobody reads: bytes are lost
                os.write(self._master, data)
        return moved
