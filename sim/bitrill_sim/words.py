"""Input streams of words besides the frames: weights of streamed operators, repeated for ever."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

WORD_PORTS = ("valid", "ready", "data")


@dataclass(frozen=True, eq=False)
class StreamWords:
    """Words of the stream to ``node``, sent cyclically: ``words`` uint8 ``[n, bytes]``."""

    node: str
    words: np.ndarray

    @staticmethod
    def of(node: str, bits: np.ndarray) -> "StreamWords":
        """Make words from bits ``[n, bits]``, low bit first."""
        return StreamWords(node, np.packbits(bits, axis=1, bitorder="little"))


class Feeder:
    """Source of stream ``k`` of a job; it behaves like the source of a `StreamBench`."""

    def __init__(self, folder: Path, k: int, n_bytes: int):
        data = np.fromfile(folder / f"words{k}.bin", np.uint8).reshape(-1, n_bytes)
        self.words = [int.from_bytes(row.tobytes(), "little") for row in data]
        self._go = np.fromfile(folder / f"feed{k}.bin", np.uint8).tolist()
        self._file = (folder / f"fed{k}.bin").open("wb")
        self.valid = False
        self.data = self.taken = self.offered = 0

    def drive(self, cycle: int) -> tuple[bool, int]:
        """Return valid and data of a cycle."""
        if not self.valid and self._go[cycle % len(self._go)]:
            self.valid, self.offered = True, cycle
            self.data = self.words[self.taken % len(self.words)]
        return self.valid, self.data

    def observe(self, ready: bool) -> None:
        """Record whether the design was ready in that cycle."""
        if self.valid and ready:
            self._file.write(np.array(self.offered, "<i8").tobytes())
            self.taken += 1
            self.valid = False

    def close(self) -> None:
        """Close the recording."""
        self._file.close()
