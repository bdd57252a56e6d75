"""Hardware registers mapped by the Linux kernel: UIO devices and ``/dev/mem``."""

from __future__ import annotations

import mmap
import os
import select
import struct
import time

import numpy as np

from .driver_errors import LinkError

PAGE = 4096
SUDO = "run this with sudo"


def _map(path: str, offset: int, size: int) -> tuple[int, mmap.mmap]:
    """Open and map a file; return its descriptor and the map, uncached for a device."""
    descriptor = os.open(path, os.O_RDWR | os.O_SYNC)
    try:
        return descriptor, mmap.mmap(descriptor, size, offset=offset)
    except BaseException:
        os.close(descriptor)
        raise


class Mapped:
    """`ShellRegisters` in a mapped file: 32 bits each, read and written in one access."""

    interrupts = False

    def __init__(self, path: str, offset: int, size: int):
        self.path, self.size = path, size
        self._file, self._map = _map(path, offset, size)
        # numpy moves 32 bits at once; slices of a map may move single bytes, which the bus refuses
        self._words = np.frombuffer(self._map, np.uint32)

    def read(self, offset: int) -> int:
        return int(self._words[self._at(offset)])

    def write(self, offset: int, value: int) -> None:
        self._words[self._at(offset)] = value

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def _at(self, offset: int) -> int:
        if offset % 4 or not 0 <= offset < self.size:
            raise LinkError(f"there is no register at {offset:#x} of {self.path}")
        return offset // 4

    def close(self) -> None:
        self._words = np.zeros(0, np.uint32)
        self._map.close()
        os.close(self._file)


class Uio(Mapped):
    """`ShellRegisters` of a UIO device.

    ``usable``: whether the kernel delivers its interrupt; if not, `wait` is a short sleep.
    """

    interrupts = True
    usable = True

    def wait(self, seconds: float) -> None:
        try:
            if self.usable:
                os.write(self._file, struct.pack("=i", 1))  # enables the interrupt, once
        except OSError:
            self.usable = False
        if not self.usable:
            time.sleep(min(seconds, 0.0005))
        elif select.select([self._file], [], [], seconds)[0]:
            os.read(self._file, 4)


class DevMem:
    """Registers at any physical address; each page is mapped when it is first used."""

    def __init__(self, root: str):
        self._path = os.path.join(root, "dev/mem")
        self._pages: dict[int, Mapped] = {}

    def _page(self, address: int) -> Mapped:
        base = address - address % PAGE
        if base not in self._pages:
            self._pages[base] = map_physical(self._path, base, PAGE)
        return self._pages[base]

    def read(self, address: int) -> int:
        return self._page(address).read(address % PAGE)

    def write(self, address: int, value: int) -> None:
        self._page(address).write(address % PAGE, value)

    def close(self) -> None:
        for page in self._pages.values():
            page.close()
        self._pages.clear()


def text_of(path: str) -> str:
    """Return the content of one of the kernel's text files."""
    with open(path) as file:
        return file.read().strip()


def map_physical(path: str, base: int, size: int) -> Mapped:
    """Map registers at a physical address from ``/dev/mem``; raise `LinkError` if that fails."""
    try:
        return Mapped(path, base, size)
    except FileNotFoundError:
        raise LinkError(f"there is no {path}: the kernel needs CONFIG_DEVMEM") from None
    except PermissionError:
        if not os.access(path, os.R_OK | os.W_OK):
            raise LinkError(f"no permission to open {path}: {SUDO}") from None
        raise LinkError(
            f"the kernel protects {base:#x} of {path} (CONFIG_IO_STRICT_DEVMEM): boot with"
            " iomem=relaxed, or load the build's device-tree overlay"
        ) from None
    except OSError as error:
        raise LinkError(f"cannot map {base:#x} of {path}: {error.strerror}") from None
