"""Packs integers into frames of dense bits, and unpacks them, whole batches at once.

A frame's elements follow each other without gaps, low bits first, signed ones in two's complement.
Zeros pad the frame to a multiple of ``align`` bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Integer:
    """Binary integers, two's complement if ``signed``."""

    @staticmethod
    def values(codes: np.ndarray, bits: int, signed: bool) -> np.ndarray:
        """Return the values of int64 ``codes``."""
        return codes - ((codes >> (bits - 1)) << bits) if signed else codes

    @staticmethod
    def codes(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
        """Return the codes of ``values``, in the narrowest unsigned dtype."""
        narrow = _narrowest(bits)
        codes = values.astype(narrow)  # two's complement keeps the low bits
        if signed and bits < np.dtype(narrow).itemsize * 8:
            codes &= narrow((1 << bits) - 1)
        return codes

    @staticmethod
    def nth(n: np.ndarray, lo: int) -> np.ndarray:
        """Return the values with ``n`` smaller ones; the lowest is ``lo``."""
        return n.astype(np.int64) + lo

    @staticmethod
    def nth_codes(n: np.ndarray, lo: int, bits: int) -> np.ndarray:
        """Return the codes of the values that `nth` returns."""
        if not lo:
            return n
        kind = np.promote_types(n.dtype, np.min_scalar_type((1 << bits) - 1)).type
        return (n + kind(lo % (1 << bits))) & kind((1 << bits) - 1)


class Bipolar(Integer):
    """-1 and +1 in one bit; bit 1 is +1."""

    @staticmethod
    def values(codes: np.ndarray, bits: int, signed: bool) -> np.ndarray:
        return 2 * codes - 1

    @staticmethod
    def codes(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
        return values > 0

    @staticmethod
    def nth(n: np.ndarray, lo: int) -> np.ndarray:
        return 2 * n.astype(np.int8) - 1

    @staticmethod
    def nth_codes(n: np.ndarray, lo: int, bits: int) -> np.ndarray:
        return n


class Log2(Integer):
    """0 and the powers of two; code 0 is 0, code k is ``2**(k - 1)``."""

    @staticmethod
    def values(codes: np.ndarray, bits: int, signed: bool) -> np.ndarray:
        return np.where(codes > 0, np.left_shift(1, np.maximum(codes - 1, 0)), 0)

    @staticmethod
    def codes(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
        exponents = np.frexp(values.astype(np.float64))[1]  # 2**k is 0.5 * 2**(k+1)
        return np.where(values > 0, exponents, 0).astype(_narrowest(bits))

    @staticmethod
    def nth(n: np.ndarray, lo: int) -> np.ndarray:
        return Log2.values(n.astype(np.int64), 0, False)


CODINGS: dict[str, type[Integer]] = {"integer": Integer, "bipolar": Bipolar, "log2": Log2}
"""How elements are written in bits, by the word in network.json."""


def _narrowest(bits: int) -> type[np.unsignedinteger]:
    """Return the narrowest unsigned dtype that holds a code."""
    dtypes = (np.uint8, np.uint16, np.uint32, np.uint64)
    return next(t for t in dtypes if np.dtype(t).itemsize * 8 >= bits)


class Format:
    """Layout of a frame in memory: ``size`` elements of ``bits`` bits.

    ``coding``: a word of `CODINGS`; ``signed``: whether integers are two's complement.
    """

    def __init__(self, size: int, bits: int, *, signed: bool, coding: str, align: int):
        if coding not in CODINGS:
            raise ValueError(f"coding must be one of {', '.join(CODINGS)}, not {coding!r}")
        if not (1 <= bits <= 56 or bits == 64):
            raise ValueError(f"bits must be 1..56 or 64, not {bits}")
        self.size, self.bits, self.signed = int(size), int(bits), bool(signed)
        self.coding, self.align = CODINGS[coding], int(align)
        self.dense = -(-self.size * self.bits // 8)
        self.bytes = -(-self.dense // self.align) * self.align

    def pack(self, values: ArrayLike) -> np.ndarray:
        """Pack integers ``[N, size]`` into uint8 ``[N, bytes]``."""
        return self.pack_codes(self.coding.codes(np.asarray(values), self.bits, self.signed))

    def pack_codes(self, codes: np.ndarray) -> np.ndarray:
        """Pack codes, the elements' bits as unsigned ``[N, size]``, into uint8 ``[N, bytes]``."""
        packed = self._packed(codes.reshape(-1, self.size))
        if packed.shape[1] == self.bytes:
            return packed
        out = np.zeros((len(packed), self.bytes), np.uint8)
        out[:, : self.dense] = packed[:, : self.dense]
        return out

    def unpack(self, data: ArrayLike) -> np.ndarray:
        """Unpack uint8 ``[N, bytes]`` into int64 ``[N, size]``."""
        data, b = np.asarray(data, np.uint8).reshape(-1, self.bytes), self.bits
        if b in (1, 2, 4):
            table = self._values(np.arange(256)[:, None] >> np.arange(0, 8, b) & ((1 << b) - 1))
            values = table.take(data[:, : self.dense], axis=0)
            return values.reshape(len(data), self.dense * 8 // b)[:, : self.size]
        if b in (8, 16, 32, 64):
            dense = np.ascontiguousarray(data[:, : self.dense])
            return self._values(dense.view(f"<u{b // 8}").astype(np.int64))
        return self._values(_windows(data, self.size, b))

    def _values(self, codes: np.ndarray) -> np.ndarray:
        """Return the integers that int64 codes represent."""
        return self.coding.values(codes, self.bits, self.signed)

    def _packed(self, codes: np.ndarray) -> np.ndarray:
        """Pack codes ``[N, size]`` into dense bytes ``[N, at least dense]``."""
        n, b = len(codes), self.bits
        if b in (8, 16, 32, 64):
            return np.ascontiguousarray(codes).astype(f"<u{b // 8}", copy=False).view(np.uint8)
        if b == 1:
            return np.packbits(codes, axis=1, bitorder="little")
        if b > 8:
            bits = (codes[..., None] >> np.arange(b, dtype=codes.dtype)) & 1
            return np.packbits(bits.reshape(n, -1).astype(bool), axis=1, bitorder="little")
        if b in (2, 4):  # whole elements in each byte
            return _merged(codes, 8 // b, b, np.uint8)
        # eight elements are b bytes of a word of eight
        words = _merged(codes, 8, b, np.uint64)
        return np.ascontiguousarray(
            words.astype("<u8", copy=False).view(np.uint8).reshape(n, -1, 8)[:, :, :b]
        ).reshape(n, -1)


def _merged(codes: np.ndarray, group: int, b: int, dtype: type[np.unsignedinteger]) -> np.ndarray:
    """Join every ``group`` elements into one number; the first element has the lowest bits."""
    n, size = codes.shape
    short = -size % group
    if short:
        codes = np.concatenate([codes, np.zeros((n, short), codes.dtype)], axis=1)
    out = codes[:, 0::group].astype(dtype)
    for k in range(1, group):
        out |= codes[:, k::group].astype(dtype) << dtype(k * b)
    return out


def _windows(data: np.ndarray, size: int, b: int) -> np.ndarray:
    """Unpack codes of up to 56 bits to int64, each from the bytes that it overlaps."""
    at = np.arange(size) * b
    reach = (b + 14) // 8
    bytes_ = np.zeros((len(data), data.shape[1] + reach), np.uint8)
    bytes_[:, : data.shape[1]] = data
    codes = bytes_[:, at // 8].astype(np.int64)
    for k in range(1, reach):
        codes |= bytes_[:, at // 8 + k].astype(np.int64) << (8 * k)
    codes >>= at % 8
    codes &= (1 << b) - 1
    return codes
