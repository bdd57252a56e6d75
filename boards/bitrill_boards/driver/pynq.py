"""Opens a board through PYNQ's Overlay, MMIO and memory; only the clock is set by our own code.

PYNQ's ``Clocks`` assumes a crystal of 50 MHz on every board, and the PLL settings in the design
tool's ``.hwh`` need not be what the boot loader set. So the divisors are set here (`zynq_setup`).
"""

from __future__ import annotations

import importlib
import os
import time
from types import ModuleType
from typing import Protocol

import numpy as np

from .axi_transport import TIMEOUT, AxiTransport
from .driver_errors import LinkError
from .folder import Folder
from .linux import check_here, set_clock


def open_board(
    folder: Folder, *, root: str = "/", loaded: bool = False, timeout: float = TIMEOUT
) -> AxiTransport:
    """Load the folder's bitstream, unless it is ``loaded``, and open its network."""
    try:
        pynq: ModuleType = importlib.import_module("pynq")
    except ImportError:
        raise LinkError(
            "PYNQ is not installed for this Python: on its image, become root (sudo -i) and"
            " source /etc/profile.d/pynq_venv.sh; elsewhere, say --transport linux"
        ) from None
    manifest = folder.manifest
    check_here(manifest, root)
    if not loaded:
        _load(pynq, folder.bitstream)
    clock, notes = set_clock(manifest, root)
    base, size = int(manifest["base"]), 1 << int(manifest["register_bits"])
    try:
        mmio = pynq.MMIO(base, size)
    except Exception as error:  # PYNQ raises any kind of exception
        raise LinkError(f"PYNQ cannot map the registers at {base:#x}: {error}") from None
    transport = AxiTransport(
        PynqRegisters(mmio, size),
        PynqMemory(pynq),
        clock_hz=round(clock * 1_000_000),
        timeout=timeout,
    )
    transport.notes = notes
    return transport


def _load(pynq: ModuleType, path: str) -> None:
    """Load an overlay if there is a ``.hwh`` beside the bitstream, else only the bitstream."""
    try:
        if os.path.exists(os.path.splitext(path)[0] + ".hwh"):
            pynq.Overlay(path)
        else:
            pynq.Bitstream(path).download()
    except Exception as error:  # PYNQ raises any kind of exception
        hint = ": run this as root (sudo -i)" if "ermission" in str(error) else ""
        raise LinkError(f"PYNQ cannot load {path}: {error}{hint}") from None


class Mmio(Protocol):
    """PYNQ's ``MMIO``: registers of 32 bits at byte offsets."""

    def read(self, offset: int) -> int: ...

    def write(self, offset: int, data: int) -> None: ...


class Allocated(Protocol):
    """The array that PYNQ's ``allocate`` returns, with what the driver needs of it."""

    physical_address: int

    def __array__(self) -> np.ndarray: ...

    def flush(self) -> None: ...

    def invalidate(self) -> None: ...

    def freebuffer(self) -> None: ...


class PynqRegisters:
    """`ShellRegisters` through PYNQ's MMIO, without the interrupt."""

    interrupts = False

    def __init__(self, mmio: Mmio, size: int):
        self._mmio, self._size = mmio, size

    def read(self, offset: int) -> int:
        return int(self._mmio.read(self._checked(offset)))

    def write(self, offset: int, value: int) -> None:
        self._mmio.write(self._checked(offset), int(value))

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        pass  # PYNQ unmaps them by itself

    def _checked(self, offset: int) -> int:
        if offset % 4 or not 0 <= offset < self._size:
            raise LinkError(f"there is no register at {offset:#x}")
        return offset


class PynqMemory:
    """Contiguous `Memory` that PYNQ allocates."""

    size = None  # PYNQ does not say how much there is

    def __init__(self, pynq: ModuleType):
        self._pynq = pynq

    def allocate(self, nbytes: int) -> PynqBuffer:
        try:
            return PynqBuffer(self._pynq.allocate(shape=(nbytes,), dtype=np.uint8))
        except Exception as error:  # PYNQ raises any kind of exception
            raise LinkError(f"PYNQ cannot allocate {nbytes} bytes: {error}") from None

    def close(self) -> None:
        pass  # each buffer is freed by its own `close`


class PynqBuffer:
    """`Buffer` that PYNQ allocated."""

    def __init__(self, buffer: Allocated):
        self._buffer, self.array = buffer, np.asarray(buffer)
        device = getattr(buffer, "device_address", None)
        self.address = int(buffer.physical_address if device is None else device)

    def flush(self) -> None:
        self._buffer.flush()

    def invalidate(self) -> None:
        self._buffer.invalidate()

    def close(self) -> None:
        self.array = np.zeros(0, np.uint8)
        self._buffer.freebuffer()
