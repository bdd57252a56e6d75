"""Run a network on a board: the same class whatever carries the frames.

    driver = Driver(Network.read("network.json"), transport)
    integers, floats = driver.run(images)
    print(driver.report())

A transport gives: ``align``, bytes that a frame in memory is a multiple of; ``device``, with
``digest``, ``clock_hz``, ``bytes_in`` and ``bytes_out`` (None where the digest alone says it);
``close``; and one of

- ``run(frames)``, an iterator of ``(bytes out, cycles)`` for frames of bytes; or
- for whole batches, two of which may be under way: ``batch(bytes_in, bytes_out)``, frames of one;
  ``submit(uint8 [N, bytes_in], bytes_out)``; ``collect()``, ``(uint8 [N, bytes_out], cycles)`` of
  the batch submitted first; ``abandon()``, which gives up what is under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from .driver_errors import DriverError
from .network import Network

BATCH = 16
"""Frames that are packed and unpacked together for a link that takes one at a time."""


class Driver:
    """``frames``, ``cycles`` and ``seconds`` add up over all runs.

    ``roofline``: what the board allows, ``system_fps`` by its ``limit`` (``board.json``).
    """

    def __init__(self, network: Network, transport: Any, *, roofline: dict[str, Any] | None = None):
        self.network, self.transport, self.roofline = network, transport, roofline
        self._in = network.input.format(transport.align)
        self._out = network.output.format(transport.align)
        self.frames = self.cycles = 0
        self.seconds = 0.0
        device = transport.device
        if device.digest != network.digest:
            raise DriverError(
                f"the board holds another network ({device.digest.hex()}) than"
                f" {network.name} ({network.digest.hex()}): flash this build"
            )
        for what, has, wants in (
            ("in", device.bytes_in, self._in.bytes),
            ("out", device.bytes_out, self._out.bytes),
        ):
            if has is not None and has != wants:
                raise DriverError(f"a frame {what} must have {wants} bytes, the board's has {has}")

    def run(
        self, images: Any, progress: Callable[[str, int, int], None] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Integers and floats ``[N, *shape of the output]``.

        ``images [N, *shape]``: floats, quantized as the model does, or integers of its first
        quantizer. While a batch is computed, the next one is packed and the last one unpacked.
        """
        images = self.network.checked(images)
        whole = hasattr(self.transport, "submit")
        parts: list[np.ndarray] = []
        done, start = 0, time.perf_counter()
        with closing(self._batches(images) if whole else self._stream(images)) as results:
            for y in results:
                parts.append(y)
                done += len(y)
                if progress is not None:
                    progress("frames", done, len(images))
        self.seconds += time.perf_counter() - start
        y = np.concatenate(parts) if parts else np.zeros((0, self._out.size), np.int64)
        return self.network.outputs(y)

    def _packed(self, images: np.ndarray, size: int) -> Iterator[np.ndarray]:
        for k in range(0, len(images), size):
            yield self.network.pack(images[k : k + size], self._in)

    def _batches(self, images: np.ndarray) -> Generator[np.ndarray, None, None]:
        """What comes out, batch by batch, of a transport that moves whole ones."""
        t, under_way = self.transport, 0
        try:
            for packed in self._packed(images, t.batch(self._in.bytes, self._out.bytes)):
                t.submit(packed, self._out.bytes)
                under_way += 1
                if under_way == 2:
                    yield self._collected()
                    under_way -= 1
            if under_way:
                yield self._collected()
        except BaseException:
            t.abandon()
            raise

    def _collected(self) -> np.ndarray:
        data, cycles = self.transport.collect()
        self.frames += len(data)
        self.cycles += cycles
        return self._out.unpack(data)

    def _stream(self, images: np.ndarray) -> Generator[np.ndarray, None, None]:
        """What comes out, in parts, of a transport that moves one frame at a time."""

        def frames() -> Iterable[bytes]:
            for packed in self._packed(images, BATCH):
                yield from (row.tobytes() for row in packed)

        answers: list[bytes] = []
        for answer, cycles in self.transport.run(frames()):
            answers.append(answer)
            self.frames += 1
            self.cycles += cycles
            if len(answers) == BATCH:
                yield self._joined(answers)
                answers = []
        if answers:
            yield self._joined(answers)

    def _joined(self, answers: list[bytes]) -> np.ndarray:
        return self._out.unpack(np.frombuffer(b"".join(answers), np.uint8))

    def write_weights(self, pairs: Iterable[tuple[int, int]]) -> int:
        """Write ``(address, word)`` of a network whose weights are writable (``--style runtime``);
        how many there were. Addresses are those of the build's ``registers.json``."""
        if not hasattr(self.transport, "write_weights"):
            raise DriverError("weights can be written over AXI only: this link carries frames")
        return self.transport.write_weights(pairs)

    def self_test(
        self, inputs: Any, outputs: Any, progress: Callable[[str, int, int], None] | None = None
    ) -> int:
        """How many of recorded frames come back wrong, in any bit: 0 is right."""
        integers, _ = self.run(inputs, progress)
        wanted = np.asarray(outputs)
        if wanted.shape != integers.shape:
            raise DriverError(
                f"recorded outputs must have shape {list(integers.shape)}, not {list(wanted.shape)}"
            )
        wrong = (integers != wanted).reshape(len(integers), -1)
        return int(wrong.any(1).sum())

    def report(self) -> dict[str, Any]:
        """What was measured: ``cycles_per_frame`` by the hardware's own counter, and ``roofline``,
        the share of the core's peak that this is; ``system``: the share of what the board allows,
        where that is known (over a line that takes frames one by one, by the wall clock)."""
        if not self.frames:
            return {"frames": 0}
        per = self.cycles / self.frames
        clock = self.transport.device.clock_hz
        found: dict[str, Any] = {
            "frames": self.frames,
            "cycles_per_frame": per,
            "fps_hardware": clock / per if per else None,
            "fps_wall": self.frames / self.seconds if self.seconds else None,
            "fps_core": clock / self.network.interval,
            "roofline": self.network.interval / per if per else None,
        }
        if self.roofline is not None:
            bound = self.roofline["system_fps"]
            rate = found["fps_hardware" if hasattr(self.transport, "submit") else "fps_wall"]
            found["fps_system"], found["limit"] = bound, self.roofline["limit"]
            found["system"] = rate / bound if rate is not None else None
        return found

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


__all__ = ["Driver"]
