"""Runs a network on a board, over any kind of link.

driver = Driver(Network.read("network.json"), transport)
integers, floats = driver.run(images)
print(driver.report())
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from .driver_errors import DriverError
from .network import Network
from .transport import Transport
from .waits import waits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Driver:
    """A network on the board at the other end of ``transport``.

    ``frames``, ``cycles`` and ``seconds`` are totals over all runs. ``roofline``: the board's
    bounds (``board.json``): at most ``system_fps`` frames a second, because of ``limit``. Raises
    `DriverError` if the board holds another network.
    """

    def __init__(
        self, network: Network, transport: Transport, *, roofline: Mapping[str, Any] | None = None
    ):
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
        self, images: ArrayLike, progress: Callable[[str, int, int], None] | None = None
    ) -> tuple[np.ndarray, np.ndarray | dict[str, np.ndarray]]:
        """Run images ``[N, *shape]`` and return the integers and the model's output ``[N, ..]``.

        If the model has several outputs, the second result is a dictionary of them by name.
        ``images``: floats, which are quantized as the model does, or integers of its first
        quantizer.
        """
        integers, outputs = self.run_named(images, progress)
        return integers, outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def run_named(
        self, images: ArrayLike, progress: Callable[[str, int, int], None] | None = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Run images as `run` does, but always return a dictionary of the outputs by name.

        Packing, computing and unpacking overlap if the transport supports it.
        """
        images = self.network.checked(images)
        size = self.transport.batch(self._in.bytes, self._out.bytes)
        parts: list[np.ndarray] = []
        done, start = 0, time.perf_counter()
        batches = self._packed(images, size)
        with closing(self.transport.run_batches(batches, self._out.bytes)) as results:
            for data, cycles in results:
                parts.append(self._out.unpack(data))
                self.frames += len(data)
                self.cycles += cycles
                done += len(data)
                if progress is not None:
                    progress("frames", done, len(images))
        self.seconds += time.perf_counter() - start
        y = np.concatenate(parts) if parts else np.zeros((0, self._out.size), np.int64)
        return self.network.outputs(y)

    def _packed(self, images: np.ndarray, size: int) -> Iterator[np.ndarray]:
        for k in range(0, len(images), size):
            yield self.network.pack(images[k : k + size], self._in)

    def write_weights(self, pairs: Iterable[tuple[int, int]]) -> int:
        """Write ``(address, word)`` pairs and return their number.

        The network must have writable weights (``--style runtime``); the build's
        ``registers.json`` lists the addresses.
        """
        return self.transport.write_weights(pairs)

    def self_test(
        self,
        inputs: ArrayLike,
        outputs: ArrayLike,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> int:
        """Run recorded frames; return the number of frames with any wrong bit."""
        integers, _ = self.run_named(inputs, progress)
        expected = np.asarray(outputs)
        if expected.shape != integers.shape:
            raise DriverError(
                f"recorded outputs must have shape {list(integers.shape)},"
                f" not {list(expected.shape)}"
            )
        wrong = (integers != expected).reshape(len(integers), -1)
        return int(wrong.any(1).sum())

    def report(self) -> dict[str, Any]:
        """Return the measurements so far, as a JSON object.

        ``cycles_per_frame`` is counted by the hardware; ``roofline`` is the share of the core's
        peak rate that this means. ``system`` is the measured share of the board's bound, if that is
        known: by the hardware's counter if transfers overlap with computing, else by wall clock.
        `bitrill_boards.driver.waits.waits` adds who waited, if the hardware counts it.
        """
        if not self.frames:
            return {"frames": 0}
        per = self.cycles / self.frames
        clock = self.transport.device.clock_hz
        measured: dict[str, Any] = {
            "frames": self.frames,
            "cycles_per_frame": per,
            "fps_hardware": clock / per if per else None,
            "fps_wall": self.frames / self.seconds if self.seconds else None,
            "fps_core": clock / self.network.interval,
            "roofline": self.network.interval / per if per else None,
        }
        if self.roofline is not None:
            bound = self.roofline["system_fps"]
            rate = measured["fps_hardware" if self.transport.overlaps else "fps_wall"]
            measured["fps_system"], measured["limit"] = bound, self.roofline["limit"]
            measured["system"] = rate / bound if rate is not None else None
        return {**measured, **waits(self.transport.counters, self.network.layers)}

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
