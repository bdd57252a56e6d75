"""Reads tensors of a model file as arrays; type and size are checked before memory is allocated."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UnsupportedError
from . import limits
from .external import read_external
from .names import shown, text
from .stored import BITS, as_stored, unpacked

if TYPE_CHECKING:
    from onnx import TensorProto

_FIELDS = {
    "FLOAT": "float_data",
    "DOUBLE": "double_data",
    "FLOAT16": "int32_data",
    "INT8": "int32_data",
    "INT16": "int32_data",
    "INT32": "int32_data",
    "INT64": "int64_data",
    "UINT8": "int32_data",
    "UINT16": "int32_data",
    "UINT32": "uint64_data",
    "UINT64": "uint64_data",
    "BOOL": "int32_data",
    "INT2": "int32_data",
    "UINT2": "int32_data",
    "INT4": "int32_data",
    "UINT4": "int32_data",
}
"""Accepted element types, and the protobuf field for each, besides ``raw_data``."""

_ALL_FIELDS = (*sorted(set(_FIELDS.values())), "string_data")


class TensorReader:
    """Reads the tensors of one model, and bounds their total size."""

    def __init__(self, onnx: ModuleType, folder: Path):
        self.onnx, self.folder = onnx, folder
        self.total = self.external = 0

    def type_name(self, number: int) -> str:
        """Return ONNX's name of an element type."""
        types = self.onnx.TensorProto.DataType
        return types.Name(number) if number in types.values() else f"type {number}"

    def read(self, tensor: TensorProto, name: str) -> np.ndarray:
        """Return floats as they are, and integers as int64 with their type (see `stored`).

        Raises `UnsupportedError` for other element types.
        """
        what = f"tensor {shown(name)}"
        kind = self.type_name(tensor.data_type)
        if kind not in _FIELDS:
            raise UnsupportedError(
                f"{what} must have floats of 16, 32 or 64 bits or integers, not {kind}"
            )
        dims = tuple(tensor.dims)
        if len(dims) > limits.RANK:
            raise UnsupportedError(f"{what} must have at most {limits.RANK} axes, not {len(dims)}")
        n = math.prod(dims)
        if any(d < 0 for d in dims) or n > limits.ELEMENTS:
            raise UnsupportedError(
                f"{what} must have at most {limits.ELEMENTS} elements, not shape {list(dims)}"
            )
        self.total += n
        if self.total > limits.TOTAL_ELEMENTS:
            raise UnsupportedError(
                f"{what}: all constants together must have at most {limits.TOTAL_ELEMENTS} elements"
            )
        if (bits := BITS.get(kind, 8)) < 8:
            packed = self._values(tensor, what, name, "UINT8", -(-n * bits // 8))
            array = unpacked(packed, kind, n).reshape(dims)
        else:
            array = self._values(tensor, what, name, kind, n).reshape(dims)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UnsupportedError(f"{what} must be finite, but holds NaN or infinity")
        if array.dtype.kind == "u" and n and int(array.max()) >= 1 << 63:
            raise UnsupportedError(f"{what} must have integers below 2**63, not {int(array.max())}")
        return array if array.dtype.kind == "f" else as_stored(array, kind)

    def _values(self, tensor: TensorProto, what: str, name: str, kind: str, n: int) -> np.ndarray:
        number = self.onnx.TensorProto.DataType.Value(kind)
        dtype = np.dtype(self.onnx.helper.tensor_dtype_to_np_dtype(number))
        filled = [f for f in _ALL_FIELDS if len(getattr(tensor, f))]
        external = tensor.data_location == self.onnx.TensorProto.EXTERNAL
        sources = [*filled, *["raw_data"] * tensor.HasField("raw_data"), *["a file"] * external]
        if len(sources) > 1 or tensor.HasField("segment"):
            raise UnsupportedError(
                f"{what} must have its values in one place, not in {', '.join(sources) or 'parts'}"
            )
        if external:
            return self._external(tensor, what, name, dtype.newbyteorder("<"), n)
        if tensor.HasField("raw_data"):
            if len(tensor.raw_data) != n * dtype.itemsize:
                raise UnsupportedError(
                    f"{what} must have {n * dtype.itemsize} bytes, not {len(tensor.raw_data)}"
                )
            return np.frombuffer(tensor.raw_data, dtype.newbyteorder("<"))
        if filled and filled != [_FIELDS[kind]]:
            raise UnsupportedError(
                f"{what} must have its values in {_FIELDS[kind]}, not {filled[0]}"
            )
        return _typed(np.array(getattr(tensor, _FIELDS[kind])), what, kind, dtype, n)

    def _external(
        self, tensor: TensorProto, what: str, name: str, dtype: np.dtype, n: int
    ) -> np.ndarray:
        self.external += n * dtype.itemsize
        if self.external > limits.FILE_BYTES:
            raise UnsupportedError(
                f"{what}: external data must have at most {limits.FILE_BYTES} bytes together"
            )
        entries = {text(e.key): text(e.value) for e in tensor.external_data}
        raw = read_external(self.folder, entries, tensor=name, n_bytes=n * dtype.itemsize)
        return np.frombuffer(raw, dtype)


def _typed(values: np.ndarray, what: str, kind: str, dtype: np.dtype, n: int) -> np.ndarray:
    """Return ``n`` values of a typed field, which may be wider than the element type."""
    if len(values) != n:
        raise UnsupportedError(f"{what} must have {n} values, not {len(values)}")
    stored = np.dtype(np.uint16) if kind == "FLOAT16" else dtype
    if n and stored.kind in "iu":
        info = np.iinfo(stored)
        if values.min() < info.min or values.max() > info.max:
            raise UnsupportedError(
                f"{what} must have values of {kind}, not {values.min()}..{values.max()}"
            )
    values = values.astype(stored)
    return values.view(dtype) if kind == "FLOAT16" else values
