"""Run a network on a board: the same class whatever carries the frames.

    driver = Driver(Network.read("network.json"), transport)
    integers, floats = driver.run(images)
    print(driver.report())

A transport gives: ``align``, bytes that a frame in memory is a multiple of; ``device``, with
``digest``, ``clock_hz``, ``bytes_in`` and ``bytes_out``; ``run(frames)``, an iterator of
``(bytes out, cycles)`` for frames of bytes, or ``run_batch(uint8 [N, bytes])`` where a whole batch
moves at once; and ``close``.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .errors import DriverError
from .network import Network

BATCH = 4096
"""Frames that are packed, moved and unpacked together."""


class Driver:
    """``frames``, ``cycles`` and ``seconds`` add up over all runs."""

    def __init__(self, network: Network, transport: Any):
        self.network, self.transport = network, transport
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
            ("in", device.bytes_in, self._in.bytes), ("out", device.bytes_out, self._out.bytes)
        ):  # fmt: skip
            if has != wants:
                raise DriverError(f"a frame {what} must have {wants} bytes, the board's has {has}")

    def run(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Integers and floats ``[N, *shape of the output]``.

        ``images [N, *shape]``: floats, quantized as the model does, or integers of its first
        quantizer.
        """
        x = self.network.integers(images)
        parts = [self._batch(x[k : k + BATCH]) for k in range(0, len(x), BATCH)]
        y = np.concatenate(parts) if parts else np.zeros((0, self._out.size), np.int64)
        return self.network.outputs(y)

    def _batch(self, x: np.ndarray) -> np.ndarray:
        packed = self._in.pack(x)
        start = time.perf_counter()
        if hasattr(self.transport, "run_batch"):
            data, cycles = self.transport.run_batch(packed)
        else:
            answers = list(self.transport.run(row.tobytes() for row in packed))
            data = np.frombuffer(b"".join(a for a, _ in answers), np.uint8)
            cycles = sum(c for _, c in answers)
        self.seconds += time.perf_counter() - start
        self.frames += len(packed)
        self.cycles += cycles
        return self._out.unpack(data.reshape(len(packed), -1))

    def self_test(self, inputs: Any, outputs: Any) -> int:
        """How many of recorded frames come back wrong, in any bit: 0 is right."""
        integers, _ = self.run(inputs)
        wrong = integers.reshape(len(integers), -1) != np.asarray(outputs).reshape(
            len(integers), -1
        )
        return int(wrong.any(1).sum())

    def report(self) -> dict[str, Any]:
        """What was measured: ``cycles_per_frame`` by the hardware's own counter, and ``roofline``,
        the share of the core's peak that this is."""
        if not self.frames:
            return {"frames": 0}
        per = self.cycles / self.frames
        clock = self.transport.device.clock_hz
        return {
            "frames": self.frames,
            "cycles_per_frame": per,
            "fps_hardware": clock / per if per else None,
            "fps_wall": self.frames / self.seconds if self.seconds else None,
            "fps_core": clock / self.network.interval,
            "roofline": self.network.interval / per if per else None,
        }

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


__all__ = ["Driver"]
