"""The verb `flash`: loads the bitstream of a board's folder into the board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SpecError, StorageError
from .board_drive import drive
from .boards import BoardFolder, board_folder
from .builds import Build, BuildLike, open_build
from .drive_result import Driven
from .extras import Progress, extra, logged
from .result import Json, Result

if TYPE_CHECKING:
    from bitrill_boards.flash import Loaded

BY_HAND = ("bitrill.bit", "bitrill.fs", "bitrill.bin")
"""Names of bitstreams that a user may have made from a board's files by hand."""


@dataclass(frozen=True, repr=False)
class Flashed(Result):
    """Result of `flash`.

    ``driven``: the self-test that followed, if it was asked for; ``command``: the command that runs
    it; ``recorded``: True if `build` made the bitstream, False if a user made it by hand.
    """

    loaded: Loaded
    bitstream: Path
    driven: Driven | None
    command: str
    recorded: bool = True

    @property
    def ok(self) -> bool:
        return self.driven is None or self.driven.ok

    def summary(self) -> dict[str, object]:
        return {
            "board": self.loaded.board,
            "bitstream": self.bitstream,
            "seconds": f"{self.loaded.seconds:.1f}",
            "self-test": "not run" if self.driven is None else self.driven.summary(),
        }

    def to_json(self) -> Json:
        return {
            "board": self.loaded.board,
            "bitstream": str(self.bitstream),
            "recorded": self.recorded,
            "idcode": self.loaded.idcode,
            "seconds": self.loaded.seconds,
            "lasting": self.loaded.lasting,
            "self_test": None if self.driven is None else self.driven.to_json(),
            "next": None if self.driven else self.command,
        }


def flash(
    board: str,
    build: BuildLike,
    *,
    source: str | Path | None = None,
    xvc: str | None = None,
    cable: str | None = None,
    timeout: float | None = None,
    boards: str | Path | None = None,
    self_test: bool = False,
    port: str | None = None,
    progress: Progress = logged,
) -> Flashed:
    """Load the bitstream that `build` made into a board, and check that the board has started.

    If `build` made none, a bitstream that was made by hand from the folder's files is loaded.
    ``source``: that folder, by default ``boards/BOARD`` in the build. ``xvc``: ``HOST:PORT`` of a
    cable on another computer; ``cable``: a cable's name in openFPGALoader; ``timeout``: seconds
    without output after which it is stopped. ``boards``: a folder of additional boards.
    ``self_test``: run all recorded frames afterwards, over the serial ``port``. Raises `ToolError`
    if something is missing (exit 3) or failed (exit 4), `SpecError` if the bitstream is for another
    chip.
    """
    if timeout is not None and not 0 < timeout <= 86400:
        raise SpecError(f"the time limit must be above 0 and at most 86400 seconds, not {timeout}")
    if port is not None and not self_test:
        raise SpecError("port is for the self-test after loading: add --self-test")
    with extra("boards", "flash"):
        from bitrill_boards import flash as loader
        from bitrill_boards.flash.loading import TIMEOUT
    built = open_build(build)
    place = board_folder(board, built, source, boards)
    if self_test:
        _require_self_test(place, port)
    bitstream = _bitstream(place, built)
    loaded = loader.flash(
        place.manifest.to_json(),
        bitstream,
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
            source=place.folder,
            port=port,
            self_test=True,
            boards=boards,
            progress=progress,
        )
    command = next_command(place, built, source)
    return Flashed(loaded, bitstream, driven, command, place.manifest.bitstream is not None)


def _require_self_test(place: BoardFolder, port: str | None) -> None:
    """Raise an error unless this computer can test the board."""
    if place.board.zynq:
        raise SpecError(
            f"the self-test of {place.board.name} runs on the board: see {place.folder}/README.md"
        )
    if port is None:
        raise SpecError("the self-test needs the board's serial port, such as --port /dev/ttyUSB0")


def _bitstream(place: BoardFolder, build: Build) -> Path:
    """Return the bitstream in the manifest; if there is none, one that was made by hand."""
    recorded = place.manifest.bitstream
    for name in BY_HAND if recorded is None else (recorded,):
        if (place.folder / name).is_file():
            return place.folder / name
    raise StorageError(
        f"there is no bitstream in {place.folder} yet: run bitrill build {place.board.name}"
        f" {build.folder} where the tools of {place.manifest.toolchain} are installed"
    )


def next_command(place: BoardFolder, build: Build, source: str | Path | None) -> str:
    """Return the command that tests the loaded network."""
    if place.board.zynq:
        return (
            f"copy {place.folder} to the board, and in it:"
            " python3 -m bitrill_driver . --self-test --loaded"
        )
    folder = "" if source is None else f" --source {source}"
    board = place.board.name
    return f"bitrill drive {board} {build.folder}{folder} --self-test --port /dev/ttyUSB0"
