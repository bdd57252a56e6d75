"""A board at the other end of a pseudo-terminal: the golden model behind the serial protocol."""

from __future__ import annotations

import os
import pty
import select
import struct
import threading
import tty
import zlib
from types import TracebackType

import numpy as np
from bitrill.flow import Build
from bitrill_boards.driver import messages
from boards.driver.shell_model import network_of

CYCLES = 99


class Board:
    """``with Board(build) as port``: the device's name. ``flip``: the frame that gets a bit wrong.

    No faults of the line: those are the protocol's own tests.
    """

    def __init__(self, build: Build, *, flip: int | None = None, digest: bytes | None = None):
        self.graph, self.net = build.graph, network_of(build)
        self.into, self.out = self.net.input.format(1), self.net.output.format(1)
        self.flip, self.digest = flip, digest or self.net.digest
        self.seen, self.done = 0, threading.Event()

    def __enter__(self) -> str:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.slave = slave
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return os.ttyname(slave)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.done.set()
        self.thread.join()
        os.close(self.master)
        os.close(self.slave)

    def _serve(self) -> None:
        data = b""
        while not self.done.is_set():
            if not select.select([self.master], [], [], 0.02)[0]:
                continue
            data += os.read(self.master, 4096)
            while len(data) >= 5 and len(data) >= 9 + struct.unpack_from("<H", data, 3)[0]:
                size = struct.unpack_from("<H", data, 3)[0]
                assert data[0] == messages.REQUEST
                assert zlib.crc32(data[1 : 5 + size]) == int.from_bytes(
                    data[5 + size : 9 + size], "little"
                )
                os.write(self.master, self._answer(data[1], data[2], data[5 : 5 + size]))
                data = data[9 + size :]

    def _answer(self, operation: int, number: int, payload: bytes) -> bytes:
        if operation == messages.IDENT:
            told = (messages.MAGIC, messages.VERSION, 0, self.digest, 25_000_000, self.into.bytes)
            return messages.reply(
                messages.DONE, number, messages.IDENTITY.pack(*told, self.out.bytes)
            )
        x = self.into.unpack(np.frombuffer(payload, np.uint8))
        y = self.graph.run(self.net.input.to_model(x)).reshape(1, -1)
        data = bytearray(self.out.pack(y).tobytes())
        data[0] ^= self.seen == self.flip
        self.seen += 1
        return messages.reply(messages.DONE, number, bytes(data) + CYCLES.to_bytes(4, "little"))
