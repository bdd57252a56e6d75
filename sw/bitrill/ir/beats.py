"""Conversion of integers to the bytes of stream beats and back, as AXI4-Stream carries them.

A beat holds ``lanes`` elements, element 0 in the low bits, unpadded within the beat; the beat is
padded with zeros to whole bytes, little-endian.
"""

import numpy as np

from .types import IntType


def beat_bytes(type: IntType, lanes: int) -> int:
    """Bytes of one beat."""
    return -(-type.bits * lanes // 8)


def pack_beats(values: np.ndarray, type: IntType, lanes: int) -> np.ndarray:
    """Values ``[N, ..]`` of ``type`` to uint8 ``[beats, beat_bytes]``, frame after frame."""
    codes = type.encode(values).reshape(-1, lanes)
    bits = (codes[..., None] >> np.arange(type.bits)) & 1
    return np.packbits(bits.reshape(len(codes), -1).astype(np.uint8), axis=1, bitorder="little")


def unpack_beats(beats: np.ndarray, type: IntType, lanes: int) -> np.ndarray:
    """Inverse of `pack_beats`: int64 values ``[beats, lanes]``; padding is ignored."""
    bits = np.unpackbits(beats, axis=1, bitorder="little", count=type.bits * lanes)
    weights = np.left_shift(np.int64(1), np.arange(type.bits))
    return type.decode(bits.reshape(-1, lanes, type.bits).astype(np.int64) @ weights)
