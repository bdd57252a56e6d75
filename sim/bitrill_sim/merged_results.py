"""The output stream of an operator that is simulated by itself: beats of all its results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from bitrill.ir import Operator
from bitrill.ir.types import Tensor

from .job import Stream


@dataclass(frozen=True)
class Merged(Stream):
    """The stream ``o`` of `bitrill_hw.design.alone.Alone`: beats of all results, by time."""

    results: tuple[Tensor, ...] = ()

    @staticmethod
    def of(op: Operator) -> Merged:
        """Return the stream of an operator."""
        return Merged(op.y, op.lanes_out, False, op.results)

    @property
    def beats(self) -> int:
        return sum(t.size for t in self.results) // self.lanes

    @property
    def payload(self) -> int:
        """Bits of a beat of the widest result."""
        return max(t.type.bits for t in self.results) * self.lanes

    @property
    def bits(self) -> int:
        return self.payload + (len(self.results) - 1).bit_length()

    @property
    def bytes(self) -> int:
        return -(-self.bits // 8)

    def apart(self, beats: np.ndarray) -> list[np.ndarray]:
        """Return the integers of each result, flat, from beats uint8 ``[n, bytes]``."""
        bits = np.unpackbits(beats, axis=1, bitorder="little", count=self.bits)
        numbers = bits[:, self.payload :].astype(np.int64) @ (
            1 << np.arange(self.bits - self.payload)
        )
        values = []
        for k, t in enumerate(self.results):
            stream = Stream(t, self.lanes, padded=False)
            packed = np.packbits(bits[numbers == k, : stream.bits], axis=1, bitorder="little")
            values.append(stream.unpack_beats(packed).ravel())
        return values
