"""Completion of commands in a shell, by shtab: ``bitrill --completion bash``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..errors import ToolError

SHELLS = ("bash", "zsh", "tcsh")
_FOLDERS = ("BUILD", "DIR", "B", "OLD")
_FILES = ("FILE", "MODEL", "RECIPE.toml", "SPACE.toml", "PROJECT.toml", "X.npy", "Y.npy", "W.npz")
"""Placeholders of folders and of files in help texts."""


class Completion(argparse.Action):
    """The option ``--completion SHELL``: prints the shell's script and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        print(script(parser, str(values)), end="")
        parser.exit()


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script that completes verbs, options, files and names of boards in a shell."""
    try:
        import shtab
    except ImportError:
        raise ToolError(
            "completion needs shtab, which is not installed: pip install 'bitrill[cli]'",
            missing=True,
            package="shtab",
        ) from None
    from bitrill_boards.board import paths

    boards = " ".join(paths())
    named = {"bash": "_bitrill_boards", "zsh": f"({boards})", "tcsh": boards}
    (verbs,) = (a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for verb in verbs.values():
        for action in verb._actions:
            metavar = str(action.metavar)
            if metavar == "BOARD":
                action.complete = named  # type: ignore[attr-defined]
            elif metavar in _FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif metavar in _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    preamble = {"bash": f"_bitrill_boards() {{\n  compgen -W '{boards}' -- \"$1\"\n}}\n"}
    return shtab.complete(parser, shell=shell, preamble=preamble)  # pyright: ignore[reportArgumentType]
