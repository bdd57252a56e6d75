"""Computes the model's outputs from a network's integers.

The integers of a frame belong to one tensor, or to several, one after the other (``segments``).
Each segment is dequantized in float64; the host's ``functions`` are computed; then each output is
cast to the model's element type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .driver_errors import DriverError
from .functions import FUNCTIONS
from .layout import known, to_model

BATCH = 1 << 20
"""How many numbers of a segment the functions are applied to at once."""


class Segment:
    """The integers of one tensor, with scale and offset."""

    def __init__(self, spec: dict[str, Any]):
        self.shape, self.edge = tuple(spec["shape"]), tuple(spec["edge"])
        self.channels = known(spec["channels"])
        self.size = int(np.prod(self.edge, dtype=np.int64))
        self._scale, self._offset = (
            np.array([float.fromhex(v) for v in spec[k]]) for k in ("scale", "offset")
        )

    def numbers(self, y: np.ndarray) -> np.ndarray:
        """Dequantize the stream's ``[N, size]``: float64 ``[N, *shape]``, int64 for decisions."""
        y = y.reshape(-1, *self.edge)
        if len(self._scale):
            y = y * self._scale + self._offset
        return to_model(y, self.shape, self.channels)


class Outputs:
    """The model's outputs, from the ``output`` of a ``network.json``."""

    def __init__(self, spec: dict[str, Any]):
        self._segments = [Segment(p) for p in spec.get("segments", [spec])]
        unknown = sorted({f["op"] for f in spec.get("functions", [])} - FUNCTIONS.keys())
        if unknown:
            raise DriverError(f"this driver has no function {', '.join(unknown)}: build again")
        self._functions = [
            (FUNCTIONS[f["op"]], f["inputs"], {k: attribute(v) for k, v in f["attributes"].items()})
            for f in spec.get("functions", [])
        ]
        self._outputs = described(spec)
        self._size = sum(p.size for p in self._segments)

    def of(self, y: np.ndarray) -> dict[str, np.ndarray]:
        """Return all outputs ``[N, *shape]`` by name, from the stream's integers ``[N, ..]``."""
        y = y.reshape(-1, self._size)
        out = {name: np.empty((len(y), *shape), dtype) for name, shape, dtype, _ in self._outputs}
        part = max(1, BATCH // self._size)
        for k in range(0, len(y), part):
            try:
                values = self._values(y[k : k + part])
                for name, shape, _, value in self._outputs:
                    with np.errstate(over="ignore"):  # float16: infinity, as the model has it
                        out[name][k : k + part] = values[value].reshape(-1, *shape)
            except (LookupError, TypeError, ValueError) as error:
                raise DriverError(f"the outputs cannot be computed: {error}") from error
        return out

    def _values(self, y: np.ndarray) -> list[np.ndarray]:
        values, at = [], 0
        for segment in self._segments:
            values.append(segment.numbers(y[:, at : at + segment.size]))
            at += segment.size
        with np.errstate(all="ignore"):  # logarithms of 0 and the like are in the model
            for f, inputs, attributes in self._functions:
                values.append(f(*(values[i] for i in inputs), **attributes))
        return values


def described(spec: Mapping[str, Any]) -> list[tuple[str, tuple[int, ...], np.dtype, int]]:
    """Return name, shape, type and number of the value of each output."""
    plain = "float32" if spec["scale"] else "int64"
    only = {"name": "output", "shape": spec["shape"], "dtype": plain, "value": 0}
    named = spec.get("outputs") or [only]
    return [(o["name"], tuple(o["shape"]), np.dtype(o["dtype"]), o["value"]) for o in named]


def attribute(value: object) -> Any:
    """Return an attribute as a function expects it; JSON objects are arrays of numbers."""
    if not isinstance(value, dict):
        return value
    if "floats" in value:
        numbers = np.array([float.fromhex(v) for v in value["floats"]])
    else:
        numbers = np.array(value["integers"], np.int64)
    return numbers.reshape(value["shape"])
