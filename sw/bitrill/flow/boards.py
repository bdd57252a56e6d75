"""The verbs of boards: which there are, what each can do with a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """What the model of `bitrill.plan.resources` predicts for all of a build."""
    from ..plan.resources import Resources, network_resources

    return sum(network_resources(build.graph).values(), Resources())
