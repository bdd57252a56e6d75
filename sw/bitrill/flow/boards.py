"""The verbs of boards: which there are, what each can do with a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StorageError
from .compiling import Build, load_build


@dataclass(frozen=True)
class Boards:
    """``boards``: of `bitrill_boards.board.Board`; ``rooflines``: of each with a build, or None."""

    boards: tuple[Any, ...]
    rooflines: tuple[Any, ...] | None

    def json(self) -> dict[str, Any]:
        """The object that ``boards --json`` prints."""
        rows = [b.to_json() for b in self.boards]
        for row, roofline in zip(rows, self.rooflines or (), strict=False):
            row["network"] = roofline.to_json()
        return {"boards": rows}


def boards(build: str | Path | Build | None = None, *, folder: str | Path | None = None) -> Boards:
    """All boards, those of a TOML file in ``folder`` with them; with a ``build``, what each can do
    with it: fit, rate of the core, rate of the system and what limits that."""
    from bitrill_boards.board import every
    from bitrill_boards.roofline import roofline

    known = tuple(every(None if folder is None else Path(folder)))
    if build is None:
        return Boards(known, None)
    built = build if isinstance(build, Build) else load_build(build)
    used = used_by(built)
    return Boards(known, tuple(roofline(b, built.graph, built.predicted.ii, used) for b in known))


def used_by(build: Build) -> Any:
    """What the model of `bitrill.resources.estimate` predicts for all of a build."""
    from ..resources.estimate import Resources, network_resources

    return sum(network_resources(build.graph).values(), Resources())


@dataclass(frozen=True)
class BoardFolder:
    """What `build` left, read and checked: ``board`` (`bitrill_boards.board.Board`), ``manifest``
    (`bitrill_boards.manifest.Manifest`)."""

    folder: Path
    board: Any
    manifest: Any


def board_folder(
    board: str, build: Build, source: str | Path | None, folder: str | Path | None
) -> BoardFolder:
    """A board's folder of this very build; ``source``, or where `build` leaves it.

    Raises `StorageError` where there is none, or of another board or network.
    """
    from bitrill_boards import manifest
    from bitrill_boards.board import find

    from ..ir.serialisation import digest

    chosen = find(board, None if folder is None else Path(folder))
    where = default_folder(build, chosen.name) if source is None else Path(source)
    again = f"run bitrill build {chosen.name} {build.folder}"
    if not (where / manifest.NAME).is_file():
        raise StorageError(f"{where} holds no finished build for {chosen.name}: {again}")
    found = manifest.read(where)
    if found.board != chosen.name:
        raise StorageError(f"{where} was built for {found.board}, not for {chosen.name}: {again}")
    if found.network["digest"] != digest(build.graph):
        if source is None:
            raise StorageError(f"the build in {where} is older than the network: {again}")
        raise StorageError(
            f"{where} was built of another network ({found.network['name']}) than"
            f" {build.folder}: {again}"
        )
    return BoardFolder(where, chosen, found)


def default_folder(build: Build, board: str) -> Path:
    """Where `build` leaves a board's files."""
    return build.folder / "boards" / board
