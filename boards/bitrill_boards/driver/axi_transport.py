"""A network behind the shell of Zynq boards: batches through memory, ruled by registers.

``registers`` reads and writes 32 bits at an offset (`LinkError` where the bus refuses); where it
can wait for the interrupt, it has ``wait(seconds)``. ``memory`` gives buffers that the hardware
sees, too: ``address``, a multiple of 128; ``array``, its bytes (uint8); ``flush()`` before the
hardware reads, ``invalidate()`` before the processor does; ``close()``.

Two batches may be under way: one is computed while the next one waits in memory.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from . import registers as r
from .buffers import Buffer, Memory, Slot
from .driver_errors import LinkError
from .faults import faults, hang

TIMEOUT = 10.0
"""Seconds in which one frame at least must leave the network."""

ROOM = 16 << 20
"""Bytes of memory that are used where there is no smaller bound."""

FRAMES = 4096
"""Of a batch at most."""

PAUSES = (0.0, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002)
"""Seconds between looks at STATUS, where nothing waits for the interrupt."""


class ShellRegisters(Protocol):
    """Of the shell, by their offsets in bytes."""

    def read(self, offset: int) -> int: ...

    def write(self, offset: int, value: int) -> None: ...


@dataclass(frozen=True)
class AxiDevice:
    """What is known of the hardware. The bytes of a frame follow from the digest."""

    digest: bytes
    clock_hz: int
    bytes_in: int | None = None
    bytes_out: int | None = None


class AxiTransport:
    """Batches of frames through the shell whose registers are ``registers``.

    ``clock_hz``: of the network. ``timeout``: seconds without a frame after which a run is stopped;
    the next one works again. ``notes``: what whoever opened the board could not set or check.
    Raises `LinkError` where no such shell answers.
    """

    align = r.WORD
    notes: tuple[str, ...] = ()

    def __init__(
        self, registers: ShellRegisters, memory: Memory, *, clock_hz: int, timeout: float = TIMEOUT
    ):
        self.registers, self.memory, self.timeout = registers, memory, timeout
        self._free = [Slot(), Slot()]
        self._under_way: deque[Slot] = deque()
        self.device = AxiDevice(self._identify(), clock_hz)
        self._stop()  # whatever a program before this one has left

    def _identify(self) -> bytes:
        got, version = self._read("IDENTITY"), self._read("VERSION")
        if got != r.IDENTITY:
            raise LinkError(
                f"there is no Bitrill network at this address: IDENTITY reads {got:#010x}, not"
                f" {r.IDENTITY:#010x}; is the bitstream loaded, and is this its base address?"
            )
        if version != r.VERSION:
            raise LinkError(
                f"the board's registers have version {version}, this driver knows {r.VERSION}:"
                " use the driver that the bitstream was built with"
            )
        return (self._read("DIGEST_HIGH") << 32 | self._read("DIGEST_LOW")).to_bytes(8, "big")

    def batch(self, bytes_in: int, bytes_out: int) -> int:
        """Frames that go well into one run: two batches fit into the memory."""
        room = min(ROOM, getattr(self.memory, "size", None) or ROOM) - 4 * r.ALIGN
        return max(1, min(FRAMES, room // (2 * (bytes_in + bytes_out))))

    def submit(self, frames: np.ndarray, bytes_out: int) -> None:
        """Begin a batch, uint8 ``[N, bytes in]``, or leave it waiting while another one runs."""
        if not self._free:
            raise LinkError("two batches are under way: collect one before the next is begun")
        n, bytes_in = frames.shape
        if not n or bytes_in % r.WORD or bytes_out % r.WORD:
            raise LinkError(
                f"a batch must have frames of whole words of {r.WORD} bytes,"
                f" not {n} of {bytes_in} and {bytes_out} bytes"
            )
        slot = self._free[-1]
        slot.frames, slot.bytes_in, slot.bytes_out = n, bytes_in, bytes_out
        self._room(slot, n * bytes_in, n * bytes_out)
        slot.into.array[: n * bytes_in] = frames.reshape(-1)
        slot.into.flush()
        self._under_way.append(self._free.pop())
        if len(self._under_way) == 1:
            with self._whole():
                self._start(slot)

    def collect(self) -> tuple[np.ndarray, int]:
        """Of the batch begun first: uint8 ``[N, bytes out]`` and the cycles of its run."""
        if not self._under_way:
            raise LinkError("no batch is under way")
        slot = self._under_way[0]
        with self._whole():
            cycles = self._finish(slot)
            self._free.insert(0, self._under_way.popleft())
            if self._under_way:
                self._start(self._under_way[0])
        slot.out.invalidate()
        data = slot.out.array[: slot.frames * slot.bytes_out]
        return data.reshape(slot.frames, slot.bytes_out).copy(), cycles

    def abandon(self) -> None:
        """Give up what is under way: the network is reset, the next batch starts afresh."""
        if self._under_way:
            self._free.extend(self._under_way)
            self._under_way.clear()
            self._stop()

    def write_weights(self, pairs: Iterable[tuple[int, int]]) -> int:
        """Write ``(address, word)`` of the network's own registers; how many there were.

        Addresses are those of the build's ``registers.json``.
        """
        if self._under_way:
            raise LinkError("weights can be written only while no batch is under way")
        n = 0
        for address, word in pairs:
            try:
                self.registers.write(r.WEIGHTS + address, word)
            except LinkError as error:
                raise LinkError(
                    f"the network refuses a weight at address {address:#x}: it must be one of"
                    f" registers.json, of a build with --style runtime ({error})"
                ) from None
            n += 1
        return n

    def close(self) -> None:
        """Stop what is under way, and give the buffers back."""
        self.abandon()
        for slot in self._free:
            slot.release()
        for end in (self.registers, self.memory):
            if hasattr(end, "close"):
                end.close()  # type: ignore[attr-defined]

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What fails in here, or is interrupted, leaves nothing under way."""
        try:
            yield
        except LinkError as error:
            try:
                self.abandon()
            except LinkError as worse:
                raise LinkError(f"{error}; then {worse}") from None
            raise
        except BaseException:
            self.abandon()
            raise

    def _read(self, name: str) -> int:
        return self.registers.read(r.OFFSETS[name])

    def _write(self, name: str, value: int) -> None:
        self.registers.write(r.OFFSETS[name], value)

    def _room(self, slot: Slot, bytes_in: int, bytes_out: int) -> None:
        """See to it that a slot's buffers are large enough.

        While nothing is under way, all buffers are made anew: so none is left in between that is
        too small for the next one, and the memory may be used to its end.
        """
        if slot.holds(bytes_in, bytes_out):
            return
        slots = [slot] if self._under_way else self._free[::-1]
        for s in slots:
            s.release()
        for s in slots:
            s.into = self._buffer(bytes_in)
            s.out = self._buffer(bytes_out)

    def _buffer(self, nbytes: int) -> Any:
        found = self.memory.allocate(-(-nbytes // r.ALIGN) * r.ALIGN)
        if found.address % r.ALIGN:
            found.close()
            raise LinkError(
                f"memory for frames must begin at a multiple of {r.ALIGN}, not {found.address:#x}"
            )
        return found

    def _start(self, slot: Slot) -> None:
        for side, buffer, nbytes in slot.buffers:
            low, high = buffer.address & 0xFFFFFFFF, buffer.address >> 32
            self._write(f"{side}_ADDRESS_LOW", low)
            self._write(f"{side}_ADDRESS_HIGH", high)
            self._write(f"{side}_WORDS", nbytes // r.WORD)
            kept = self._read(f"{side}_ADDRESS_HIGH") << 32 | self._read(f"{side}_ADDRESS_LOW")
            if kept != buffer.address:
                raise LinkError(
                    f"the hardware cannot reach memory at {buffer.address:#x} (it keeps {kept:#x}):"
                    " buffers must lie lower"
                )
        self._write("STATUS", r.CLEAR)
        self._write("INTERRUPT", 1 if hasattr(self.registers, "wait") else 0)
        self._write("CONTROL", r.START)

    def _finish(self, slot: Slot) -> int:
        """Wait for a run's end; its cycles."""
        status = self._wait(slot)
        frames = self._read("FRAMES")
        bad = faults(status, [(b.address, n) for _, b, n in slot.buffers])
        if not bad and frames != slot.frames:
            bad = [
                f"{frames} of {slot.frames} frames left the network, though the run has ended:"
                " the bitstream does not work as built; flash it anew"
            ]
        if bad:
            raise LinkError("; ".join(bad))
        return self._read("CYCLES_HIGH") << 32 | self._read("CYCLES_LOW")

    def _wait(self, slot: Slot) -> int:
        """STATUS at the end of a run."""
        seen, since, looks = -1, time.monotonic(), 0
        while True:
            now = time.monotonic()  # before looking: this process may be kept waiting in between
            status = self._read("STATUS")
            if status & r.DONE:
                return status
            frames = self._read("FRAMES")
            if frames != seen:
                seen, since = frames, now
            elif now - since > self.timeout:
                raise LinkError(hang(frames, slot.frames, self.timeout))
            self._pause(looks)
            looks += 1

    def _pause(self, looks: int) -> None:
        wait: Any = getattr(self.registers, "wait", None)
        if wait is not None:
            wait(min(self.timeout, 0.1))
        else:
            time.sleep(PAUSES[min(looks, len(PAUSES) - 1)])

    def _stop(self) -> None:
        """Stop and reset the network; nothing is under way after that."""
        self._write("STATUS", r.CLEAR)
        self._write("CONTROL", r.STOP)
        until = time.monotonic() + self.timeout
        while True:
            now = time.monotonic()
            status = self._read("STATUS")
            if status & r.STOPPED and not status & r.BUSY:
                break
            if now > until:
                raise LinkError(
                    f"the shell does not stop within {self.timeout:g} s: memory owes it an answer;"
                    " flash the bitstream anew, or restart the board"
                )
            time.sleep(PAUSES[1])
        self._write("STATUS", r.CLEAR)


__all__ = ["AxiDevice", "AxiTransport", "Buffer", "Memory", "ShellRegisters"]
