"""A simulated JTAG cable: an XVC server with a chain of chips behind it, bit for bit."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import numpy as np

RESET, IDLE, CAPTURE_DR, SHIFT_DR, UPDATE_DR = 0, 1, 3, 4, 8
CAPTURE_IR, SHIFT_IR, UPDATE_IR = 10, 11, 15
NEXT = (
    (1, 0),
    (1, 2),
    (3, 9),
    (4, 5),
    (4, 5),
    (6, 8),
    (6, 7),
    (4, 8),
    (1, 2),
    (10, 0),
    (11, 12),
    (11, 12),
    (13, 15),
    (13, 14),
    (11, 15),
    (1, 2),
)
"""The state behind each one, TMS low and high."""

SINK = 0
"""The length of a register that swallows what is shifted in."""


class Chip:
    """A chip of a chain; ``identify``: the instruction of the IDCODE, which reset selects."""

    irlen, identify = 8, 0xE0

    def __init__(self, idcode: int):
        self.idcode, self.instruction = idcode, self.identify
        self.value, self.length = 0, 1
        self.chunks: list[tuple[int, int]] = []
        self.taken = b""

    def captured(self) -> tuple[int, int]:
        """Value and length of the data register; the bypass register by default."""
        return (self.idcode, 32) if self.instruction == self.identify else (0, 1)

    def status(self) -> int:
        """The status bits that the instruction register shows."""
        return 0b01

    def told(self) -> None:
        """Act on a new instruction."""

    def updated(self) -> None:
        """Act on new data: ``value``, or ``bytes_in`` of a sink."""

    def shift(self, bits: int, n: int) -> int:
        if self.length == SINK:
            self.chunks.append((bits, n))
            return bits
        both = self.value | bits << self.length
        self.value = both >> n
        return both & ((1 << n) - 1)

    def bytes_in(self, skip: int = 0) -> bytes:
        """The bytes shifted in after ``skip`` bits, the first bit highest in its byte."""
        bits = [
            np.unpackbits(
                np.frombuffer(v.to_bytes((n + 7) // 8, "little"), np.uint8),
                count=n,
                bitorder="little",
            )
            for v, n in self.chunks
        ]
        together = np.concatenate(bits)[skip:]
        return np.packbits(together[: len(together) // 8 * 8]).tobytes()


class ArmPort(Chip):
    """The debug port in front of a Zynq's logic."""

    irlen, identify = 4, 0b1110


class Xilinx(Chip):
    """The logic of a Zynq-7000; ``starts``: whether DONE goes high."""

    irlen, identify = 6, 0b001001
    PROGRAM, START, CFG_IN, CFG_OUT = 0b001011, 0b001100, 0b000101, 0b000100
    SYNC = bytes.fromhex("AA995566")

    def __init__(self, idcode: int, *, starts: bool = True):
        super().__init__(idcode)
        self.starts, self.done = starts, False

    def captured(self) -> tuple[int, int]:
        if self.instruction == self.CFG_OUT:
            return 0, 32
        return (0, SINK) if self.instruction == self.CFG_IN else super().captured()

    def status(self) -> int:
        return 0b110101 if self.done else 0b010001

    def told(self) -> None:
        if self.instruction == self.PROGRAM:
            self.done, self.taken = False, b""
        elif self.instruction == self.START:
            self.done = bool(self.taken) and self.starts

    def updated(self) -> None:
        if self.instruction == self.CFG_IN and not self.taken:
            # other chips of the chain put bits in front: words begin where the sync word does
            found = (self.bytes_in(skip) for skip in range(8))
            self.taken = next((data for data in found if self.SYNC in data), b"")


class Ecp5(Chip):
    """An ECP5; ``starts``: whether DONE goes high; ``damaged``: it finds a wrong CRC."""

    identify = 0xE0
    STATUS, ENABLE, DISABLE, BURST = 0x3C, 0xC6, 0x26, 0x7A

    def __init__(self, idcode: int, *, starts: bool = True, damaged: bool = False):
        super().__init__(idcode)
        self.starts, self.damaged, self.register = starts, damaged, 0

    def captured(self) -> tuple[int, int]:
        if self.instruction == self.STATUS:
            return self.register, 32
        if self.instruction == self.BURST:
            return 0, SINK
        return (0, 8) if self.instruction in (0xF0, self.ENABLE, 0x0E) else super().captured()

    def told(self) -> None:
        if self.instruction == self.ENABLE:
            self.register, self.taken = 1 << 9, b""
        elif self.instruction == self.DISABLE:
            self.register &= ~(1 << 9)
            if self.taken and self.starts:
                self.register |= 1 << 8

    def updated(self) -> None:
        if self.instruction == self.BURST:
            self.taken = self.bytes_in()
            if self.damaged:
                self.register |= 3 << 23  # a wrong CRC


class Gowin(Chip):
    """A GW1N or GW2A; ``starts``: whether DONE goes high."""

    identify = 0x11
    STATUS, ENABLE, DISABLE, WRITE, ERASE, USER = 0x41, 0x15, 0x3A, 0x17, 0x05, 0x13

    def __init__(self, idcode: int, *, starts: bool = True, checksum: int = 0):
        super().__init__(idcode)
        self.starts, self.checksum, self.register = starts, checksum, 1 << 15

    def captured(self) -> tuple[int, int]:
        if self.instruction == self.STATUS:
            return self.register, 32
        if self.instruction == self.USER:
            return self.checksum, 32
        return (0, SINK) if self.instruction == self.WRITE else super().captured()

    def told(self) -> None:
        if self.instruction == self.ENABLE:
            self.register |= 1 << 7
        elif self.instruction == self.ERASE:
            self.register = (self.register | 1 << 5) & ~(1 << 13)
            self.taken = b""
        elif self.instruction == self.DISABLE:
            self.register &= ~(1 << 7)
            if self.taken and self.starts:
                self.register |= 1 << 13

    def updated(self) -> None:
        if self.instruction == self.WRITE:
            self.taken = self.bytes_in()


class Chain:
    """Chips from TDI to TDO, and the state that they all are in."""

    def __init__(self, *chips: Chip):
        self.chips, self.state = chips, RESET

    def clock(self, tms: int, tdi: int, n: int) -> int:
        """Apply ``n`` clocks, bit 0 first; shifts are done in one go."""
        tdo = at = 0
        while at < n:
            left = n - at
            rest = tms >> at
            run = min(left, (rest & -rest).bit_length() if rest else left)
            if self.state in (SHIFT_DR, SHIFT_IR):
                bits = tdi >> at & ((1 << run) - 1)
                tdo |= self._shift(bits, run) << at
            elif self.state == IDLE and run > 1:
                run -= 1  # but for the one that leaves
            else:
                run = 1
            self._step(tms >> (at + run - 1) & 1)
            at += run
        return tdo

    def _shift(self, bits: int, n: int) -> int:
        for chip in self.chips:
            bits = chip.shift(bits, n)
        return bits

    def _step(self, tms: int) -> None:
        self.state = NEXT[self.state][tms]
        for chip in self.chips:
            if self.state == RESET:
                chip.instruction = chip.identify
            elif self.state == CAPTURE_DR:
                (chip.value, chip.length), chip.chunks = chip.captured(), []
            elif self.state == CAPTURE_IR:
                chip.value, chip.length = chip.status(), chip.irlen
            elif self.state == UPDATE_IR:
                chip.instruction = chip.value
                chip.told()
            elif self.state == UPDATE_DR:
                chip.updated()


class Cable:
    """An XVC server in front of a chain; ``hangs_after``: bits after which it says no more;
    ``vectors``: bytes of TMS and TDI that it takes at once."""

    def __init__(self, *chips: Chip, hangs_after: int | None = None, vectors: int = 16384):
        self.vectors = vectors
        self.chain, self.hangs_after, self.clocks = Chain(*chips), hangs_after, 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        self._server.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError, EOFError):
                connection, _ = self._server.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with connection, connection.makefile("rb") as stream:
                    for answer in self._answers(stream):
                        connection.sendall(answer)

    def _answers(self, stream) -> Iterator[bytes]:
        def take(n: int) -> bytes:
            data = stream.read(n)
            if len(data) < n:
                raise EOFError
            return data

        while True:
            head = take(2)
            if head == b"ge":
                take(6)
                yield f"xvcServer_v1.0:{self.vectors}\n".encode()
            elif head == b"se":
                take(5)
                yield take(4)
            else:
                take(4)
                n = int.from_bytes(take(4), "little")
                size = (n + 7) // 8
                tms, tdi = (int.from_bytes(take(size), "little") for _ in range(2))
                self.clocks += n
                if self.hangs_after is not None and self.clocks > self.hangs_after:
                    self._over.wait()
                    return
                yield self.chain.clock(tms, tdi, n).to_bytes(size, "little")
