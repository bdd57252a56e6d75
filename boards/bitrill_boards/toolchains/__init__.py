"""Toolchains that make bitstreams; each is a module like `bitrill_boards.project.Toolchain`."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, cast

from bitrill.errors import SpecError

from ..board import Board

if TYPE_CHECKING:
    from ..project import Toolchain

TOOLCHAINS = {
    "vivado": "vivado",
    "vivado-ps7": "vivado_ps7",
    "openxc7": "openxc7",
    "open": "open_tools",
}
"""Module of each toolchain, imported when it is needed."""


def load(name: str) -> Toolchain:
    """Return the toolchain with a name; raise `SpecError` for an unknown one."""
    if name not in TOOLCHAINS:
        raise SpecError(f"toolchain must be one of {', '.join(TOOLCHAINS)}, not {name!r}")
    return cast("Toolchain", import_module(f".{TOOLCHAINS[name]}", __name__))


def choose(board: Board, name: str | None) -> str:
    """Return ``name``, or the board's default; raise `SpecError` if the board does not have it."""
    if name is None:
        return board.toolchains[0]
    if name not in board.toolchains:
        near = difflib.get_close_matches(name, board.toolchains, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise SpecError(
            f"toolchain must be one of {', '.join(board.toolchains)} for {board.name},"
            f" not {name!r}{meant}"
        )
    return name


__all__ = ["TOOLCHAINS", "choose", "load"]
