"""Runs a network on a Zynq board: batches are stored in shared memory, registers start a run.

Two batches may be in progress: one is computed while the next one waits in memory.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from . import registers as r
from .buffers import Buffer, Memory, Slot
from .driver_errors import LinkError
from .faults import faults, hang
from .registers import ShellRegisters
from .transport import Device

TIMEOUT = 10.0
"""Seconds without a single frame from the network after which a run is abandoned."""

ROOM = 16 << 20
"""Bytes of memory that are used, unless the memory is smaller."""

FRAMES = 4096
"""Largest number of frames in one batch."""

PAUSES = (0.0, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002)
"""Seconds between two reads of STATUS without an interrupt: longer and longer."""

WAIT = 0.1
"""Seconds between two reads of STATUS with an interrupt, which wakes the driver earlier."""


class AxiTransport:
    """`Transport` through a Zynq shell's ``registers`` and shared ``memory``.

    ``clock_hz``: the network's clock. ``timeout``: seconds without a frame after which a run is
    stopped; the next run works again. Raises `LinkError` if no such shell answers.
    """

    align = r.WORD
    overlaps = True
    notes: tuple[str, ...] = ()

    def __init__(
        self, registers: ShellRegisters, memory: Memory, *, clock_hz: int, timeout: float = TIMEOUT
    ):
        self.registers, self.memory, self.timeout = registers, memory, timeout
        self._free = [Slot(), Slot()]
        self._under_way: deque[Slot] = deque()
        self.device = Device(self._identify(), clock_hz)
        self.counters: dict[str, int] = {}
        self._layers = self._read("LAYERS")
        self._stop()  # a program before this one may have left a run behind

    def _identify(self) -> bytes:
        identity, version = self._read("IDENTITY"), self._read("VERSION")
        if identity != r.IDENTITY:
            raise LinkError(
                f"there is no Bitrill network at this address: IDENTITY reads {identity:#010x}, not"
                f" {r.IDENTITY:#010x}; is the bitstream loaded, and is this its base address?"
            )
        if version != r.VERSION:
            raise LinkError(
                f"the board's registers have version {version}, this driver supports {r.VERSION}:"
                " use the driver that the bitstream was built with"
            )
        return (self._read("DIGEST_HIGH") << 32 | self._read("DIGEST_LOW")).to_bytes(8, "big")

    def batch(self, bytes_in: int, bytes_out: int) -> int:
        """Return the number of frames of a batch: two batches fit into the memory."""
        room = min(ROOM, self.memory.size or ROOM) - 4 * r.ALIGN
        return max(1, min(FRAMES, room // (2 * (bytes_in + bytes_out))))

    def run_batches(
        self, batches: Iterable[np.ndarray], bytes_out: int
    ) -> Generator[tuple[np.ndarray, int], None, None]:
        """See `Transport`: the next batch is fetched while one is computed."""
        try:
            for frames in batches:
                self.submit(frames, bytes_out)
                if len(self._under_way) == 2:
                    yield self.collect()
            if self._under_way:
                yield self.collect()
        except BaseException:
            self.abandon()
            raise

    def submit(self, frames: np.ndarray, bytes_out: int) -> None:
        """Start a batch, uint8 ``[N, bytes in]``, or queue it while another one runs."""
        if not self._free:
            raise LinkError("two batches are in progress: collect one before the next is submitted")
        n, bytes_in = frames.shape
        if not n or bytes_in % r.WORD or bytes_out % r.WORD:
            raise LinkError(
                f"frames of a batch must be multiples of {r.WORD} bytes,"
                f" not {n} of {bytes_in} and {bytes_out} bytes"
            )
        slot = self._free[-1]
        slot.frames, slot.bytes_in, slot.bytes_out = n, bytes_in, bytes_out
        self._room(slot, n * bytes_in, n * bytes_out)
        into, _ = slot.pair
        into.array[: n * bytes_in] = frames.reshape(-1)
        into.flush()
        self._under_way.append(self._free.pop())
        if len(self._under_way) == 1:
            with self._whole():
                self._start(slot)

    def collect(self) -> tuple[np.ndarray, int]:
        """Wait for the oldest batch; return its results, uint8 ``[N, bytes out]``, and cycles."""
        if not self._under_way:
            raise LinkError("no batch is in progress")
        slot = self._under_way[0]
        with self._whole():
            cycles = self._finish(slot)
            self._free.insert(0, self._under_way.popleft())
            if self._under_way:
                self._start(self._under_way[0])
        _, out = slot.pair
        out.invalidate()
        data = out.array[: slot.frames * slot.bytes_out]
        return data.reshape(slot.frames, slot.bytes_out).copy(), cycles

    def abandon(self) -> None:
        """Abandon all batches in progress and reset the network."""
        if self._under_way:
            self._free.extend(self._under_way)
            self._under_way.clear()
            self._stop()

    def write_weights(self, pairs: Iterable[tuple[int, int]]) -> int:
        """Write ``(address, word)`` pairs of ``registers.json``; returns their number."""
        if self._under_way:
            raise LinkError("weights can be written only while no batch is in progress")
        n = 0
        for address, word in pairs:
            try:
                self.registers.write(r.WEIGHTS + address, word)
            except LinkError as error:
                raise LinkError(
                    f"the network refuses a weight at address {address:#x}: it must be an address"
                    f" of registers.json, of a build with --style runtime ({error})"
                ) from None
            n += 1
        return n

    def close(self) -> None:
        """Stop what is in progress, and free buffers, registers and memory."""
        self.abandon()
        for slot in self._free:
            slot.release()
        self.registers.close()
        self.memory.close()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Abandon all batches in progress if the block fails or is interrupted."""
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
        """Make a slot's buffers large enough.

        While nothing is in progress, the buffers of both slots are replaced: an old one between two
        new ones would split the memory.
        """
        if slot.holds(bytes_in, bytes_out):
            return
        slots = [slot] if self._under_way else self._free[::-1]
        for s in slots:
            s.release()
        for s in slots:
            into = self._buffer(bytes_in)
            try:
                s.ends = into, self._buffer(bytes_out)
            except BaseException:
                into.close()
                raise

    def _buffer(self, nbytes: int) -> Buffer:
        buffer = self.memory.allocate(-(-nbytes // r.ALIGN) * r.ALIGN)
        if buffer.address % r.ALIGN:
            buffer.close()
            raise LinkError(
                f"memory for frames must begin at a multiple of {r.ALIGN}, not {buffer.address:#x}"
            )
        return buffer

    def _start(self, slot: Slot) -> None:
        for side, address, nbytes in slot.spans:
            low, high = address & 0xFFFFFFFF, address >> 32
            self._write(f"{side}_ADDRESS_LOW", low)
            self._write(f"{side}_ADDRESS_HIGH", high)
            self._write(f"{side}_WORDS", nbytes // r.WORD)
            kept = self._read(f"{side}_ADDRESS_HIGH") << 32 | self._read(f"{side}_ADDRESS_LOW")
            if kept != address:
                raise LinkError(
                    f"the hardware cannot reach memory at {address:#x} (its register keeps"
                    f" {kept:#x}): buffers must have lower addresses"
                )
        self._write("STATUS", r.CLEAR)
        self._write("INTERRUPT", int(self.registers.interrupts))
        self._write("CONTROL", r.START)

    def _finish(self, slot: Slot) -> int:
        """Wait for the end of a run; return its cycles."""
        status = self._wait(slot)
        frames = self._read("FRAMES")
        bad = faults(status, [(address, n) for _, address, n in slot.spans])
        if not bad and frames != slot.frames:
            bad = [
                f"only {frames} of {slot.frames} frames left the network when the run ended:"
                " the bitstream does not work as built; flash it again"
            ]
        if bad:
            raise LinkError("; ".join(bad))
        cycles = self._read("CYCLES_HIGH") << 32 | self._read("CYCLES_LOW")
        self._add_counters(cycles)
        return cycles

    def _add_counters(self, cycles: int) -> None:
        """Add the counters of a run to those of the runs before."""
        counts = {"CYCLES": cycles}
        counts |= {name: self._read(name) for name in ("IN_STALLED", "OUT_STALLED")}
        for k in range(self._layers):
            for j, name in enumerate(r.LAYER):
                offset = r.LAYERS_AT + r.LAYER_BYTES * k + 4 * j
                counts[f"{k}_{name}"] = self.registers.read(offset)
        self.counters = {name: self.counters.get(name, 0) + n for name, n in counts.items()}

    def _wait(self, slot: Slot) -> int:
        """Wait for the end of a run; return STATUS."""
        seen, since, reads = -1, time.monotonic(), 0
        while True:
            now = time.monotonic()  # before reading: the process may be suspended in between
            status = self._read("STATUS")
            if status & r.DONE:
                return status
            frames = self._read("FRAMES")
            if frames > slot.frames:
                raise LinkError(
                    f"{frames} frames left the network, which got {slot.frames}:"
                    " the bitstream does not work as built; flash it again"
                )
            if frames > seen:
                seen, since = frames, now
            elif now - since > self.timeout:
                raise LinkError(hang(frames, slot.frames, self.timeout))
            pause = PAUSES[min(reads, len(PAUSES) - 1)]
            interval = min(self.timeout, WAIT) if self.registers.interrupts else pause
            self.registers.wait(interval)
            reads += 1

    def _stop(self) -> None:
        """Stop any run and reset the network."""
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
                    f"the shell does not stop within {self.timeout:g} s: memory does not answer;"
                    " flash the bitstream again, or restart the board"
                )
            time.sleep(PAUSES[1])
        self._write("STATUS", r.CLEAR)
