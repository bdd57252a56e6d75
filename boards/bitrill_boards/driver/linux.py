"""Opens a network on a Zynq board's bare Linux: registers by UIO or ``/dev/mem``, u-dma-buf memory.

It needs only the kernel's files; ``root`` is the root of the board's file system. An access that
the hardware refuses would end the program with SIGBUS, so as much as possible is checked before.
"""

from __future__ import annotations

import glob
import os
from fractions import Fraction
from typing import Any

from .axi_transport import TIMEOUT, AxiTransport
from .dma import DmaMemory
from .driver_errors import LinkError
from .mapped import SUDO, DevMem, Mapped, Uio, map_physical, text_of
from .zynq_clocks import crystal
from .zynq_setup import prepare

MANAGER = "sys/class/fpga_manager/fpga0/state"
TREE = "proc/device-tree/compatible"
COMPATIBLE = {"zynq7": b"xlnx,zynq-7000", "zynqmp": b"xlnx,zynqmp"}
"""Entry in the kernel's device tree that identifies the boards of a family."""


def open_board(
    manifest: dict[str, Any], *, root: str = "/", loaded: bool = False, timeout: float = TIMEOUT
) -> AxiTransport:
    """Open the network that ``board.json`` (``manifest``) describes, on this board.

    ``loaded``: the bitstream was loaded without the kernel, by JTAG for example. Raises a single
    `LinkError` that names everything missing.
    """
    check_here(manifest, root)
    missing = [] if loaded else _not_loaded(root)
    ends: list[Any] = []
    for opens in (
        lambda: _registers(root, int(manifest["base"]), 1 << int(manifest["register_bits"])),
        lambda: DmaMemory(root),
    ):
        try:
            ends.append(opens())
        except LinkError as error:
            missing.append(str(error))
    if missing:
        _close(ends)
        raise LinkError("; ".join(missing))
    try:
        clock, notes = set_clock(manifest, root)
        transport = AxiTransport(*ends, clock_hz=round(clock * 1_000_000), timeout=timeout)
    except BaseException:
        _close(ends)
        raise
    transport.notes = notes
    return transport


def _close(ends: list[Any]) -> None:
    for end in ends:
        end.close()


def check_here(manifest: dict[str, Any], root: str) -> None:
    """Raise `LinkError` unless this is the board: elsewhere, the addresses mean other things."""
    board, wanted = manifest["board"], COMPATIBLE.get(manifest["family"])
    if wanted is None:
        raise LinkError(f"{board} is of family {manifest['family']!r}, and does not run Linux")
    try:
        with open(os.path.join(root, TREE), "rb") as file:
            names = file.read().split(b"\0")
    except OSError:
        names = []
    if wanted not in names:
        raise LinkError(
            f"this computer is not a {board} (its device tree lacks {wanted.decode()}): copy"
            " the board's folder there, and run this there"
        )


def _not_loaded(root: str) -> list[str]:
    """Return a message if no bitstream is loaded: reading registers would freeze the CPU."""
    try:
        state = text_of(os.path.join(root, MANAGER))
    except OSError:
        return []
    if state == "operating":
        return []
    return [
        f"no bitstream is loaded (the FPGA manager's state is {state!r}): load it with --load;"
        " if it was loaded over JTAG, say --loaded"
    ]


def set_clock(manifest: dict[str, Any], root: str) -> tuple[Fraction, tuple[str, ...]]:
    """Set the network's clock as the manifest says; return its MHz, and notes on failures."""
    asked = Fraction(manifest["clock_mhz"])
    oscillator = crystal(float(Fraction(manifest["crystal_mhz"])))
    physical = DevMem(root)
    try:
        return prepare(manifest["family"], physical, oscillator, asked), ()
    except LinkError as error:
        return asked, (f"the clock was not set, and {float(asked):g} MHz is assumed: {error}",)
    finally:
        physical.close()


def _registers(root: str, base: int, size: int) -> Mapped:
    """Map the shell's registers at ``base``: by UIO, else by ``/dev/mem``."""
    for folder in sorted(glob.glob(os.path.join(root, "sys/class/uio/uio*"))):
        first = os.path.join(folder, "maps", "map0")
        try:
            address, room = (int(text_of(os.path.join(first, k)), 16) for k in ("addr", "size"))
        except (OSError, ValueError):
            continue
        if address != base:
            continue
        path = os.path.join(root, "dev", os.path.basename(folder))
        if room < size:
            raise LinkError(
                f"{path} maps {room} bytes, the network's registers take {size}: load the overlay"
                " of this build"
            )
        try:
            return Uio(path, 0, size)
        except PermissionError:
            raise LinkError(
                f"no permission to open {path}: {SUDO}, or give it to a group of yours"
                ' (udev rule: SUBSYSTEM=="uio", GROUP="users", MODE="0660")'
            ) from None
        except OSError as error:
            raise LinkError(f"cannot map {path}: {error.strerror}") from None
    try:
        return map_physical(os.path.join(root, "dev/mem"), base, size)
    except LinkError as error:
        raise LinkError(
            f"no UIO device has its registers at {base:#x} (load the build's overlay bitrill.dts,"
            " then: modprobe uio_pdrv_genirq of_id=generic-uio), and "
            f"{error}"
        ) from None
