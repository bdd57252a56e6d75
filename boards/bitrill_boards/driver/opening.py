"""Opens the board that a folder describes: through PYNQ, bare Linux or a serial line."""

from __future__ import annotations

import importlib.util
import os

from . import fpga_manager, linux, pynq
from .driver import Driver
from .driver_errors import LinkError, UsageError
from .folder import Folder
from .serial_transport import PySerial, SerialTransport
from .transport import Transport

TRANSPORTS = {"axi": ("pynq", "linux"), "uart": ("uart",)}
"""Transports by the board's link; the first one that is installed is the default."""


def connect(
    folder: Folder | str | os.PathLike[str],
    transport: str | None = None,
    *,
    port: str | None = None,
    load: bool = False,
    loaded: bool = False,
    root: str = "/",
) -> Driver:
    """Return a `Driver` of the network in a board's ``folder``; see `open_transport`.

    ``root``: root of the board's file system, another folder in tests.
    """
    f = folder if isinstance(folder, Folder) else Folder(folder)
    network = f.network()
    _, opened = open_transport(f, transport, port, load=load, loaded=loaded, root=root)
    try:
        return Driver(network, opened, roofline=f.manifest.get("roofline"))
    except BaseException:
        opened.close()
        raise


def open_transport(
    folder: Folder | str | os.PathLike[str],
    kind: str | None = None,
    port: str | None = None,
    *,
    load: bool = False,
    loaded: bool = False,
    root: str = "/",
) -> tuple[str, Transport]:
    """Open the link to a board; returns its kind and the transport.

    ``kind``: one of `TRANSPORTS` for the board's link. ``port``: the serial port; by default the
    only one of this computer. ``load``: load the bitstream first (PYNQ always does), unless it is
    already ``loaded``, by JTAG for example. ``root``: root of the board's file system.
    """
    f = folder if isinstance(folder, Folder) else Folder(folder)
    kind = kind_for(f.link, f.manifest["board"], kind, port)
    if load and kind != "pynq":
        load_bitstream(f, root=root)
    if kind == "uart":
        return kind, _serial(f, port or only_port())
    if kind == "pynq":
        return kind, pynq.open_board(f, root=root, loaded=loaded)
    return kind, linux.open_board(f.manifest, root=root, loaded=loaded)


def kind_for(link: str, board: str, kind: str | None, port: str | None) -> str:
    """Return the transport for a board with a ``link``; `UsageError` if it has none such."""
    kinds = TRANSPORTS[link]
    kind = _installed(kinds) if kind is None else kind
    if kind not in kinds:
        raise UsageError(f"transport must be {' or '.join(kinds)} for {board}, not {kind!r}")
    if port is not None and kind != "uart":
        raise UsageError(f"port is for serial lines only: transport {kind} has none")
    return kind


def _serial(folder: Folder, port: str) -> SerialTransport:
    """Open a serial line; the board's clock must be the one that the folder was built for."""
    line = PySerial(port, int(folder.manifest["baud"]))
    try:
        transport = SerialTransport(line)
        has, wants = transport.device.clock_hz, round(folder.clock_mhz * 1_000_000)
        if has != wants:
            raise LinkError(
                f"the board's clock must be {wants} Hz, as this folder was built for, and the board"
                f" reports {has} Hz: flash this build"
            )
    except BaseException:
        line.close()
        raise
    return transport


def load_bitstream(folder: Folder, *, root: str = "/") -> None:
    """Load the folder's bitstream through the Linux kernel's FPGA manager, on this Zynq board."""
    if folder.link != "axi":
        raise UsageError("a board on a serial line is loaded from the host: bitrill flash")
    fpga_manager.load(folder.bitstream, folder.manifest["part"], root=root)


def _installed(kinds: tuple[str, ...]) -> str:
    if "pynq" in kinds and importlib.util.find_spec("pynq") is None:
        return "linux"
    return kinds[0]


def only_port() -> str:
    """Return the serial port if there is exactly one; else raise a `LinkError` that lists them."""
    try:
        from serial.tools import list_ports
    except ImportError:
        raise LinkError("a serial port needs pyserial: pip install pyserial") from None
    ports = sorted(p.device for p in list_ports.comports())
    if len(ports) == 1:
        return ports[0]
    raise LinkError(
        f"say which serial port with --port: there are {', '.join(ports)}"
        if ports
        else "there is no serial port: is the cable plugged in?"
    )
