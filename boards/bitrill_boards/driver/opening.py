"""From a board's folder to a `Driver`: by PYNQ, bare Linux or a serial line."""

from __future__ import annotations

import importlib.util
from typing import Any

from . import fpga_manager, linux, pynq
from .driver import Driver
from .driver_errors import DriverError, LinkError
from .folder import Folder
from .serial_transport import PySerial, SerialTransport

TRANSPORTS = {"axi": ("pynq", "linux"), "uart": ("uart",)}
"""What may carry frames, by the board's link; the first one that is there is taken."""


def connect(
    folder: Any,
    transport: str | None = None,
    *,
    port: str | None = None,
    load: bool = False,
    loaded: bool = False,
    root: str = "/",
) -> Driver:
    """A `Driver` of the network that a board's ``folder`` describes: see `open_transport`."""
    f = folder if isinstance(folder, Folder) else Folder(folder)
    network = f.network()
    _, opened = open_transport(f, transport, port, load=load, loaded=loaded, root=root)
    try:
        return Driver(network, opened, roofline=f.manifest.get("roofline"))
    except BaseException:
        opened.close()
        raise


def open_transport(
    folder: Any,
    kind: str | None = None,
    port: str | None = None,
    *,
    load: bool = False,
    loaded: bool = False,
    root: str = "/",
) -> tuple[str, Any]:
    """What carries frames to a board, and its name.

    ``port``: of a serial line, else the only one there is. ``load``: the bitstream first (PYNQ
    always does), unless it is ``loaded``: it came over JTAG, say.
    """
    f = folder if isinstance(folder, Folder) else Folder(folder)
    carries = TRANSPORTS[f.link]
    kind = _there(carries) if kind is None else kind
    if kind not in carries:
        raise DriverError(
            f"transport must be {' or '.join(carries)} for {f.manifest['board']}, not {kind!r}"
        )
    if port is not None and kind != "uart":
        raise DriverError(f"a port is a serial line's: transport {kind} takes none")
    if load and kind != "pynq":
        load_bitstream(f, root=root)
    if kind == "uart":
        return kind, SerialTransport(PySerial(port or only_port(), int(f.manifest["baud"])))
    if kind == "pynq":
        return kind, pynq.open_board(f, root=root, loaded=loaded)
    return kind, linux.open_board(f.manifest, root=root, loaded=loaded)


def load_bitstream(folder: Folder, *, root: str = "/") -> None:
    """Load the folder's bitstream through the kernel of this Zynq."""
    if folder.link != "axi":
        raise DriverError("a board on a serial line is loaded from the host: bitrill flash")
    fpga_manager.load(folder.bitstream, folder.manifest["part"], root=root)


def _there(carries: tuple[str, ...]) -> str:
    if "pynq" in carries and importlib.util.find_spec("pynq") is None:
        return "linux"
    return carries[0]


def only_port() -> str:
    """The serial port, if there is one alone."""
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


__all__ = ["connect", "load_bitstream", "only_port", "open_transport"]
