"""Shared memory on bare Linux: allocated from the buffer of the kernel module u-dma-buf."""

from __future__ import annotations

import glob
import mmap
import os
from contextlib import suppress

import numpy as np

from . import registers as r
from .driver_errors import LinkError
from .mapped import SUDO, text_of

FOLDERS = ("sys/class/u-dma-buf", "sys/class/udmabuf")
OWN = "bitrill"
"""Name of the buffer in the build's device-tree overlay."""

TO_DEVICE, FROM_DEVICE = 1, 2


class DmaMemory:
    """`Memory` in the buffer of u-dma-buf.

    It is cached; the module's files ``sync_for_device`` and ``sync_for_cpu`` keep it coherent.
    """

    def __init__(self, root: str):
        self.folder, path = _dma_buffer(root)
        self._taken: list[tuple[int, int]] = []
        try:
            self.size = int(text_of(os.path.join(self.folder, "size")), 0)
            self.base = int(text_of(os.path.join(self.folder, "phys_addr")), 0)
            self._file = os.open(path, os.O_RDWR)
        except PermissionError:
            raise _no_buffer_permission(path) from None
        except (OSError, ValueError) as error:
            raise LinkError(f"cannot open {path}: {error}") from None
        self._map = mmap.mmap(self._file, self.size)
        self._bytes = np.frombuffer(self._map, np.uint8)

    def allocate(self, nbytes: int) -> DmaBuffer:
        """Return the first free piece that is large enough; `LinkError` if there is none."""
        start = -self.base % r.ALIGN
        for first, last in sorted(self._taken):
            if start + nbytes <= first:
                break
            start = last + (-(self.base + last)) % r.ALIGN
        if start + nbytes > self.size:
            raise LinkError(
                f"{self.folder} has no {nbytes} bytes left of {self.size}: reload the module with"
                f" a larger buffer (modprobe u-dma-buf udmabuf0={4 * self.size})"
            )
        self._taken.append((start, start + nbytes))
        return DmaBuffer(self, start, self._bytes[start : start + nbytes])

    def free(self, start: int) -> None:
        self._taken = [t for t in self._taken if t[0] != start]

    def sync(self, what: str, start: int, nbytes: int, direction: int) -> None:
        """Let the kernel write the caches back or invalidate them, through its file ``what``."""
        for name, value in (
            ("sync_offset", start),
            ("sync_size", nbytes),
            ("sync_direction", direction),
            (what, 1),
        ):
            path = os.path.join(self.folder, name)
            try:
                with open(path, "w") as file:
                    file.write(str(value))
            except PermissionError:
                raise _no_buffer_permission(path) from None
            except OSError as error:
                raise LinkError(f"cannot write {path}: {error.strerror}") from None

    def close(self) -> None:
        self._bytes = np.zeros(0, np.uint8)
        with suppress(BufferError):  # a buffer is still in use, and keeps the map
            self._map.close()
        os.close(self._file)


class DmaBuffer:
    """`Buffer` in a `DmaMemory`."""

    def __init__(self, memory: DmaMemory, start: int, array: np.ndarray):
        self._memory, self._start, self.array = memory, start, array
        self._size = len(array)
        self.address = memory.base + start

    def flush(self) -> None:
        self._memory.sync("sync_for_device", self._start, self._size, TO_DEVICE)

    def invalidate(self) -> None:
        self._memory.sync("sync_for_cpu", self._start, self._size, FROM_DEVICE)

    def close(self) -> None:
        self.array = np.zeros(0, np.uint8)
        self._memory.free(self._start)


def _dma_buffer(root: str) -> tuple[str, str]:
    """Return folder and device of the build's own buffer, else of the first one found."""
    names: list[tuple[bool, str, str]] = []
    for parent in FOLDERS:
        for folder in sorted(glob.glob(os.path.join(root, parent, "*"))):
            name = os.path.basename(folder)
            names.append((name != OWN, folder, os.path.join(root, "dev", name)))
    if not names:
        raise LinkError(
            "there is no memory for the hardware: load u-dma-buf"
            " (github.com/ikwzm/udmabuf: modprobe u-dma-buf udmabuf0=16777216)"
        )
    _, folder, path = min(names)
    return folder, path


def _no_buffer_permission(path: str) -> LinkError:
    return LinkError(
        f"no permission to open {path}: {SUDO}, or give it to a group of yours"
        ' (udev rule: SUBSYSTEM=="u-dma-buf", GROUP="users", MODE="0660")'
    )
