"""Loads a bitstream on a Zynq board's Linux, through the kernel's FPGA manager."""

from __future__ import annotations

import os

from .bitfile import BitFile, part_key
from .driver_errors import DriverError
from .mapped import text_of

MANAGER = "sys/class/fpga_manager/fpga0"
FIRMWARE = "lib/firmware"
NAME = "bitrill.bin"
"""Name of the file that the kernel reads, in ``/lib/firmware``."""


def load(path: str | os.PathLike[str], part: str, *, root: str = "/") -> None:
    """Load the ``.bit`` at ``path`` into this board, whose part is ``part``.

    ``root``: root of the board's file system. Raises `DriverError` if the bitstream is for another
    part, or the manager's state is not ``operating`` afterwards.
    """
    manager = os.path.join(root, MANAGER)
    bit = _read(path)
    if part_key(bit.part) != part_key(part):
        raise DriverError(f"{path} is for part {bit.part}, this board has {part}")
    _has_manager(manager)
    firmware = os.path.join(root, FIRMWARE, NAME)
    _write(firmware, bit.swapped())
    try:
        if os.path.exists(os.path.join(manager, "flags")):
            _write(os.path.join(manager, "flags"), b"0")  # a full bitstream
        _start(manager)
    finally:
        os.unlink(firmware)
    state = text_of(os.path.join(manager, "state"))
    if state != "operating":
        raise DriverError(
            f"the FPGA manager's state must be operating after loading, not {state!r}"
            " (the kernel's reason: dmesg)"
        )


def _read(path: str | os.PathLike[str]) -> BitFile:
    try:
        with open(path, "rb") as file:
            return BitFile.parse(file.read(), str(path))
    except OSError as error:
        raise DriverError(f"cannot read {path}: {error.strerror}") from None


def _has_manager(manager: str) -> None:
    if not os.path.isdir(manager):
        raise DriverError(
            f"there is no {manager}: this is not a Zynq, or its kernel has no FPGA manager"
            " (CONFIG_FPGA and its Zynq driver)"
        )
    if not os.path.exists(os.path.join(manager, "firmware")):
        raise DriverError(
            f"{manager} has no file firmware: this kernel loads only through device-tree overlays;"
            " load bitrill.dtbo, or use the vendor's kernel (linux-xlnx)"
        )


def _start(manager: str) -> None:
    """Write the firmware file's name to the kernel, which loads it before the write returns."""
    try:
        with open(os.path.join(manager, "firmware"), "w") as file:
            file.write(NAME)
    except PermissionError:
        raise _no_permission(os.path.join(manager, "firmware")) from None
    except OSError as error:
        raise DriverError(
            f"the FPGA manager refused the bitstream: {error.strerror}"
            f" (state: {text_of(os.path.join(manager, 'state'))}; the kernel's reason: dmesg)"
        ) from None


def _write(path: str, data: bytes) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    except PermissionError:
        raise _no_permission(path) from None
    except OSError as error:
        raise DriverError(f"cannot write {path}: {error.strerror}") from None


def _no_permission(path: str) -> DriverError:
    return DriverError(f"no permission to write {path}: loading a bitstream needs root (sudo)")
