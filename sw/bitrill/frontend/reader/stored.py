"""Integer types of tensors in a file, and how an array remembers its type.

All integers are read as int64; the dtype's metadata name the type in the file. It is needed because
the type of a zero point determines the integers of a QuantizeLinear.
"""

import numpy as np

BITS = {f"{sign}INT{bits}": bits for bits in (2, 4, 8, 16, 32, 64) for sign in ("", "U")}
"""Bits of each integer type, by ONNX's name."""

NUMBERS = {
    2: "UINT8",
    3: "INT8",
    4: "UINT16",
    5: "INT16",
    6: "INT32",
    7: "INT64",
    12: "UINT32",
    13: "UINT64",
    21: "UINT4",
    22: "INT4",
    25: "UINT2",
    26: "INT2",
}
"""Names of integer types by ONNX's number, which attributes use."""

_KEY = "onnx"


def as_stored(array: np.ndarray, kind: str) -> np.ndarray:
    """Return integers as int64, with the name of their type in the file."""
    return array.astype(np.dtype(np.int64, metadata={_KEY: kind}))


def stored_kind(array: np.ndarray) -> str:
    """Return the name of the type of ``array`` in the file; empty if it is not known."""
    return (array.dtype.metadata or {}).get(_KEY, "")


def limits_of(kind: str) -> tuple[int, int]:
    """Return the smallest and the largest integer of a type of `BITS`."""
    bits = BITS[kind]
    return (0, (1 << bits) - 1) if kind[0] == "U" else (-(1 << bits - 1), (1 << bits - 1) - 1)


def unpacked(packed: np.ndarray, kind: str, n: int) -> np.ndarray:
    """Return ``n`` integers of 2 or 4 bits, several in each byte, the lowest first; int64."""
    bits = BITS[kind]
    shifts = np.arange(0, 8, bits)
    values = ((packed.astype(np.int64)[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:n]
    return values if kind[0] == "U" else values - ((values >> bits - 1) << bits)
