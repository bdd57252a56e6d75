"""A serial port of this computer with a simulated board at its other end (a pseudo-terminal)."""

from __future__ import annotations

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
"""What becomes of bytes on their way: pieces, with a silence between two of them that is longer
than the device waits within a request."""

STEP = 500
"""Cycles that are simulated between two looks at the port."""

SETTLE = 4_000
"""Cycles for which the simulation goes on at full speed when nothing comes any more: longer than a
network of one frame's interval needs. Then it goes on slowly."""

IDLE = 0.005
"""Seconds between two steps then."""


class SimulatedPort:
    """``name`` is what a driver opens, again and again if it wants; ``line`` is the board's end.

    ``tear``: what becomes of the host's bytes. `unplug` is what its name says. The simulation's
    time goes on beside that of the world, in a thread; ``error``: what ended it.
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
        """The port vanishes, under the hands of who has it open."""
        self._over.set()
        self._thread.join()

    def close(self) -> None:
        self.unplug()
        self.line.close()

    def __enter__(self) -> SimulatedPort:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            quiet = 0
            while not self._over.is_set():
                moved = self._take(0 if quiet < self.settle else IDLE)
                moved |= self._give()
                quiet = 0 if moved else quiet + STEP
        except ToolError as error:
            self.error = error
        finally:
            os.close(self._master)
            os.close(self._slave)

    def _take(self, wait: float) -> bool:
        """Bytes of the host to the board; whether there were some."""
        if not select.select([self._master], [], [], wait)[0]:
            return False
        data = os.read(self._master, 4096)
        for k, piece in enumerate(self.tear(data) if self.tear else (data,)):
            if k:
                self._give(self.pause)
            self.line.write(piece)
        return True

    def _give(self, cycles: int = STEP) -> bool:
        """Let the board run, and its bytes to the host; whether there were some."""
        some, until = False, self.line.now + cycles
        while self.line.now < until:
            data = self.line.read((until - self.line.now) / self.line.clock_hz)
            if not data:
                break
            some = True
            with contextlib.suppress(BlockingIOError):  # nobody reads: an overrun loses bytes
                os.write(self._master, data)
        return some
