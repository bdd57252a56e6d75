"""A network as a driver sees it: arrays of the model's shape to frames and back, exactly.

Made from the build's ``network.json``: its levels are the smallest float64 at which the model's
first quantizer takes its next value, so the driver decides as the model does.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .driver_errors import DriverError
from .packing import Format
from .quantizer import BatchQuantizer

FORMAT = 1

PART = 1 << 20
"""Bytes of images that are quantized and packed together."""


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
        q = told["input"]["quantizer"]
        self._quantizer = (
            None
            if q is None
            else BatchQuantizer(
                [[float.fromhex(v) for v in row] for row in q["levels"]], q["inverted"]
            )
        )
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
            n = self._steps(x)
            if e.coding == "bipolar":
                return 2 * n.astype(np.int8) - 1
            if e.coding == "log2":
                return np.where(n > 0, np.left_shift(1, np.maximum(n.astype(np.int64) - 1, 0)), 0)
            return n.astype(np.int64) + e.lo
        low, high = (int(x.min()), int(x.max())) if x.size else (e.lo, e.hi)
        if low < e.lo or high > e.hi:
            raise DriverError(f"images must hold integers {e.lo}..{e.hi}, not {low}..{high}")
        return e.to_stream(x)

    def pack(self, x: Any, form: Format) -> np.ndarray:
        """`integers` as frames, uint8 ``[N, bytes]``, in parts that stay in the caches."""
        x = self.checked(x)
        out = np.empty((len(x), form.bytes), np.uint8)
        part = max(1, PART // (form.size * x.itemsize))
        for k in range(0, len(x), part):
            some = x[k : k + part]
            if x.dtype.kind == "f":
                out[k : k + part] = form.pack_codes(self._codes(self._steps(some)))
            else:
                out[k : k + part] = form.pack(self.integers(some))
        return out

    def _steps(self, x: np.ndarray) -> np.ndarray:
        """Steps of the quantizer, ``[N, *edge]``."""
        assert self._quantizer is not None  # `checked` refuses floats without one
        return self._quantizer(self.input.to_stream(x))

    def _codes(self, n: np.ndarray) -> np.ndarray:
        """The bits of steps: their number is the code, but of integers that begin elsewhere."""
        e = self.input
        if e.coding != "integer" or not e.lo:
            return n
        kind = np.promote_types(n.dtype, np.min_scalar_type((1 << e.bits) - 1)).type
        return (n + kind(e.lo % (1 << e.bits))) & kind((1 << e.bits) - 1)

    def outputs(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The stream's integers ``[N, size]`` as integers and floats ``[N, *shape]``."""
        flat = y.reshape(-1, *self.output.edge)
        floats = flat * self._scale + self._offset if len(self._scale) else flat.astype(float)
        return self.output.to_model(flat), self.output.to_model(floats)


__all__ = ["Network"]
