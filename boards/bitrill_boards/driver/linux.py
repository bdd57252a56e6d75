"""A Zynq's own Linux, bare: registers over UIO or ``/dev/mem``, memory from u-dma-buf.

Nothing of it needs more than the kernel's files. ``root`` is where they are looked for. An access
that the hardware refuses ends the program with SIGBUS: so what can be known is checked before.
"""

from __future__ import annotations

import glob
import os
from fractions import Fraction
from typing import Any

from .axi_transport import TIMEOUT, AxiTransport
from .dma import DmaMemory
from .driver_errors import LinkError
from .mapped import SUDO, DevMem, Mapped, Uio, map_physical
from .zynq_clocks import crystal
from .zynq_setup import prepare

MANAGER = "sys/class/fpga_manager/fpga0/state"
TREE = "proc/device-tree/compatible"
COMPATIBLE = {"zynq7": b"xlnx,zynq-7000", "zynqmp": b"xlnx,zynqmp"}
"""What the kernel's device tree says of a board, by its family."""


def open_board(
    manifest: dict[str, Any], *, root: str = "/", loaded: bool = False, timeout: float = TIMEOUT
) -> AxiTransport:
    """The network of a board folder's ``board.json``, on this board.

    ``loaded``: the bitstream is there, though the kernel does not know of it (it came over JTAG).
    Raises `LinkError` that names all that is missing. The transport's ``notes``: what could not be
    set or checked.
    """
    check_here(manifest, root)
    missing = [] if loaded else _not_loaded(root)
    found: list[Any] = []
    for opens in (
        lambda: _registers(root, int(manifest["base"]), 1 << int(manifest["register_bits"])),
        lambda: DmaMemory(root),
    ):
        try:
            found.append(opens())
        except LinkError as error:
            missing.append(str(error))
    if missing:
        _close(found)
        raise LinkError("; ".join(missing))
    try:
        clock, notes = set_clock(manifest, root)
        transport = AxiTransport(*found, clock_hz=round(clock * 1_000_000), timeout=timeout)
    except BaseException:
        _close(found)
        raise
    transport.notes = notes
    return transport


def _close(ends: list[Any]) -> None:
    for end in ends:
        end.close()


def check_here(manifest: dict[str, Any], root: str) -> None:
    """Refuse any other computer: what is written at a Zynq's addresses could be anything there."""
    board, wanted = manifest["board"], COMPATIBLE.get(manifest["family"])
    if wanted is None:
        raise LinkError(f"{board} is of family {manifest['family']!r}, and has no Linux of its own")
    try:
        with open(os.path.join(root, TREE), "rb") as file:
            names = file.read().split(b"\0")
    except OSError:
        names = []
    if wanted not in names:
        raise LinkError(
            f"this computer is no {board} (its device tree does not say {wanted.decode()}): copy"
            " the board's folder there, and run this there"
        )


def _not_loaded(root: str) -> list[str]:
    """To read registers that are not there would freeze the processor."""
    try:
        with open(os.path.join(root, MANAGER)) as file:
            state = file.read().strip()
    except OSError:
        return []
    if state == "operating":
        return []
    return [
        f"no bitstream is loaded (the FPGA manager's state is {state!r}): load it with --load;"
        " if it came over JTAG, say --loaded"
    ]


def set_clock(manifest: dict[str, Any], root: str) -> tuple[Fraction, tuple[str, ...]]:
    """MHz of the logic, set to the manifest's, and what is to be said of it."""
    asked = Fraction(manifest["clock_mhz"])
    oscillator = crystal(float(Fraction(manifest["crystal_mhz"])))
    physical = DevMem(root)
    try:
        return prepare(manifest["family"], physical, oscillator, asked), ()
    except LinkError as error:
        return asked, (f"the clock was not set, and is taken for {float(asked):g} MHz: {error}",)
    finally:
        physical.close()


def _registers(root: str, base: int, size: int) -> Mapped:
    """Of the shell at ``base``: over UIO, else over ``/dev/mem``."""
    for folder in sorted(glob.glob(os.path.join(root, "sys/class/uio/uio*"))):
        first = os.path.join(folder, "maps", "map0")
        try:
            address, room = (_hex(os.path.join(first, k)) for k in ("addr", "size"))
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


def _hex(path: str) -> int:
    with open(path) as file:
        return int(file.read(), 16)


__all__ = ["check_here", "open_board", "set_clock"]
