"""A network as a driver sees it: arrays of the model's shape to frames and back, exactly.

Made from the build's ``network.json``. Quantizing compares with the smallest float64 at which the
model's first quantizer takes its next value, so it decides as the model does.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .errors import DriverError
from .packing import Format

FORMAT = 1


class Edge:
    """One side: ``shape`` of the model's arrays (no batch axis), ``edge`` that of the stream."""

    def __init__(self, told: dict[str, Any]):
        self.shape, self.edge = tuple(told["shape"]), tuple(told["edge"])
        self.channel_last = bool(told["channel_last"])
        self.bits, self.signed, self.coding = told["bits"], told["signed"], told["coding"]
        self.lo, self.hi = told["lo"], told["hi"]

    def format(self, align: int) -> Format:
        """Frames in units of ``align`` bytes."""
        size = int(np.prod(self.edge))
        return Format(size, self.bits, signed=self.signed, coding=self.coding, align=align)

    def to_stream(self, x: np.ndarray) -> np.ndarray:
        """``[N, *shape]`` as ``[N, *edge]``: channels innermost."""
        if self.channel_last or len(self.edge) == 1:
            return x.reshape(-1, *self.edge)
        return np.moveaxis(x.reshape(-1, self.edge[-1], *self.edge[:-1]), 1, -1)

    def to_model(self, y: np.ndarray) -> np.ndarray:
        """Inverse of `to_stream`."""
        y = y.reshape(-1, *self.edge)
        if y.ndim > 2 and not self.channel_last:
            y = np.moveaxis(y, -1, 1)
        return y.reshape(-1, *self.shape)


class Network:
    """``digest``: 8 bytes by which a device is known to hold this network."""

    def __init__(self, told: dict[str, Any]):
        if told.get("format") != FORMAT:
            raise DriverError(f"network.json must have format {FORMAT}, not {told.get('format')!r}")
        self.name, self.digest = told["name"], bytes.fromhex(told["digest"])
        self.input, self.output = Edge(told["input"]), Edge(told["output"])
        n, _, d = told["interval"].partition("/")
        self.interval = int(n) / int(d or 1)
        self.latency = told["latency"]
        self._quantizer = told["input"]["quantizer"]
        if self._quantizer is not None:
            levels = [[float.fromhex(v) for v in row] for row in self._quantizer["levels"]]
            self._levels = np.array(levels, np.float64)
            self._inverted = np.array(self._quantizer["inverted"], bool)
        self._scale, self._offset = (
            np.array([float.fromhex(v) for v in told["output"][k]]) for k in ("scale", "offset")
        )

    @staticmethod
    def read(path: Any) -> Network:
        """From a ``network.json``."""
        with open(path, encoding="utf-8") as file:
            return Network(json.load(file))

    def checked(self, x: Any) -> np.ndarray:
        """The images as an array, if it can be ``[N, *shape]`` of this network."""
        x = np.asarray(x)
        if x.ndim == 0 or x.shape[1:] != self.input.shape:
            want = ", ".join(["N", *map(str, self.input.shape)])
            raise DriverError(f"images must have shape [{want}], not {list(x.shape)}")
        if x.dtype.kind not in "fiub":
            raise DriverError(f"images must hold floats or integers, not {x.dtype}")
        if x.dtype.kind == "f" and self._quantizer is None:
            raise DriverError("images must hold integers: this network takes raw ones")
        return x

    def integers(self, x: Any) -> np.ndarray:
        """The model's floats or integers ``[N, *shape]`` as the stream's integers, checked."""
        x, e = self.checked(x), self.input
        if x.dtype.kind == "f":
            return self._quantized(e.to_stream(x))
        low, high = (int(x.min()), int(x.max())) if x.size else (e.lo, e.hi)
        if low < e.lo or high > e.hi:
            raise DriverError(f"images must hold integers {e.lo}..{e.hi}, not {low}..{high}")
        return e.to_stream(x)

    def outputs(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The stream's integers ``[N, size]`` as integers and floats ``[N, *shape]``."""
        flat = y.reshape(-1, *self.output.edge)
        floats = flat * self._scale + self._offset if len(self._scale) else flat.astype(float)
        return self.output.to_model(flat), self.output.to_model(floats)

    def _quantized(self, x: np.ndarray) -> np.ndarray:
        if not np.isfinite(x).all():
            raise DriverError("images must be finite, and hold NaN or infinity")
        levels = _as(self._levels, x.dtype)
        steps = levels.shape[1]
        if len(levels) == 1 and steps > 16:
            n = np.searchsorted(levels[0], x, side="right").astype(np.int32)
        else:
            n = (x >= levels[:, 0]).astype(np.int8 if steps < 127 else np.int32)
            for k in range(1, steps):
                n += x >= levels[:, k]
        if self._inverted.any():
            n = np.where(self._inverted, steps - n, n)
        if self.input.coding == "bipolar":
            return 2 * n - 1
        if self.input.coding == "log2":
            return np.where(n > 0, np.left_shift(1, np.maximum(n.astype(np.int64) - 1, 0)), 0)
        return n + self.input.lo if self.input.lo else n


def _as(levels: np.ndarray, dtype: Any) -> np.ndarray:
    """The smallest numbers of a narrower float dtype that are not below the levels."""
    if np.dtype(dtype).itemsize >= 8:
        return levels
    with np.errstate(over="ignore"):
        near = levels.astype(dtype)
    return np.where(near < levels, np.nextafter(near, np.dtype(dtype).type(np.inf)), near)


__all__ = ["Network"]
