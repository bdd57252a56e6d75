"""The verb `boards`, and reading the folder that `build` left for a board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StorageError
from ..ir.serialisation import digest
from .builds import Build, BuildLike, open_build
from .result import Json, Result, TextTable

if TYPE_CHECKING:
    from bitrill_boards.board import Board
    from bitrill_boards.manifest import Manifest
    from bitrill_boards.project import Project
    from bitrill_boards.roofline import Roofline


@dataclass(frozen=True, repr=False)
class Boards(Result):
    """Result of `boards`; ``rooflines``: the rates of a build on each board, None without one."""

    boards: tuple[Board, ...]
    rooflines: tuple[Roofline, ...] | None

    def summary(self) -> dict[str, object]:
        figures: dict[str, object] = {"boards": len(self.boards)}
        if self.rooflines is not None:
            figures["fits"] = sum(r.fits is True for r in self.rooflines)
        return figures

    def tables(self) -> tuple[TextTable, ...]:
        rows = [(b.name, b.part, " or ".join(b.toolchains), b.status) for b in self.boards]
        every = TextTable.of_texts(("board", "part", "toolchains", "status"), rows)
        if self.rooflines is None:
            return (every,)
        head = ("board", "fits", "core frames/s", "system frames/s", "limited by", "clock")
        rates = [
            (
                r.board,
                fit_in_words(r),
                f"{r.core:,.0f}",
                f"{r.system:,.0f}",
                r.limit,
                f"{r.clock_mhz:g} MHz (assumed)",
            )
            for r in self.rooflines
        ]
        return every, TextTable.of_texts(head, rates)

    def to_json(self) -> Json:
        rows: list[Json] = [b.to_json() for b in self.boards]
        for row, roofline in zip(rows, self.rooflines or (), strict=False):
            row["network"] = roofline.to_json()
        return {"boards": rows}


def boards(build: BuildLike | None = None, *, boards: str | Path | None = None) -> Boards:
    """List all boards; with a ``build``, state for each whether it fits and how fast it would be.

    ``boards``: a folder of additional boards, one TOML file each.
    """
    from bitrill_boards.board import every
    from bitrill_boards.roofline import roofline

    known = tuple(every(boards))
    if build is None:
        return Boards(known, None)
    built = open_build(build)
    rooflines = (roofline(b, built.graph, built.predicted.ii, built.resources) for b in known)
    return Boards(known, tuple(rooflines))


def on_board(name: str, built: Build, boards: str | Path | None) -> Roofline:
    """Return what a network reaches on one board; files of other boards are not read."""
    from bitrill_boards.board import find
    from bitrill_boards.roofline import roofline

    board = find(name, boards)
    return roofline(board, built.graph, built.predicted.ii, built.resources)


def fit_in_words(roofline: Roofline) -> str:
    """Return in words whether a network fits a board."""
    if roofline.fits is None:
        return (
            f"not known before routing (about {100 * (roofline.estimate or 0):.0f} % of its LUTs)"
        )
    if roofline.lacks:
        return f"no: {'; '.join(roofline.lacks)}"
    share = max(n / roofline.usable[k] if n else 0 for k, n in roofline.needs.items())
    return f"yes ({100 * share:.0f} %)"


@dataclass(frozen=True)
class BoardFolder:
    """A folder that `build` left for a board, read and checked."""

    folder: Path
    board: Board
    manifest: Manifest
    project: Project


def board_folder(
    board: str, build: Build, source: str | Path | None, boards: str | Path | None
) -> BoardFolder:
    """Read the folder that the verb `build` left for a board, at ``source`` or in the build.

    Raises `StorageError` if there is none, if it belongs to another board or network, or if its
    ``board.json`` disagrees with them.
    """
    from bitrill_boards import manifest
    from bitrill_boards.board import find
    from bitrill_boards.project import Project

    chosen = find(board, boards)
    folder = build.board_folder(chosen.name) if source is None else Path(source)
    again = f"run bitrill build {chosen.name} {build.folder}"
    if not (folder / manifest.NAME).is_file():
        raise StorageError(f"{folder} holds no finished build for {chosen.name}: {again}")
    made = manifest.read(folder)
    if made.board != chosen.name:
        raise StorageError(f"{folder} was built for {made.board}, not for {chosen.name}: {again}")
    if made.network["digest"] != digest(build.graph):
        if source is None:
            raise StorageError(f"the build in {folder} is older than the network: {again}")
        raise StorageError(
            f"{folder} was built of another network ({made.network['name']}) than"
            f" {build.folder}: {again}"
        )
    project = Project(
        chosen,
        build.graph,
        build.predicted,
        build.verilog,
        folder,
        made.toolchain,
        made.clock,
        counters=made.counters,
    )
    manifest.require_own(made, project)
    return BoardFolder(folder, chosen, made, project)
