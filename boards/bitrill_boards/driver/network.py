"""Converts the model's arrays to frames of a network and back, exactly as the model quantizes.

The build's ``network.json`` describes the conversion. The levels in it are the smallest float64
numbers at which the model's first quantizer steps to its next value.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from .driver_errors import DriverError
from .layout import known, to_model, to_stream
from .outputs import Outputs
from .packing import CODINGS, Format
from .quantizer import BatchQuantizer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FORMAT = 2

PART = 1 << 20
"""Bytes of images that are quantized and packed together; so many stay in the caches."""

_NO_FLOATS = "images must hold integers: this network has no quantizer at its input"


class Edge:
    """An input or output: the model's ``shape`` (no batch axis) and the stream's, ``edge``."""

    def __init__(self, spec: dict[str, Any]):
        self.shape, self.edge = tuple(spec["shape"]), tuple(spec["edge"])
        self.channels = known(spec["channels"])
        self.bits, self.signed, self.coding = spec["bits"], spec["signed"], spec["coding"]
        self.lo, self.hi = spec["lo"], spec["hi"]

    def format(self, align: int) -> Format:
        """Return the layout of a frame in memory, in units of ``align`` bytes."""
        size = int(np.prod(self.edge))
        return Format(size, self.bits, signed=self.signed, coding=self.coding, align=align)

    def to_stream(self, x: np.ndarray) -> np.ndarray:
        """Convert ``[N, *shape]`` to ``[N, *edge]``, with channels innermost."""
        return to_stream(x, self.edge, self.channels)

    def to_model(self, y: np.ndarray) -> np.ndarray:
        """Convert ``[N, *edge]`` to ``[N, *shape]``."""
        return to_model(y.reshape(-1, *self.edge), self.shape, self.channels)


class Network:
    """A compiled network; ``digest``: 8 bytes that identify it, which a board reports."""

    def __init__(self, spec: dict[str, Any]):
        if spec.get("format") != FORMAT:
            raise DriverError(
                f"network.json must have format {FORMAT}, not {spec.get('format')!r}: build again"
            )
        self.name, self.digest = spec["name"], bytes.fromhex(spec["digest"])
        self.input, self.output = Edge(spec["input"]), Edge(spec["output"])
        n, _, d = spec["interval"].partition("/")
        self.interval = int(n) / int(d or 1)
        self.latency = spec["latency"]
        self.layers = tuple(spec.get("layers", ()))
        q = spec["input"]["quantizer"]
        self._quantizer = (
            None
            if q is None
            else BatchQuantizer(
                [[float.fromhex(v) for v in row] for row in q["levels"]], q["inverted"]
            )
        )
        self._outputs = Outputs(spec["output"])

    @staticmethod
    def read(path: str | os.PathLike[str]) -> Network:
        """Read a ``network.json``."""
        with open(path, encoding="utf-8") as file:
            return Network(json.load(file))

    def checked(self, x: ArrayLike) -> np.ndarray:
        """Return the images as an array; `DriverError` unless they are numbers ``[N, *shape]``."""
        x = np.asarray(x)
        if x.ndim == 0 or x.shape[1:] != self.input.shape:
            want = ", ".join(["N", *map(str, self.input.shape)])
            raise DriverError(f"images must have shape [{want}], not {list(x.shape)}")
        if x.dtype.kind not in "fiub":
            raise DriverError(f"images must hold floats or integers, not {x.dtype}")
        if x.dtype.kind == "f" and self._quantizer is None:
            raise DriverError(_NO_FLOATS)
        return x

    def integers(self, x: ArrayLike) -> np.ndarray:
        """Return the stream's integers ``[N, *edge]`` for the model's floats or integers."""
        x, e = self.checked(x), self.input
        if x.dtype.kind == "f":
            return CODINGS[e.coding].nth(self._steps(x), e.lo)
        low, high = (int(x.min()), int(x.max())) if x.size else (e.lo, e.hi)
        if low < e.lo or high > e.hi:
            raise DriverError(f"images must hold integers {e.lo}..{e.hi}, not {low}..{high}")
        return e.to_stream(x)

    def pack(self, x: ArrayLike, form: Format) -> np.ndarray:
        """Return images as packed frames, uint8 ``[N, bytes]``."""
        x, e = self.checked(x), self.input
        out = np.empty((len(x), form.bytes), np.uint8)
        part = max(1, PART // (form.size * x.itemsize))
        for k in range(0, len(x), part):
            images = x[k : k + part]
            if x.dtype.kind == "f":
                codes = CODINGS[e.coding].nth_codes(self._steps(images), e.lo, e.bits)
                out[k : k + part] = form.pack_codes(codes)
            else:
                out[k : k + part] = form.pack(self.integers(images))
        return out

    def _steps(self, x: np.ndarray) -> np.ndarray:
        """Quantize floats to steps of the quantizer, ``[N, *edge]``."""
        if self._quantizer is None:
            raise DriverError(_NO_FLOATS)
        return self._quantizer(self.input.to_stream(x))

    def outputs(self, y: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the integers ``[N, *shape]`` and the model's outputs by name.

        ``y``: the stream's integers ``[N, size]``.
        """
        return self.output.to_model(y), self._outputs.of(y)
