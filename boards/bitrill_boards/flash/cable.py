"""Chooses the cable to a board, USB or XVC over the network, and explains why it fails."""

import re
import socket
from dataclasses import dataclass

from bitrill.errors import BitrillError, SpecError, ToolError

from ..driver.bitfile import part_key
from . import tool
from .bitstreams import FlashTarget
from .tool import Ended

VECTORS = 16384
"""Largest number of bytes, TMS and TDI together, that openFPGALoader's XVC client can send at
once: its counter of their bits has 16 bits."""

RULES = "/etc/udev/rules.d/70-bitrill.rules"


@dataclass(frozen=True)
class Cable:
    """A cable, and the ``arguments`` of openFPGALoader that choose it.

    ``name``: as it follows "the cable" in messages: a name, or "of BOARD" for the cable that
    openFPGALoader itself assigns to a ``board``.
    """

    name: str
    arguments: tuple[str, ...]
    board: str | None = None

    def usb(self) -> tuple[str, str] | None:
        """Return its USB vendor and product, where they are known."""
        cable = tool.cable_of(self.board) if self.board else self.name
        return tool.usb_of(cable) if cable else None


def choose(target: FlashTarget, xvc: str | None, cable: str | None) -> Cable:
    """Return the board's cable, unless ``xvc`` (``HOST:PORT``) or ``cable`` names another one."""
    if xvc is not None and cable is not None:
        raise SpecError("xvc and cable exclude each other: give one of them")
    board = target.flash.get("board")
    base = ("-b", board) if board else ()
    if not board and target.family in ("zynq7", "zynqmp"):
        base = ("--fpga-part", f"xc{part_key(target.part)}")
    if xvc is not None:
        if target.over_spi:
            raise SpecError(f"xvc is a JTAG cable, and {target.board} is loaded over SPI")
        host, port = _host_port(xvc)
        return Cable(xvc, ("-c", "xvc-client", "--ip", host, "--port", port, *base))
    cable = cable or target.flash.get("cable")
    if cable:
        return Cable(cable, ("-c", cable, *base))
    return Cable(f"of {board}", base, board)


def _host_port(text: str) -> tuple[str, str]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SpecError(f"xvc must be HOST:PORT, such as 127.0.0.1:2542, not {text!r}")
    try:
        return socket.gethostbyname(host), port  # the tool takes addresses, no names
    except OSError:
        raise SpecError(f"xvc must be HOST:PORT, and there is no host {host!r}") from None


def check_vectors(ended: Ended) -> None:
    """Raise `ToolError` if an XVC server accepts larger packets than the tool's client can count.

    The client would send a part of the bitstream and report success. The server states the bytes of
    TMS or of TDI alone, half of a packet.
    """
    size = re.search(r"xvcServer version \S+ packet size (\d+)", ended.text)
    if size is not None and int(size.group(1)) > VECTORS // 2:
        raise ToolError(
            f"the XVC server offers vectors of {2 * int(size.group(1)):,} bytes, and openFPGALoader"
            f" fails above {VECTORS:,}: set the server to less"
        )


def trouble(ended: Ended, cable: Cable) -> BitrillError | None:
    """Return an error if a run's output shows that the cable failed, else None."""
    text = ended.text
    if re.search(r"permission|LIBUSB_ERROR_ACCESS|ftdi device: -4\b", text, re.I):
        return _no_permission(cable, ended)
    missing = re.search(r"support for (.+?) was not enabled at compile time", text)
    if missing is not None:
        return ToolError(
            f"this openFPGALoader was built without {missing.group(1)}: install another one in"
            " PATH, such as Debian's package openfpgaloader",
            missing=True,
            tool="openfpgaloader",
        )
    if re.search(rf"error *: *{re.escape(cable.name)} not found", text):
        return SpecError(
            f"cable must be one that `openFPGALoader --list-cables` prints, not {cable.name!r}"
        )
    for pattern, words in _TROUBLES:
        if re.search(pattern, text, re.I):
            return ToolError(words.format(cable=cable.name), output=ended.output)
    return None


_TROUBLES = (
    (
        r"connection (error|failure)",
        "no cable answers at {cable}: is the XVC server running, and its port open?",
    ),
    (
        r"device not found|no device found|no CMSIS-DAP|unable to find|ftdi device: -3\b",
        "no cable {cable} is found: is the board plugged in and powered, and its USB cable one that"
        " carries data?",
    ),
    (
        r"unable to claim|LIBUSB_ERROR_BUSY|ftdi device: -5\b",
        "another program holds the cable {cable}: close it (a serial monitor, Vivado's hw_server)",
    ),
    (
        r"TDO is stuck",
        "no chip answers behind the cable {cable}: is the board powered, and its JTAG mode chosen?",
    ),
)


def _no_permission(cable: Cable, ended: Ended) -> ToolError:
    usb = cable.usb()
    vendor, product = usb or ("VVVV", "PPPP")
    rule = (
        f'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{vendor}", ATTR{{idProduct}}=="{product}",'
        ' MODE="0660", TAG+="uaccess"'
    )
    said = "" if usb else " (VVVV and PPPP: its ID as lsusb prints it)"
    return ToolError(
        f"no permission to use the cable {cable.name}: put the line {rule}{said} into {RULES},"
        " run `sudo udevadm control --reload && sudo udevadm trigger`, and plug it in again",
        rule=rule,
        output=ended.output,
    )
