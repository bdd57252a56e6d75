"""Loads a bitstream with openFPGALoader, and adds the checks that it lacks.

The tool reports success even if the bitstream is for another part, or if the chip never starts.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitrill.errors import ToolError

from . import jtag_chain, tool
from .bitstreams import FlashTarget, check
from .cable import Cable, check_vectors, choose, trouble
from .tool import Ended, Progress

TIMEOUT = 60.0
"""Seconds without output after which a cable counts as hanging."""


@dataclass(frozen=True)
class Loaded:
    """A bitstream that was loaded.

    ``lasting``: it is in the board's flash memory, else it is lost at power-off. ``idcode``: IDCODE
    of the chip that answered, None if its family has none.
    """

    board: str
    bitstream: str
    idcode: int | None
    seconds: float
    lasting: bool


def flash(
    manifest: Mapping[str, Any],
    bitstream: Path,
    *,
    xvc: str | None = None,
    cable: str | None = None,
    timeout: float = TIMEOUT,
    progress: Progress | None = None,
) -> Loaded:
    """Load ``bitstream`` into the board that a ``board.json`` describes.

    ``xvc``: ``HOST:PORT`` of a cable on another computer; ``cable``: one of openFPGALoader's,
    instead of the board's own; ``timeout``: seconds without output after which it is ended. Raises
    `SpecError` if the bitstream is for another chip or was changed, `ToolError` if the tool, the
    cable or the chip is missing, the cable hangs, or the chip did not start.
    """
    target = FlashTarget.of(manifest)
    check(target, bitstream)
    way = choose(target, xvc, cable)
    start = time.perf_counter()
    idcode, selection = None, ()
    if not target.over_spi:
        chip, selection = _chip(target, way, timeout)
        idcode = chip.idcode
    arguments = [*way.arguments, *selection, *_MODES[target.family], str(bitstream)]
    ended = tool.run(arguments, timeout=timeout, progress=progress)
    _judge(target, way, ended)
    return Loaded(
        target.board, bitstream.name, idcode, time.perf_counter() - start, target.over_spi
    )


_MODES = {
    "zynq7": (),
    "zynqmp": (),
    "gowin": (),
    "ecp5": ("-v",),  # prints the status register, in which DONE is
    "ice40": ("-f", "--verify"),  # on these boards the cable reaches only the flash memory
}


def _chip(
    target: FlashTarget, way: Cable, timeout: float
) -> tuple[jtag_chain.Chip, tuple[str, ...]]:
    """Return the board's chip, and the arguments that select it among several."""
    ended = tool.run([*way.arguments, "--detect"], timeout=timeout)
    check_vectors(ended)
    chips = jtag_chain.parse(ended.text)
    if not chips:
        raise trouble(ended, way) or _failed(ended, "find the board's chip")
    chip = jtag_chain.find(target, chips)
    several = sum(c.fpga for c in chips) > 1
    return chip, ("--index-chain", str(chip.index)) if several else ()


def _judge(target: FlashTarget, way: Cable, ended: Ended) -> None:
    """Raise unless the tool's output says that the chip runs."""
    if ended.code == 0 and _DONE[target.family](ended.text):
        return
    if "100.00%" in ended.text:
        raise ToolError(
            f"{target.board} took the bitstream but did not start (DONE stays low): {_WHY}",
            output=ended.output,
        )
    raise trouble(ended, way) or _failed(ended, "load the bitstream")


_WHY = "it was damaged in transfer, or the board's supply is weak; load it again, at the board"


def _xilinx(text: str) -> bool:
    return re.search(r"\bisc_done 1\b.*\bdone 1\s*$", text, re.M) is not None


def _ecp5(text: str) -> bool:
    """Return whether DONE is set in the status register that is printed last."""
    registers = text.split("displayReadReg")
    return len(registers) > 1 and "Done Flag" in registers[-1] and "FAIL" not in text


def _gowin(text: str) -> bool:
    loaded = text.rpartition("Load SRAM")[2]
    return "DONE" in loaded and "FAIL" not in loaded


def _ice40(text: str) -> bool:
    return re.search(r"Wait for CDONE\W+DONE", text) is not None and not re.search(
        r"\bfail", text, re.I
    )


_DONE = {"zynq7": _xilinx, "zynqmp": _xilinx, "ecp5": _ecp5, "gowin": _gowin, "ice40": _ice40}


def _failed(ended: Ended, what: str) -> ToolError:
    return ToolError(
        f"openFPGALoader could not {what} (exit code {ended.code}): {ended.last or 'no reason'}",
        output=ended.output,
    )
