"""`flash`: the bitstream of a board's folder onto the board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SpecError, StorageError
from .board_drive import Driven, drive
from .boards import board_folder
from .compiling import Build, load_build
from .extras import Progress, extra, silent

BY_HAND = ("bitrill.bit", "bitrill.fs", "bitrill.bin")
"""Names that a bitstream may have that was made from a board's files by hand."""


@dataclass(frozen=True)
class Flashed:
    """``loaded``: a `bitrill_boards.flash.Loaded`; ``driven``: the self-test after it, if asked
    for; ``command``: the self-test's command; ``recorded``: `build` made the bitstream, no person.
    """

    loaded: Any
    bitstream: Path
    driven: Driven | None
    command: str
    recorded: bool = True

    @property
    def ok(self) -> bool:
        return self.driven is None or self.driven.ok

    def json(self) -> dict[str, Any]:
        """The object that ``flash --json`` prints."""
        return {
            "board": self.loaded.board,
            "bitstream": str(self.bitstream),
            "recorded": self.recorded,
            "idcode": self.loaded.idcode,
            "seconds": self.loaded.seconds,
            "lasting": self.loaded.lasting,
            "self_test": None if self.driven is None else self.driven.json(),
            "next": None if self.driven else self.command,
        }


def flash(
    board: str,
    build: str | Path | Build,
    *,
    source: str | Path | None = None,
    xvc: str | None = None,
    cable: str | None = None,
    timeout: float | None = None,
    folder: str | Path | None = None,
    self_test: bool = False,
    port: str | None = None,
    progress: Progress = silent,
) -> Flashed:
    """Load the bitstream that `build` left into a board, and check that the board has started.

    A bitstream that a person made of the folder's files and put there is taken where `build` left
    none. ``source``: that folder, ``boards/BOARD`` in the build when None. ``xvc``:
    ``HOST:PORT`` of a cable elsewhere; ``cable``: a name of openFPGALoader's; ``timeout``: seconds
    without a sign of life. ``self_test``: afterwards all recorded frames over the serial ``port``.
    Raises `ToolError` with what is missing (exit 3) or went wrong (exit 4), `SpecError` where the
    bitstream is another chip's.
    """
    if timeout is not None and not 0 < timeout <= 86400:
        raise SpecError(f"the time limit must be above 0 and at most 86400 seconds, not {timeout}")
    if port is not None and not self_test:
        raise SpecError("a port is for the self-test after loading: add --self-test")
    with extra("boards", "flash"):
        from bitrill_boards import flash as loader
        from bitrill_boards.flash.loading import TIMEOUT
    built = build if isinstance(build, Build) else load_build(build)
    found = board_folder(board, built, source, folder)
    made = found.manifest
    if self_test and found.board.zynq:
        raise SpecError(
            f"the self-test of {found.board.name} runs on the board: see {found.folder}/README.md"
        )
    if self_test and port is None:
        raise SpecError("the self-test needs the board's serial port: --port /dev/ttyUSB0, say")
    path = _bitstream(found, built)
    loaded = loader.flash(
        made.to_json(),
        path,
        xvc=xvc,
        cable=cable,
        progress=progress,
        timeout=TIMEOUT if timeout is None else float(timeout),
    )
    driven = None
    if self_test:
        driven = drive(
            board,
            built,
            source=found.folder,
            port=port,
            self_test=True,
            folder=folder,
            progress=progress,
        )
    return Flashed(
        loaded, path, driven, next_command(found, built, source), made.bitstream is not None
    )


def _bitstream(found: Any, build: Build) -> Path:
    """The recorded one, or, where there is none, one that a person has made of the files."""
    made = found.manifest
    names = BY_HAND if made.bitstream is None else (made.bitstream,)
    there = [found.folder / name for name in names if (found.folder / name).is_file()]
    if not there:
        raise StorageError(
            f"there is no bitstream in {found.folder} yet: run bitrill build {found.board.name}"
            f" {build.folder} where the tools of {made.toolchain} are installed"
        )
    return there[0]


def next_command(found: Any, build: Build, source: str | Path | None) -> str:
    """The self-test of what was loaded."""
    if found.board.zynq:
        return (
            f"copy {found.folder} to the board, and in it:"
            " python3 -m bitrill_driver . --self-test --loaded"
        )
    where = "" if source is None else f" --from {source}"
    return f"bitrill drive {found.board.name} {build.folder}{where} --self-test --port /dev/ttyUSB0"
